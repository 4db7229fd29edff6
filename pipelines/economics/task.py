"""What economics tells the engine: histories in, forecasts and quantiles out, raw series at the served end."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.splits import Rows
from pipelines.economics.baselines import baselines, naive2_of
from pipelines.economics.figures import figures
from pipelines.economics.graph import inputs, trunk
from pipelines.economics.objective import calibrate, objective, weights
from pipelines.economics.scores import forecasting, mase, smape
from pipelines.economics.serving import raw, serving
from pipelines.task import Meta, Scores, Task


def named(outputs: np.ndarray, meta: Meta) -> dict[str, np.ndarray]:
    """The forecast and its quantiles."""
    return {"mean": outputs[..., 0], "quantiles": outputs[..., 1:]}


def evaluate(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta) -> Scores:
    """All scores of a forecaster."""
    batch = rows.batch(np.arange(rows.size))
    return forecasting(outputs["mean"], batch, naive2_of(rows, batch), outputs["quantiles"])


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
    headline=("smape", "mase", "owa", "coverage_80", "coverage_95"),
    validate=validate,
    calibrate=calibrate,
    outputs="values",
)
