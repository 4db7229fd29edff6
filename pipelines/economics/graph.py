"""The model of a run: raw histories in; out of them, beside each other, networks and statistics, one forecast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

import keras

import arch
from arch.forecast.answers import Blend, Intervals, Unit, Unscaled
from arch.forecast.heads import distances
from arch.forecast.scaling import Deseasonalise, Restored, ScaledWindow, Transformed
from arch.forecast.statistical import Statistical
from data.economics import LEVELS
from pipelines.economics.fit import fit_of
from pipelines.run import Run
from pipelines.task import Meta

SHAPES: dict[str, Literal["free", "normal"]] = {"quantiles": "free", "normal": "normal"}


class Asked(NamedTuple):
    """What is to be forecast.

    Attributes:
        history: (batch, length) with NaN in front of shorter ones.
        meta: facts of the data.
    """

    history: keras.KerasTensor
    meta: Meta


def inputs(run: Run, meta: Meta) -> tuple[dict[str, keras.KerasTensor], Asked]:
    """Histories, (batch, length), in the units of their series."""
    history = keras.Input((meta["length"],), name="history")
    return {"history": history}, Asked(history, meta)


def trunk(run: Run) -> Callable[..., keras.KerasTensor]:
    """The builder between what takes level and seasons out and what puts them back, beside statistical methods.

    The model gives (batch, horizon, 1 + levels): the forecast and its quantiles.
    """

    def answer(asked: Asked, **options: Any) -> keras.KerasTensor:
        fit, meta, history = fit_of(run), asked.meta, asked.history
        members, window, unit = _network(asked, run, options)
        groups, shares = [members], [1.0]
        if fit.beside:
            groups.append(Statistical(fit.beside, meta["horizon"], meta["period"], name="statistical")(history))
            shares = [1 - fit.share, fit.share]
        centre = Blend(shares, name="blend")(groups)
        widths = []
        if fit.intervals != "conformal":
            widths = [distances(window, LEVELS, meta["horizon"], SHAPES[fit.intervals]) * unit[:, :, None]]
        return Intervals(LEVELS, name="intervals")([centre, unit, *widths])

    return answer


def _network(asked: Asked, run: Run, options: dict[str, Any]) -> tuple[Any, Any, Any]:
    """The network's members in the series' units, the window that it reads, and how much each history moves."""
    data, meta, history = run.data, asked.meta, asked.history
    horizon, changed = meta["horizon"], history
    if data.transform != "level":
        changed = Transformed(data.transform, name="transformed")(history)
    period = meta["period"] if data.seasons == "auto" else 1
    seasonless, factors, shifts = Deseasonalise(period, horizon, name="past_seasons")(changed)
    window, by = ScaledWindow(window_of(run, meta), data.unit, name="past_window")(seasonless)
    build = arch.builder(run.model.builder)
    if run.model.builder in arch.FORECASTERS:
        scaled = build(window, **(options | {"horizon": horizon}))
    else:
        scaled = keras.layers.Dense(horizon, dtype="float32", name="forecast")(build(window, **options))
    members = Unscaled(horizon, name="forecasts")([scaled, by, factors, shifts])
    if data.transform != "level":
        members = Restored(data.transform, name="restored")([members, history])
    return members, window, Unit(meta["period"], name="past_unit")(history)


def window_of(run: Run, meta: Meta) -> int:
    """Values that a network reads."""
    return min(run.data.window or 2 * meta["horizon"], meta["length"])


_PARTS: WeakKeyDictionary[keras.Model, keras.Model] = WeakKeyDictionary()


def parts(model: keras.Model) -> keras.Model:
    """The trained part of a model: histories to `members` and, where a head is learnt, `widths` of its quantiles."""
    if model not in _PARTS:
        names = {layer.name for layer in model.layers}
        outputs = {"members": model.get_layer("restored" if "restored" in names else "forecasts").output}
        if "spread" in names:
            outputs["widths"] = model.get_layer("spread").output
            outputs["unit"] = model.get_layer("past_unit").output
        _PARTS[model] = keras.Model(model.input, outputs)
    return _PARTS[model]
