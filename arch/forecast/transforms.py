"""What a model learns in place of the values of a series, and the way back: differences, logarithms, growth."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from arch.blocks import require_one_of

TRANSFORMS = (
    "level",
    "difference",
    "second_difference",
    "log",
    "log_difference",
    "log_second_difference",
    "growth_difference",
)
"""In the order of FRED-MD's codes 1 to 7. Source: McCracken and Ng 2016, FRED-MD, appendix."""
KINDS = (*TRANSFORMS, "coded")
Kind = Literal[
    "level", "difference", "second_difference", "log", "log_difference", "log_second_difference", "growth_difference",
    "coded",
]  # fmt: skip


class _OfKind(keras.layers.Layer):
    """A layer of one transform, or, if `coded`, of the one whose code each row brings as the last input."""

    def __init__(self, kind: Kind, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        require_one_of(type(self).__name__, "kind", kind, KINDS)
        self.kind = kind

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "kind": self.kind}


@keras.saving.register_keras_serializable(package="arch")
class Transformed(_OfKind):
    """Histories as what is learnt: (batch, length) -> the same. No weights.

    A difference has one value less, so one NaN more in front.

    Args:
        kind: one of TRANSFORMS, or coded: the inputs are histories and codes (batch,), 1 to 7.
        **kwargs: as of `keras.layers.Layer`.
    """

    def call(self, inputs: Any) -> Any:
        """Transform; what is missing stays so."""
        if self.kind != "coded":
            return transformed(inputs, self.kind)
        history, codes = inputs
        found = ops.zeros_like(history)
        for code, kind in enumerate(TRANSFORMS, 1):
            own = _own(codes, code, history)
            # of other rows' values there may be no logarithm, which would spoil gradients even where it is not taken
            found = ops.where(own, transformed(ops.where(own, history, ops.ones_like(history)), kind), found)
        return found

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the histories."""
        return tuple(input_shape[0] if self.kind == "coded" else input_shape)


@keras.saving.register_keras_serializable(package="arch")
class Restored(_OfKind):
    """Forecasts of what `Transformed` made, in the history's own terms. No weights.

    Forecasts (batch, members, horizon) and the histories (batch, length) before the transform -> the forecasts' shape.

    Args:
        kind: one of TRANSFORMS, or coded: codes (batch,) are the third input.
        **kwargs: as of `keras.layers.Layer`.
    """

    def call(self, inputs: Any) -> Any:
        """Go back from the last values."""
        forecasts, history, *codes = inputs
        if not codes:
            return restored(forecasts, history, self.kind)
        found = ops.zeros_like(forecasts)
        for code, kind in enumerate(TRANSFORMS, 1):
            own, ahead = _own(codes[0], code, history), _own(codes[0], code, forecasts)
            past = ops.where(own, history, ops.ones_like(history))
            found = ops.where(
                ahead, restored(ops.where(ahead, forecasts, ops.zeros_like(forecasts)), past, kind), found
            )
        return found

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the forecasts."""
        return tuple(input_shape[0])


def transformed(values: Any, kind: str) -> Any:
    """Values (batch, length) as one of TRANSFORMS."""
    if kind.startswith("log"):
        values = ops.log(values)
    if kind.startswith("growth"):
        values = _later(values[:, 1:] / values[:, :-1] - 1)
    for _ in range(_order(kind)):
        values = _later(values[:, 1:] - values[:, :-1])
    return values


def restored(forecasts: Any, history: Any, kind: str) -> Any:
    """Forecasts (batch, members, horizon) of one of TRANSFORMS in terms of the histories."""
    last, before = history[:, -1:, None], history[:, -2:-1, None]
    if kind.startswith("growth"):
        growth = ops.cumsum(forecasts, axis=-1) + (last / before - 1)
        return last * ops.cumprod(1 + growth, axis=-1)
    log = kind.startswith("log")
    last = ops.log(last) if log else last
    if _order(kind) == 2:
        forecasts = ops.cumsum(forecasts, axis=-1) + (last - (ops.log(before) if log else before))
    if _order(kind):
        forecasts = ops.cumsum(forecasts, axis=-1) + last
    return ops.exp(forecasts) if log else forecasts


def _order(kind: str) -> int:
    """How many times differences are taken, behind logarithm or growth."""
    return 2 if kind.endswith("second_difference") else int(kind.endswith("difference"))


def _later(values: Any) -> Any:
    """As long as before, with NaN in front."""
    return ops.pad(values, ((0, 0), (1, 0)), constant_values=float("nan"))


def _own(codes: Any, code: int, like: Any) -> Any:
    """Which rows have this code, in as many axes as `like` has."""
    mask = ops.cast(codes, "int32") == code
    return ops.reshape(mask, (-1, *[1] * (len(like.shape) - 1)))
