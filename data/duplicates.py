"""Rows that stand twice, in a file or across files, and contents under two labels: counted, kept out of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

ORDER = ("all", "train", "val", "test")


def deduplicate(
    ids: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], rule: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Which rows to keep of each part, and what was found.

    `test` is never touched. Elsewhere a row goes when its content came before in the same part, stands in a later part
    (of train in val or test, of val in test) or carries two labels anywhere.

    Args:
        ids: part -> (rows,) numbers, equal for equal content; parts are `all`, or some of `train`, `val`, `test`.
        labels: part -> (rows,) class indices.
        rule: `remove` or `keep`.

    Returns:
        part -> (rows,) bool, and a JSON-ready report: `rows` read, `repeats` within a part, rows of a part that are
        `shared` with an earlier one, `contradictory` contents and rows, rows `removed`.
    """
    parts = [part for part in ORDER if part in ids]
    contradictory = _contradictory(ids, labels)
    keep: dict[str, np.ndarray] = {}
    shared: dict[str, int] = {}
    for position, part in enumerate(parts):
        later = parts[position + 1 :]
        shared |= {f"{other} in {part}": int(np.isin(ids[other], ids[part]).sum()) for other in later}
        drop = ~_first(ids[part]) | np.isin(ids[part], contradictory)
        for other in later:
            drop |= np.isin(ids[part], ids[other])
        keep[part] = ~drop if rule == "remove" and part != "test" else np.ones(len(drop), bool)
    return keep, {
        "rule": rule,
        "rows": {part: len(ids[part]) for part in parts},
        "repeats": {part: int((~_first(ids[part])).sum()) for part in parts},
        "shared": shared,
        "contradictory": {
            "contents": len(contradictory),
            "rows": sum(int(np.isin(ids[part], contradictory).sum()) for part in parts),
        },
        "removed": {part: int((~keep[part]).sum()) for part in parts},
    }


def _first(ids: np.ndarray) -> np.ndarray:
    """True where a number stands for the first time."""
    first = np.zeros(len(ids), bool)
    first[np.unique(ids, return_index=True)[1]] = True
    return first


def _contradictory(ids: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]) -> np.ndarray:
    """The numbers that stand with more than one label."""
    pairs = np.concatenate([np.stack([ids[part], labels[part]]) for part in ids], axis=1)
    numbers, count = np.unique(np.unique(pairs, axis=1)[0], return_counts=True)
    return numbers[count > 1]
