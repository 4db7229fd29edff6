"""What is told of a run: one training's figures, or means and spread over several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.run import Run

SCHEMA = 1


def result(
    run: Run, told: Mapping[str, Any], members: Sequence[Mapping[str, Any]], spread: Mapping[str, Any], path: Path
) -> dict[str, Any]:
    """The object that `--json` prints, less the seconds of the whole process.

    Args:
        run: what was asked for.
        told: its own figures: those of its one training, the means over several, or those of their ensemble.
        members: figures of each training.
        spread: standard deviations over them.
        path: the export.
    """
    head = {"schema": SCHEMA, "domain": run.domain, "recipe": run.recipe, "title": run.title}
    return {**head, **told, "seed": run.seed, "spread": spread, "runs": list(members), "export": str(path)}


def rows(name: str, told: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What stands in a table of scores, from above.

    Args:
        name: of the run.
        told: its figures; `result` gives those of several trainings.

    Returns:
        name -> (split -> scores, the same of their spread or None): the run, of an ensemble also the means of its
        members, and the baselines.
    """
    spread = told.get("spread") or {}
    own, theirs = spread.get("scores"), spread.get("baselines", {})
    alone = {name: (told["scores"], own)}
    if "members" in told:  # on one split, which the baselines are trained on once
        alone = {name: (told["scores"], None), f"its {len(told['runs'])} members": (told["members"], own)}
        theirs = {}
    return alone | {baseline: (scores, theirs.get(baseline)) for baseline, scores in told["baselines"].items()}


def means(members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Scores and baselines, measure by measure."""
    return _over(members, lambda values: float(np.mean(values)))


def deviations(members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Standard deviations, of samples, of scores and baselines."""
    return _over(members, lambda values: float(np.std(values, ddof=1)))


def _over(members: Sequence[Mapping[str, Any]], summary: Callable[[list[float]], float]) -> dict[str, Any]:
    return {key: _merge([member[key] for member in members], summary) for key in ("scores", "baselines")}


def _merge(values: list[Any], summary: Callable[[list[float]], float]) -> Any:
    """Null, in a record from which a member that has ended is read, was not a number."""
    if isinstance(values[0], dict):
        return {key: _merge([v[key] for v in values], summary) for key in values[0]}
    return summary([np.nan if v is None else v for v in values])
