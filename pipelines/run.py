"""Run: everything that decides an outcome, as one frozen value that can be written, read and run again."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from data.errors import BadInput

SCHEMA = 1
COUNTS = ("seed", "split_seed", "seeds", "combine", "folds", "fold")


@dataclass(frozen=True)
class Model:
    """Which architecture, by its key in `arch.BUILDERS`, with options that differ from the builder's defaults."""

    builder: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Other(Model):
    """A further architecture of an ensemble, under the name of the recipe that it is of.

    Attributes:
        recipe: that name; the builder's where it is of none.
    """

    recipe: str = ""

    @property
    def name(self) -> str:
        """What its members are called."""
        return self.recipe or self.builder


@dataclass(frozen=True)
class Fit:
    """How a model is fitted.

    Attributes:
        epochs: passes over the training rows.
        batch_size: rows a step, over all devices together.
        learning_rate: the peak of the schedule.
        schedule: how the learning rate moves after the warm-up: not, by half a cosine or a line to zero, or one cycle.
        warmup: share of all steps over which the learning rate rises, 0 to 1; linearly from zero, but for one_cycle.
        optimizer: update rule.
        weight_decay: decoupled decay of kernels; biases and normalization scales are left out.
        label_smoothing: share of a label's mass spread evenly over all classes, 0 to 1.
        clip_norm: largest global norm of the gradient, after the reduction over devices; 0 leaves it as it is.
        accumulate: parts into which a batch is cut to save memory; their gradients are added before the one step.
        ema: momentum of the running average of the weights that is judged and kept; 0 keeps the weights themselves.
        recalibrate: batches over which batch normalization is averaged anew for the weights of `ema`; 0 for none.
        patience: epochs without a better validation score before stopping; 0 trains all epochs.
        keep: which epoch's weights are kept: the best on validation by the score that decides; the last that is best
            there by that score and by the first that is shown; or the last.
        devices: devices of this machine to train on, 0 for every GPU; they share the batch, so no rate is rescaled.
        precision: number format of the computation; variables stay float32.
        jit: compile gradients with XLA; auto does so on GPUs, since on CPUs convnets become 2 to 12 times slower.
        deterministic: equal to the bit from run to run, at some cost where an operation has a faster unordered form.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine", "linear", "one_cycle"] = "cosine"
    warmup: float = 0.1
    optimizer: Literal["adamw", "adam", "sgd", "muon"] = "adamw"
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    clip_norm: float = 0.0
    accumulate: int = 1
    ema: float = 0.0
    recalibrate: int = 0
    patience: int = 0
    keep: Literal["best", "best_in_both", "last"] = "best"
    devices: int = 1
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    jit: Literal["auto", "on", "off"] = "auto"
    deterministic: bool = True

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work before anything is built."""
        for name in ("epochs", "batch_size", "accumulate"):
            _require(getattr(self, name) >= 1, f"fit.{name}", "at least 1", getattr(self, name))
        _require(self.learning_rate > 0, "fit.learning_rate", "a positive number", self.learning_rate)
        for name in ("warmup", "label_smoothing", "ema"):
            _require(0 <= getattr(self, name) < 1, f"fit.{name}", "0 or more and below 1", getattr(self, name))
        for name in ("weight_decay", "clip_norm", "recalibrate", "patience", "devices"):
            _require(getattr(self, name) >= 0, f"fit.{name}", "0 or more", getattr(self, name))


@dataclass(frozen=True)
class FineTuning(Fit):
    """How a model is fitted that may start from another one.

    Attributes:
        start: run folder, export folder or models:/NAME@ALIAS whose layers' weights are taken over where they fit.
        frozen: share of the layers, counted from the input on, that stay as they are; the head is none of them.
        layer_decay: factor on the learning rate for each further layer below the head, above 0; 1 for one rate.
    """

    start: str = ""
    frozen: float = 0.0
    layer_decay: float = 1.0

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work before anything is built."""
        super().__post_init__()
        _require(0 <= self.frozen <= 1, "fit.frozen", "0 to 1", self.frozen)
        _require(0 < self.layer_decay <= 1, "fit.layer_decay", "above 0, at most 1", self.layer_decay)


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        domain: the pipeline, such as genomics.
        recipe: the name under which the domain lists it.
        data: the domain's own data options, a frozen dataclass.
        model: the architecture.
        fit: how it is fitted.
        seed: of the weights, the order of the rows, dropout and the split.
        split_seed: of the split, where that is not `seed`; -1 for the same.
        seeds: how many seeds to train, counted up from `seed`.
        others: further architectures that are trained besides, each with every seed.
        combine: what several seeds or architectures become: the best of them on validation, or an ensemble of all on
            one split, with equal shares ("mean") or with shares chosen on validation ("stacking").
        folds: how many parts of the data to hold out in turn; 0 for one split.
        fold: the one part to hold out, counted from 0; -1 for all of them.
        source: the paper or idea the recipe follows.
        result: what was measured with it, and how.
    """

    domain: str
    recipe: str
    data: Any
    model: Model
    fit: Fit = field(default_factory=Fit)
    seed: int = 0
    split_seed: int = -1
    seeds: int = 1
    others: tuple[Other, ...] = ()
    combine: Literal["best", "mean", "stacking"] = "best"
    folds: int = 0
    fold: int = -1
    source: str = ""
    result: str = ""

    def __post_init__(self) -> None:
        """Refuse counts that mean nothing."""
        _require(self.seeds >= 1, "seeds", "1 or more", self.seeds)
        _require(self.folds == 0 or self.folds >= 2, "folds", "0, or 2 or more", self.folds)
        _require(self.folds == 0 or self.seeds == 1, "seeds", "1 beside folds", self.seeds)
        alone = self.seeds == 1 and not self.others
        _require(
            self.combine == "best" or not alone, "combine", "best, or several seeds or architectures", self.combine
        )
        _require(not (self.folds and self.others), "folds", "0 beside several architectures", self.folds)
        _require(self.fold < max(self.folds, 0) or self.fold < 0, "fold", f"below folds ({self.folds})", self.fold)

    def with_(self, **changes: Any) -> Run:
        """The run with some fields replaced."""
        return dataclasses.replace(self, **changes)

    @property
    def several(self) -> bool:
        """Whether it stands for several trainings: of seeds, of architectures, or of folds."""
        return self.seeds > 1 or bool(self.others) or (self.folds > 0 and self.fold < 0)

    @property
    def splits_by(self) -> int:
        """The seed of the split."""
        return self.seed if self.split_seed < 0 else self.split_seed

    def members(self) -> list[Run]:
        """The trainings that it stands for, each a run of its own; itself where it is one."""
        if self.folds and self.fold < 0:
            return [self.with_(fold=fold) for fold in range(self.folds)]
        split = self.split_seed if self.combine == "best" else self.splits_by
        return [
            alone.with_(others=(), combine="best", seed=self.seed + i, seeds=1, split_seed=split)
            for i in range(self.seeds)
            for alone in (self, *map(self._of, self.others))
        ]

    def _of(self, other: Other) -> Run:
        """The run with another architecture, under that one's name: what it was before is not told of this one."""
        model = Model(other.builder, other.options)
        return self.with_(model=model, recipe=other.name, source="", result="")

    @property
    def title(self) -> str:
        """What it is called beside others: its recipe, or what it is an ensemble of."""
        if not self.others:  # an ensemble of seeds may be a recipe from the start, so that its members have its name
            return self.recipe if self.combine == "best" else f"{self.recipe}, {self.combine} of {self.seeds} seeds"
        counts = Counter(member.recipe for member in self.members())
        whole = " + ".join(f"{count} {name}" for name, count in counts.items())
        return whole if self.combine == "best" else f"{self.combine} of {whole}"

    def differences(self, other: Run) -> dict[str, tuple[Any, Any]]:
        """Fields whose values differ, by their flags' names, with this run's value and the other's."""
        ours, theirs = self.flat(), other.flat()
        names = [n for n in {**ours, **theirs} if n not in ("source", "result") and ours.get(n) != theirs.get(n)]
        return {n: (ours.get(n), theirs.get(n)) for n in names}

    def as_json(self) -> dict[str, Any]:
        """The run as plain JSON values."""
        return {"schema": SCHEMA, **dataclasses.asdict(self)}

    def flat(self) -> dict[str, Any]:
        """Every field under its flag's name: `fit.epochs`, `model.width` and so on."""
        names = ("domain", "recipe", "source", "result", *COUNTS)
        values = {name: getattr(self, name) for name in names}
        values["others"] = [dataclasses.asdict(model) for model in self.others]
        values["model.builder"] = self.model.builder
        values |= {f"data.{k}": v for k, v in dataclasses.asdict(self.data).items()}
        values |= {f"model.{k}": v for k, v in self.model.options.items()}
        return values | {f"fit.{k}": v for k, v in dataclasses.asdict(self.fit).items()}


def _require(condition: bool, name: str, wanted: str, got: object) -> None:
    if not condition:
        raise BadInput(f"{name} cannot work", wanted=wanted, got=got)
