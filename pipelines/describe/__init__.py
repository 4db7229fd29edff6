"""`describe`: what architectures cost and what holds for them, from names and flags. Nothing heavy is imported here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import tyro

from arch import BUILDERS
from arch.variants import VARIANTS, Variant
from data.errors import BadInput
from pipelines.flags import parse, positional
from pipelines.options import describe_builder, did_you_mean, options_dataclass
from pipelines.quiet import start_tensorflow


@dataclasses.dataclass(frozen=True)
class Flags:
    """Flags of `describe`.

    Attributes:
        input: shape of one input without the batch, such as 224 224 3; the variant's own where empty.
        classes: outputs of the head; the variant's own where 0.
        batch_size: rows of the training step whose memory is told.
        layers: one line for each layer in place of one for each block.
        laws: build the network and measure symmetry, the flow of gradients, reach and the sharing of weights.
        json: print one JSON object on stdout, everything else on stderr.
    """

    input: tuple[int, ...] = ()
    classes: int = 0
    batch_size: int = 32
    layers: bool = False
    laws: bool = False
    json: bool = False


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is described: a name and the configuration that it stands for.

    Attributes:
        name: as the user gave it.
        chosen: builder, options, shape, classes; with published figures where these are the published ones.
        summary: the builder's first line.
    """

    name: str
    chosen: Variant
    summary: str


def describe(arguments: Sequence[str], program: str) -> dict[str, Any] | None:
    """One architecture, or two side by side.

    Raises:
        BadInput: no such name, no shape, or options that cannot work.
    """
    names, rest = positional(arguments)
    if len(names) > 2:
        raise BadInput("describe: too many names", wanted="one name, or two to stand side by side", got=" ".join(names))
    for name in names or [""]:
        _require_known(name)
    kind = _flags_of(names[0]) if len(names) == 1 else dataclasses.make_dataclass("Describe", [_SHARED], frozen=True)
    given = parse(kind, rest, " ".join([program, *names]), " and ".join(map(_about, names)))
    options = dataclasses.asdict(given.model) if len(names) == 1 else None
    subjects = [_subject(name, given.flags, options) for name in names]
    start_tensorflow()
    from pipelines.describe import resources, text

    answers = [resources.answer(subject, given.flags) for subject in subjects]
    if given.flags.json:
        return answers[0] if len(answers) == 1 else {"architectures": answers}
    text.show(answers, given.flags)
    return None


def _require_known(name: str) -> None:
    choices = [*BUILDERS, *VARIANTS]
    if name not in choices:
        what = f"describe: unknown architecture{did_you_mean(name, choices)}"
        raise BadInput(what, wanted="a name that `list` shows", got=name or "nothing")


_SHARED = ("flags", Annotated[Flags, tyro.conf.OmitArgPrefixes], dataclasses.field(default=Flags()))


def _flags_of(name: str) -> type:
    """The common flags and the builder's options, a variant's as defaults."""
    variant = VARIANTS.get(name)
    model = options_dataclass(variant.builder if variant else name, dict(variant.options) if variant else {})
    options = ("model", model, dataclasses.field(default_factory=model))
    return dataclasses.make_dataclass("Describe", [_SHARED, options], frozen=True)


def _about(name: str) -> str:
    return f"{name}: {VARIANTS[name].source if name in VARIANTS else describe_builder(name).summary}"


def _subject(name: str, flags: Flags, options: Mapping[str, Any] | None) -> Subject:
    """The configuration of a name under these flags; published figures fall away where anything is changed."""
    variant = VARIANTS.get(name)
    builder = describe_builder(variant.builder if variant else name)
    shape = flags.input or (variant.input_shape if variant else ())
    if not shape:
        raise BadInput(f"describe {name}: no input shape", wanted="--input, such as --input 60 4")
    source = variant.source if variant else builder.source
    classes = flags.classes or (variant.classes if variant else 0)
    head = (variant.head if variant and variant.head != "none" else "multi_class") if classes else "none"
    defaults = {option.name: option.default for option in builder.options}
    if options is None:
        options = variant.options if variant else {}
    changed = {key: value for key, value in options.items() if value != defaults[key]}
    chosen = Variant(builder.name, changed, shape, classes, head, source)
    if variant and _same(variant, chosen, defaults):
        chosen = variant
    return Subject(name, chosen, builder.summary)


def _same(variant: Variant, chosen: Variant, defaults: Mapping[str, Any]) -> bool:
    shape = (variant.input_shape, variant.classes) == (chosen.input_shape, chosen.classes)
    return shape and {**defaults, **variant.options} == {**defaults, **chosen.options}
