"""Optimizers and learning-rate schedules of a Fit."""

from __future__ import annotations

import math
from typing import Any

import keras

from pipelines.run import Fit


@keras.saving.register_keras_serializable(package="pipelines")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise to the peak, then half a cosine to zero.

    Keras' own `CosineDecay` with a warm-up starts at a rate of exactly zero, so that the first step is lost; this one
    rises from peak / warm-up steps.

    Args:
        peak: the highest learning rate.
        steps: optimizer steps in all.
        warmup: of these, steps of the rise.

    Source: Loshchilov and Hutter 2017, SGDR, section 3, one cycle without restarts.
    """

    def __init__(self, peak: float, steps: int, warmup: int = 0) -> None:
        super().__init__()
        self.peak, self.steps, self.warmup = peak, steps, warmup

    def __call__(self, step: Any) -> Any:
        """The rate of this step."""
        step = keras.ops.cast(step, "float32")
        rise = (step + 1.0) / max(self.warmup, 1)
        done = (step - self.warmup) / max(self.steps - self.warmup, 1)
        fall = 0.5 * (1.0 + keras.ops.cos(math.pi * keras.ops.clip(done, 0.0, 1.0)))
        return self.peak * keras.ops.where(step < self.warmup, rise, fall)

    def get_config(self) -> dict[str, float]:
        """The constructor's arguments."""
        return {"peak": self.peak, "steps": self.steps, "warmup": self.warmup}


def make_optimizer(fit: Fit, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer of a fit that takes so many steps.

    Weight decay leaves biases and normalization scales alone (Loshchilov and Hutter 2019; the exclusion is common
    practice since He et al. 2019, section 3.1).
    """
    rate: Any = fit.learning_rate
    if fit.schedule == "cosine":
        rate = WarmupCosine(fit.learning_rate, steps, round(fit.warmup * steps))
    common = {"weight_decay": fit.weight_decay or None, "use_ema": fit.ema > 0, "ema_momentum": fit.ema or 0.99}
    kinds = {"adamw": keras.optimizers.AdamW, "adam": keras.optimizers.Adam, "muon": keras.optimizers.Muon}
    if fit.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **common)
    else:
        optimizer = kinds[fit.optimizer](rate, **{**common, "weight_decay": fit.weight_decay})
    if fit.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return keras.optimizers.LossScaleOptimizer(optimizer) if fit.precision == "mixed_float16" else optimizer
