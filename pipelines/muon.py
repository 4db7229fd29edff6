"""Muon for every kernel: Keras' own leaves convolutions to Adam."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="pipelines")
class Muon(keras.optimizers.Muon):
    """Momentum made orthogonal, for kernels of any rank: a kernel counts as a matrix (all its other axes, filters).

    A convolution's kernel (height, width, channels, filters) thus becomes (height * width * channels, filters). Biases,
    scales, embeddings, kernels that are a single column (depthwise ones) and the layers of `exclude_layers` take AdamW.

    Args:
        learning_rate: rate or schedule, of both rules.
        weight_decay: decoupled decay, of both rules.
        exclude_layers: regular expressions; a variable whose path holds one takes AdamW. By default the heads.
        **kwargs: as of `keras.optimizers.Muon`.

    Source: Jordan 2024, "Muon: an optimizer for hidden layers in neural networks"; Liu et al. 2025 for the step's size.
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        weight_decay: float = 0.0,
        exclude_layers: Any = (r"(^|/)(logits|values)/",),
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("adam_weight_decay", weight_decay)
        super().__init__(
            learning_rate=learning_rate, weight_decay=weight_decay, exclude_layers=list(exclude_layers), **kwargs
        )

    def _should_use_adamw(self, variable: Any) -> bool:
        shape, name = variable.shape, variable.path.rpartition("/")[2]
        no_matrix = len(shape) < 2 or min(_as_matrix(shape)) == 1 or "bias" in name
        return no_matrix or super()._should_use_adamw(_Matrix(variable))

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """The orthogonal factor of a kernel, computed as a matrix and given back in the kernel's shape."""
        matrix = super().zeropower_via_newtonschulz5(ops.reshape(x, _as_matrix(x.shape)), steps)
        return ops.reshape(matrix, x.shape)

    def lr_adjust(self, x: Any) -> Any:
        """Liu's factor, 0.2 * sqrt(larger side), with the sides of the matrix."""
        return x if self.rms_rate is None else x * (self.rms_rate * math.sqrt(max(_as_matrix(x.shape))))


class _Matrix:
    """A variable as Keras' rule looks at it, which asks for two axes and for the path."""

    def __init__(self, variable: Any) -> None:
        self.shape, self.path = _as_matrix(variable.shape), variable.path


def _as_matrix(shape: Any) -> tuple[int, int]:
    return math.prod(shape[:-1]), shape[-1]
