"""The model of a run: raw histories in; out of them, beside each other, networks and statistics, one forecast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

import keras

import arch
from arch.forecast.answers import Blend, Intervals, Unit, Unscaled
from arch.forecast.covariates import Seasons, Standardised, correction
from arch.forecast.heads import distances
from arch.forecast.scaling import Deseasonalise, ScaledWindow
from arch.forecast.statistical import Statistical
from arch.forecast.transforms import Kind, Restored, Transformed
from data.economics import LEVELS
from data.economics_covariates import further
from pipelines.economics.fit import fit_of
from pipelines.run import Run
from pipelines.task import Meta

SHAPES: dict[str, Literal["free", "normal"]] = {"quantiles": "free", "normal": "normal"}


class Asked(NamedTuple):
    """What is to be forecast.

    Attributes:
        history: (batch, length) with NaN in front of shorter ones.
        meta: facts of the data.
        further: by name, as they come, covariates and the code of a transform, see `shapes`.
    """

    history: keras.KerasTensor
    meta: Meta
    further: Mapping[str, keras.KerasTensor]


def inputs(run: Run, meta: Meta) -> tuple[dict[str, keras.KerasTensor], Asked]:
    """Histories, (batch, length), in the units of their series, and the covariates."""
    history = keras.Input((meta["length"],), name="history")
    others = {
        name: keras.Input(shape, name=name, dtype="float32" if shape else "int32")
        for name, shape in shapes(meta).items()
    }
    return {"history": history, **others}, Asked(history, meta, others)


def shapes(meta: Meta) -> dict[str, tuple[int, ...]]:
    """Of what one row brings beside its history.

    `past` (length, columns), `future` (length + horizon, columns), `static` (features,), and `season`, the number of
    the season that the first value to forecast is in; and `transform`, FRED-MD's code.
    """
    length, count = meta["length"], {kind: len(about["names"]) for kind, about in meta["covariates"].items()}
    every = {
        "past": (length, count.get("past", 0)),
        "future": (length + meta["horizon"], count.get("future", 0)),
        "static": (count.get("static", 0),),
        "season": (),
        "transform": (),
    }
    return {name: every[name] for name in further(meta)}


def trunk(run: Run) -> Callable[..., keras.KerasTensor]:
    """The builder between what takes level and seasons out and what puts them back, beside statistical methods.

    The model gives (batch, horizon, 1 + levels): the forecast and its quantiles.
    """
    build = arch.builder(run.model.builder)  # here, so that its layers are known where a saved model is loaded

    def answer(asked: Asked, **options: Any) -> keras.KerasTensor:
        fit, meta, history = fit_of(run), asked.meta, asked.history
        members, window, unit = _network(asked, run, build, options)
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


def _network(asked: Asked, run: Run, build: Callable[..., Any], options: dict[str, Any]) -> tuple[Any, Any, Any]:
    """The network's members in the series' units, the window that it reads, and how much each history moves."""
    data, meta, history = run.data, asked.meta, asked.history
    horizon, changed = meta["horizon"], history
    coded = data.transform == "file"
    kind: Kind = "coded" if coded else data.transform
    code = [asked.further["transform"]] if coded else []
    if kind != "level":
        changed = Transformed(kind, name="transformed")([history, *code] if code else history)
    period = meta["period"] if data.seasons == "auto" else 1
    seasonless, factors, shifts = Deseasonalise(period, horizon, name="past_seasons")(changed)
    window, by = ScaledWindow(window_of(run, meta), data.unit, name="past_window")(seasonless)
    if run.model.builder in arch.FORECASTERS:
        scaled = build(window, **(options | {"horizon": horizon}))
    else:
        scaled = keras.layers.Dense(horizon, dtype="float32", name="forecast")(build(window, **options))
    if meta["covariates"]:
        change = correction(window, _covariates(asked, window.shape[1]), horizon=horizon)
        scaled = keras.layers.Add(name="corrected")([scaled, _repeated(change, scaled.shape[1] // horizon)])
    members = Unscaled(horizon, name="forecasts")([scaled, by, factors, shifts])
    if kind != "level":
        members = Restored(kind, name="restored")([members, history, *code])
    return members, window, Unit(meta["period"], name="past_unit")(history)


def _covariates(asked: Asked, window: int) -> dict[str, Any]:
    """Covariates as a network reads them: scaled, of the dates of its window and of those to be forecast."""
    meta, found = asked.meta, {kind: asked.further[kind] for kind in asked.meta["covariates"]}
    horizon = meta["horizon"]
    for kind in ("past", "future", "static"):
        if kind in found:
            about = meta["covariates"][kind]
            scale = Standardised(about["mean"], about["deviation"], about.get("lags", ()), name=f"{kind}_scaled")
            found[kind] = scale(found[kind])
    if "past" in found:
        found["past"] = found["past"][:, -window:]
    if "future" in found:
        found["future"] = found["future"][:, -window - horizon :]
    if "season" in found:
        of_dates = Seasons(meta["period"], window + horizon, -window, name="seasons")(found.pop("season"))
        both = [found["future"], of_dates] if "future" in found else [of_dates]
        found["future"] = keras.layers.Concatenate(name="known_ahead")(both) if len(both) > 1 else of_dates
    return found


def _repeated(change: Any, members: int) -> Any:
    """The same change for each member."""
    return keras.layers.Concatenate(name="for_all")([change] * members) if members > 1 else change


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
