"""Learning-rate schedules of a Fit: a rise over the warm-up, then a fall over what is left."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops


class _RiseAndFall(keras.optimizers.schedules.LearningRateSchedule):
    """`peak` times a rise from the first step to the end of the warm-up, then times a fall to the last step.

    Args:
        peak: the highest learning rate.
        steps: optimizer steps in all.
        warmup: of these, steps of the rise.
    """

    def __init__(self, peak: float, steps: int, warmup: int = 0) -> None:
        super().__init__()
        self.peak, self.steps, self.warmup = peak, steps, warmup

    def __call__(self, step: Any) -> Any:
        """The rate of this step."""
        step = ops.cast(step, "float32")
        rise = self.rise((step + 1.0) / max(self.warmup, 1))
        fall = self.fall(ops.clip((step - self.warmup) / max(self.steps - self.warmup, 1), 0.0, 1.0))
        return self.peak * ops.where(step < self.warmup, rise, fall)

    def rise(self, done: Any) -> Any:
        """Share of the peak when this share of the warm-up is done, the step itself counted: a straight line.

        Keras' own schedules start at a rate of exactly zero, so that the first step is lost.
        """
        return done

    def fall(self, done: Any) -> Any:
        """Share of the peak when this share of what follows the warm-up is done."""
        raise NotImplementedError

    def get_config(self) -> dict[str, float]:
        """The constructor's arguments."""
        return {"peak": self.peak, "steps": self.steps, "warmup": self.warmup}


@keras.saving.register_keras_serializable(package="pipelines")
class WarmupCosine(_RiseAndFall):
    """Linear rise to the peak, then half a cosine to zero: (1 + cos(pi t)) / 2.

    Source: Loshchilov and Hutter 2017, SGDR, section 3, one cycle without restarts.
    """

    def fall(self, done: Any) -> Any:
        """Half a cosine."""
        return 0.5 * (1.0 + ops.cos(math.pi * done))


@keras.saving.register_keras_serializable(package="pipelines")
class WarmupLinear(_RiseAndFall):
    """Linear rise to the peak, then a straight line to zero: 1 - t.

    Source: Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU", section 3.1; Devlin et al. 2019, A.2.
    """

    def fall(self, done: Any) -> Any:
        """A straight line."""
        return 1.0 - done


@keras.saving.register_keras_serializable(package="pipelines")
class OneCycle(_RiseAndFall):
    """Half a cosine from a 25th of the peak up to it, then half a cosine down to a 10,000th of the start.

    Source: Smith and Topin 2019, "Super-convergence", section 3; the two half cosines, in place of straight lines, and
    the two factors are those of fastai and PyTorch. Momentum is not cycled. The paper rises for up to 45 % of the
    steps, so a `warmup` of about 0.3 goes with it.
    """

    start, end = 1 / 25, 1 / 25e4

    def rise(self, done: Any) -> Any:
        """Half a cosine upwards."""
        return self.start + (1.0 - self.start) * 0.5 * (1.0 - ops.cos(math.pi * done))

    def fall(self, done: Any) -> Any:
        """Half a cosine downwards."""
        return self.end + (1.0 - self.end) * 0.5 * (1.0 + ops.cos(math.pi * done))


SCHEDULES = {"cosine": WarmupCosine, "linear": WarmupLinear, "one_cycle": OneCycle}
