"""What economics tells the engine: histories in, forecasts and quantiles out, raw series at the served end."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.splits import Rows
from pipelines.economics.baselines import baselines, naive2_of, rivals
from pipelines.economics.equality import diebold_mariano
from pipelines.economics.figures import figures
from pipelines.economics.graph import inputs, trunk
from pipelines.economics.objective import calibrate, objective, weights
from pipelines.economics.scores import forecasting, mase, percents, smape
from pipelines.economics.serving import raw, serving
from pipelines.task import Meta, Scores, Task


def named(outputs: np.ndarray, meta: Meta) -> dict[str, np.ndarray]:
    """The forecast and its quantiles."""
    return {"mean": outputs[..., 0], "quantiles": outputs[..., 1:]}


def evaluate(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta) -> Scores:
    """All scores of a forecaster; of rows that are judged, `dm_p` too, of its equality with the best baseline."""
    batch = rows.batch(np.arange(rows.size))
    if rows.around.first is not None:  # type: ignore[union-attr]
        return forecasting(outputs["mean"], batch, naive2_of(rows, batch), outputs["quantiles"])
    target, others = batch["target"].astype(np.float64), rivals(rows)
    theirs = min((percents(rival.mean, target).mean(1) for rival in others.values()), key=np.mean)
    ours = percents(outputs["mean"], target).mean(1)
    scores = forecasting(outputs["mean"], batch, others["naive2"].mean, outputs["quantiles"])
    return scores | {"dm_p": diebold_mariano(ours, theirs, rows["series"], rows["origin"], target.shape[1])}


def validate(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta) -> Scores:
    """Errors of the forecasts alone: intervals are calibrated when the training is over."""
    batch = rows.batch(np.arange(rows.size))
    mean, target = outputs["mean"].astype(np.float64), batch["target"].astype(np.float64)
    return {"smape": smape(mean, target), "mase": mase(mean, target, batch["scale"].astype(np.float64))}


TASK = Task(
    inputs=inputs,
    trunk=trunk,
    head=lambda features, meta: features,
    objective=objective,
    named=named,
    evaluate=evaluate,
    baselines=baselines,
    plots=figures,
    serving=serving,
    raw=raw,
    weights=weights,
    measure="smape",
    headline=("smape", "mase", "owa", "coverage_80", "coverage_95", "dm_p", "seconds"),
    validate=validate,
    calibrate=calibrate,
    outputs="values",
)
