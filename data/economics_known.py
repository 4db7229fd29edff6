"""Series for a model that is there already: what a file for it must hold, and rows to judge it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from data.economics import check_signs
from data.economics_cells import UnknownFrequency
from data.economics_files import from_file
from data.economics_options import EconomicsData
from data.economics_panel import Panel, check_lengths
from data.economics_vintages import check_not_before
from data.economics_windows import Windows, fixed_rows
from data.errors import BadInput
from data.given import options_of
from data.splits import Rows


def labelled_rows(path: str, metadata: Mapping[str, Any], origins: int = 1, stride: int = 0) -> Rows:
    """The newest values of each series of a file, to judge a trained model on.

    Args:
        path: of the file.
        metadata: of the model's export.
        origins: forecasts of each series, the newest of its newest horizon.
        stride: values from one to the next; 0 for a whole horizon.

    Raises:
        BadInput: with series and date; another frequency than the model's.
    """
    panel, facts = known(path, metadata)
    horizon, stride = facts["horizon"], stride or facts["horizon"]
    back = (origins - 1) * stride
    told = f"{origins} forecasts of {horizon}" if origins > 1 else "a horizon"
    check_lengths(panel, back + horizon + facts["shortest"], f"{told}, a season and one before")
    last = panel.lengths - horizon
    return fixed_rows(panel, windows_of(panel, facts), last - back, last, stride)


def windows_of(panel: Panel, facts: Mapping[str, Any]) -> Windows:
    """What makes the windows of a model that is there already."""
    return Windows(panel, facts["length"], facts["horizon"], calendar="season" in facts["covariates"])


def known(path: str, metadata: Mapping[str, Any]) -> tuple[Panel, Mapping[str, Any]]:
    """The series of a file for a model that is there already, and the facts of its data.

    Raises:
        BadInput: another frequency than the model's.
    """
    facts, asked = metadata["data"], options_of(EconomicsData, metadata).asked
    check_not_before(path, facts)
    learnt = facts["covariates"].get("static", {}).get("names", ())
    try:
        panel, _ = from_file(path, "", asked, learnt)
    except UnknownFrequency:
        panel, _ = from_file(path, facts["frequency"], asked, learnt)
    if panel.frequency.name not in (facts["frequency"], "other"):
        raise BadInput("series of another frequency", wanted=facts["frequency"], got=panel.frequency.name, where=path)
    if "season" in facts["covariates"] and not panel.frequency.unit:
        raise BadInput("no calendar", wanted="dates", got="numbers", where=path)
    panel = panel if facts["transform"] == "file" else replace(panel, codes=None)
    check_signs(panel, facts["transform"])
    return panel, facts
