"""The optimizer of a Fit."""

from __future__ import annotations

from typing import Any

import keras

from pipelines.muon import Muon
from pipelines.run import Fit
from pipelines.schedules import SCHEDULES


def make_optimizer(fit: Fit, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer of a fit that takes so many steps.

    Weight decay leaves biases and normalization scales alone (Loshchilov and Hutter 2019; the exclusion is common
    practice since He et al. 2019, section 3.1).
    """
    rate: Any = fit.learning_rate
    if fit.schedule != "constant":
        rate = SCHEDULES[fit.schedule](fit.learning_rate, steps, round(fit.warmup * steps))
    common = {"weight_decay": fit.weight_decay or None, "use_ema": fit.ema > 0, "ema_momentum": fit.ema or 0.99}
    kinds = {"adamw": keras.optimizers.AdamW, "adam": keras.optimizers.Adam, "muon": Muon}
    if fit.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **common)
    else:
        optimizer = kinds[fit.optimizer](rate, **{**common, "weight_decay": fit.weight_decay})
    if fit.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return keras.optimizers.LossScaleOptimizer(optimizer) if fit.precision == "mixed_float16" else optimizer
