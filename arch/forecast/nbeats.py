"""N-BEATS: a sum of small forecasts, each made from what the blocks before could not explain of the past."""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from arch.blocks import require_one_of, require_positive
from arch.forecast.members import MemberDense, dense_stack, windows

DEGREE = 2  # of the trend's polynomial


@keras.saving.register_keras_serializable(package="arch")
class Basis(keras.layers.Layer):
    """Functions of time, weighted: (batch, members, functions) -> (batch, members, steps). No weights of its own.

    `trend`: powers of t, t running from 0 to 1 over the forecast's steps, and from -length / steps to 0 over the past;
    `seasonality`: cosines and sines of whole numbers of turns over the horizon.

    Args:
        kind: which functions.
        steps: values to give.
        horizon: steps of the forecast, by which time is counted.
        past: whether the steps lie before the forecast.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(
        self, kind: Literal["trend", "seasonality"] | str, steps: int, horizon: int, past: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        require_one_of("Basis", "kind", kind, ("trend", "seasonality"))
        self.kind, self.steps, self.horizon, self.past = kind, steps, horizon, past

    def call(self, inputs: Any) -> Any:
        """The weighted sum."""
        table = functions(self.kind, self.steps, self.horizon, self.past)
        return ops.matmul(inputs, ops.cast(ops.convert_to_tensor(table), inputs.dtype))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """(batch, members, steps)."""
        return (*input_shape[:-1], self.steps)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        own = {"kind": self.kind, "steps": self.steps, "horizon": self.horizon, "past": self.past}
        return {**super().get_config(), **own}


def functions(kind: str, steps: int, horizon: int, past: bool) -> np.ndarray:
    """Values of the basis functions, (functions, steps) float32."""
    time = (np.arange(steps) - (steps if past else 0)) / horizon
    if kind == "trend":
        return np.stack([time**power for power in range(DEGREE + 1)]).astype("float32")
    turns = 2 * np.pi * np.arange(max(horizon // 2, 1))[:, None] * time
    return np.concatenate([np.cos(turns), np.sin(turns[1:])]).astype("float32")


def nbeats(
    inputs: keras.KerasTensor,
    *,
    horizon: int = 8,
    basis: Literal["generic", "interpretable"] = "generic",
    blocks: int = 3,
    width: int = 128,
    depth: int = 4,
    members: int = 1,
    lookbacks: tuple[int, ...] = (),
) -> keras.KerasTensor:
    """N-BEATS: doubly residual stacks of dense blocks, each with a backcast and a forecast.

    Members are networks of their own that read the same windows; they are computed together.

    Args:
        inputs: (batch, length, channels); the first channel is the series, which backcasts explain.
        horizon: steps to forecast, at least 1.
        basis: generic blocks are free; interpretable ones are a trend, then seasons, so that forecasts have parts.
        blocks: of the generic stack, or of each of the two interpretable ones, at least 1.
        width: units of each dense layer, at least 1.
        depth: dense layers of a block, at least 1.
        members: networks side by side, at least 1.
        lookbacks: newest values that each member sees, in turn; empty for the whole window.

    Returns:
        (batch, members * horizon): each member's forecast, one behind the other.

    Raises:
        ValueError: when an option is out of range, or a lookback longer than the window.

    Source: Oreshkin et al. 2020, N-BEATS, section 3: equation 1 (blocks), 3.2 (residual stacking), 3.3 (bases); blocks
        of an interpretable stack do not share weights here, and members differ in nothing but seed and lookback.
    """
    who = "nbeats"
    read = windows(who, inputs, members, lookbacks)
    for option, value in {"horizon": horizon, "blocks": blocks, "width": width, "depth": depth}.items():
        require_positive(who, option, value)
    require_one_of(who, "basis", basis, ("generic", "interpretable"))
    kinds = ["generic"] * blocks if basis == "generic" else ["trend"] * blocks + ["seasonality"] * blocks
    left, length = read.series, inputs.shape[1]
    total: Any = None
    for index, kind in enumerate(kinds):
        name = f"block{index}_{kind}"
        x = dense_stack(read.read(left, name), depth, width, name)
        forecast = _expand(x, kind, horizon, horizon, False, f"{name}_forecast")
        total = forecast if total is None else keras.layers.Add(name=f"{name}_sum")([total, forecast])
        if index < len(kinds) - 1:  # what the last block leaves is read by none
            backcast = _expand(x, kind, length, horizon, True, f"{name}_backcast")
            left = keras.layers.Subtract(name=f"{name}_left")([left, backcast])
    return keras.layers.Flatten(name="members")(total)


def _expand(x: Any, kind: str, steps: int, horizon: int, past: bool, name: str) -> Any:
    """A block's answer over some steps: free, or weights of the basis functions."""
    if kind == "generic":
        return MemberDense(steps, name=name)(x)
    count = len(functions(kind, 1, horizon, past))
    weights = MemberDense(count, name=f"{name}_weights")(x)
    return Basis(kind, steps, horizon, past, name=name)(weights)
