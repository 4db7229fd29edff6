"""How series are split in time: where training, validation and test end in each, and the rows of each."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from data.economics_panel import Panel, check_lengths
from data.economics_windows import Windows, drawn_rows, fixed_rows
from data.errors import BadInput
from data.splits import Rows

FEWEST = 30  # series to choose by and to calibrate on, where there are so many


def boundaries(panel: Panel, split: str, horizon: int, span: int) -> tuple[np.ndarray, str]:
    """Where training, validation and test end in each series.

    Args:
        panel: the series.
        split: last or fractions.
        horizon: values of a forecast.
        span: values that are judged in each of validation and test, with split last.

    Returns:
        (3, series) positions behind the last value of each part, and the rule in words. A series may be too short for
        validation, but not all of them.

    Raises:
        BadInput: naming the first series that is too short.
    """
    lengths, least = panel.lengths, panel.frequency.period + 1
    if split == "fractions":
        why = "a horizon in the tenth that is for validation, a season and one in the 70 % before it"
        check_lengths(panel, max(10 * horizon, -(-10 * least // 7)), why)
        ends = np.stack([(0.7 * lengths).astype(int), lengths - (0.2 * lengths).astype(int), lengths])
        return (
            ends,
            "in time: the first 70 % of each series to learn from, 20 % at the end for test, the rest to choose by",
        )
    test = max(panel.held, span)
    if lengths.max() < test + span + least:
        check_lengths(panel, test + span + least, f"{test} for test, {span} for validation, a season and one before")
    check_lengths(panel, test + least, f"{test} for test, a season and one before")
    rule = "official" if panel.held and span == panel.held else "in time"
    ends = np.stack([np.maximum(lengths - test - span, 0), lengths - test, lengths - test + span])
    return ends, f"{rule}: the last {span} of each series for test, {span} before to choose by"


def chosen(able: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which series are judged to choose by, (series,) bool: of a few all, since intervals are calibrated there.

    Args:
        able: (series,) bool, which are long enough for it.
        share: of all of them.
        seed: of the order in which they are taken.
    """
    order = np.random.default_rng([seed, len(able)]).permutation(len(able))
    first = np.argsort(np.where(able, order, len(able)))[: max(FEWEST, round(share * len(able)))]
    return able & np.isin(np.arange(len(able)), first)


def divided(
    windows: Windows, ends: np.ndarray, choosing: np.ndarray, stride: int, draws: int, recent: int
) -> dict[str, Rows]:
    """The rows of the three parts; every value to be forecast lies in its own part, every history before it.

    Args:
        windows: with origins of the rows' own.
        ends: as `boundaries` gives them.
        choosing: (series,) bool, which are judged in validation; the others are learnt from up to test.
        stride: from one origin that is judged to the next.
        draws: windows that are drawn from each series for an epoch.
        recent: how many horizons before the end they are drawn from; 0 for all.

    Raises:
        BadInput: no series is long enough to learn from.
    """
    panel, horizon = windows.panel, windows.horizon
    before, val, test = ends
    train, least = np.where(choosing, before, val), panel.frequency.period + 1
    earliest = np.full(len(panel), least)
    if recent:
        earliest = np.maximum(earliest, train - recent * horizon)
    drawing = Windows(panel, windows.length, horizon, earliest, train - horizon, windows.calendar)
    learnt = drawn_rows(drawing, draws)
    if not learnt.size:
        wanted = f"a series of which {least} values and a horizon of {horizon} lie before validation"
        got = f"at most {train.max()} values"
        raise BadInput("nothing to learn from", wanted=wanted, got=got, where=panel.place(int(train.argmax())))
    return {
        "train": learnt,
        "val": fixed_rows(panel, windows, before, val - horizon, stride, np.flatnonzero(choosing)),
        "test": fixed_rows(panel, windows, val, test - horizon, stride),
    }


def digest(panel: Panel, rows: Rows, ends: np.ndarray, part: str) -> str:
    """Of everything that the rows of one part depend on."""
    text = sha256(f"{part} {panel.digest()}".encode())
    for array in (ends, rows["series"], rows["origin"]):
        text.update(np.ascontiguousarray(array).tobytes())
    return text.hexdigest()
