"""`evaluate`: a model's forecasts from rolling origins, beside the baselines' from the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.economics_known import labelled_rows
from data.errors import BadInput, counted
from data.splits import Rows
from pipelines.cli import model_and_file
from pipelines.domain import Domain
from pipelines.flags import parse, positional


@dataclass(frozen=True)
class EvaluateFlags:
    """Flags of `evaluate`.

    Attributes:
        origins: forecasts of each series of FILE, the newest of its newest values.
        stride: values from one forecast to the next; 0 for a whole horizon.
        json: print one JSON object on stdout, everything else on stderr.
    """

    origins: int = 1
    stride: int = 0
    json: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work before anything is read."""
        for name, least in (("origins", 1), ("stride", 0)):
            if getattr(self, name) < least:
                raise BadInput(f"--{name} cannot work", wanted=f"at least {least}", got=getattr(self, name))


def main(domain: Domain, arguments: Sequence[str], program: str) -> dict[str, Any]:
    """Judge a model on the newest values of a file, or on the test rows of its own run where there is none.

    Raises:
        BadInput: no such model, a file that cannot be read, series that are too short, origins without a file.
    """
    words, flags = positional(arguments)
    told = parse(EvaluateFlags, flags, program, f"{program} [MODEL] [FILE]")
    model, file = model_and_file(words)
    if not file and (told.origins > 1 or told.stride):
        raise BadInput("evaluate: which series", wanted="FILE beside --origins and --stride", got="the run's own rows")
    from pipelines.quiet import start_tensorflow

    start_tensorflow()
    from pipelines import verbs
    from pipelines.economics.baselines import scored
    from pipelines.report import Report, verdict

    export = verbs.find(domain, model)
    found = labelled_rows(file, export.metadata, told.origins, told.stride) if file else verbs.test_rows(domain, export)
    ours, others = {"test": verbs.judged(domain, export, found)}, scored(found)
    report = Report(told.json)
    report.note(
        f"{export.name} version {export.version} on {file or 'its test rows'}: {counted(found.size, 'forecast')}"
    )
    report.scores({export.name: (ours, None), **{n: (s, None) for n, s in others.items()}}, domain.task.headline)
    report.note("")
    report.note(verdict(domain.task, {"scores": ours, "baselines": others}, found.size))
    if file and verbs.learnt_from(file, export) and (seen := _seen(found, export.metadata)):
        report.note(seen)
    return {**verbs.head(domain, export), "rows": found.size, "scores": ours, "baselines": others}


def _seen(rows: Rows, metadata: Mapping[str, Any]) -> str:
    """A warning where forecasts of the file that a model was trained on begin before its test values."""
    data, horizon = metadata["run"]["data"], metadata["data"]["horizon"]
    lengths = rows.around.panel.lengths[rows["series"][:]]  # type: ignore[union-attr]
    if data["split"] == "last":
        tested = lengths - horizon - (data["origins"] - 1) * (data["stride"] or horizon)
    else:
        tested = lengths - (0.2 * lengths).astype(int)
    before = int(np.sum(rows["origin"][:] < tested))
    told = (
        f"{before:,} of {rows.size:,} forecasts begin before the test values of the run: the model has seen what came"
    )
    return told if before else ""
