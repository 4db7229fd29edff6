"""What a step minimises: each member's own errors, and the quantile loss where a head is learnt; then calibration."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from arch.forecast.answers import Unit, conformal_offsets
from arch.forecast.heads import pinball
from data.economics import LEVELS
from data.splits import Splits
from pipelines import engine
from pipelines.economics.fit import fit_of
from pipelines.economics.graph import parts
from pipelines.run import Run
from pipelines.task import Batch, Objective

TINY = 1e-6


def objective(model: keras.Model, batch: Batch, run: Run, training: bool) -> Objective:
    """The mean over members and steps; statistical methods have nothing to learn and are not run.

    Members are judged one by one, not as the ensemble that they become: each learns to forecast alone, so that their
    errors differ.
    """
    fit = fit_of(run)
    told = parts(model)({name: batch[name] for name in model.input}, training=training)
    members, target = told["members"], batch["target"][:, None]
    divisor = {
        # The forecast in the divisor is not learnt from: it would reward forecasts for being large.
        "smape": (ops.stop_gradient(ops.abs(members)) + ops.abs(target)) / 2,
        "mase": batch["scale"][:, None, None],
        "mape": ops.abs(target),
    }[fit.loss]
    errors = ops.abs(members - target) / ops.maximum(divisor, TINY)
    if fit.loss == "mape":
        errors = ops.where(target == 0, 0.0, errors)  # no percentage of nothing; the score leaves such points out too
    losses = ops.mean(errors, axis=(1, 2))
    if "widths" in told:
        unit = ops.maximum(told["unit"], TINY)
        centre = ops.stop_gradient(ops.median(members, axis=1))
        losses += pinball((batch["target"] - centre) / unit, told["widths"], LEVELS)
    return Objective(losses, {})


def weights(batch: Batch) -> Any:
    """One for every row."""
    return ops.ones_like(batch["scale"])


def calibrate(model: keras.Model, run: Run, splits: Splits) -> None:
    """Set the intervals' offsets so that they cover the validation rows, by split-conformal prediction."""
    layer = model.get_layer("intervals")
    layer.offset.assign(np.zeros(layer.offset.shape, "float32"))
    batch = splits.val.batch(np.arange(splits.val.size))
    unit = ops.convert_to_numpy(Unit(splits.meta["period"])(batch["history"]))
    said = engine.predict(model, splits.val)[..., 1:]
    errors = (batch["target"][..., None] - said) / np.maximum(unit, TINY)[..., None]
    layer.offset.assign(conformal_offsets(errors, LEVELS).astype("float32"))
