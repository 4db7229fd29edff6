"""Initial kernels that Keras lacks: the identity, and filters that whiten patches of the data."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from arch.blocks import require, require_positive


@keras.saving.register_keras_serializable(package="arch")
class Dirac(keras.initializers.Initializer):
    """A kernel that hands its input on: `w[centre, i, i] = 1` within each group, all else 0.

    With padding `same` and stride 1 the first channels of the output are those of the input; further filters are zero.

    Args:
        groups: groups of the convolution; each hands on its own channels.

    Source: Zagoruyko and Komodakis 2017, "DiracNets"; the centre of an even kernel is where `same` padding puts it.
    """

    def __init__(self, groups: int = 1) -> None:
        require_positive("Dirac", "groups", groups)
        self.groups = groups

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
        """The kernel of this shape, (spatial axes, channels of a group, filters)."""
        require(len(shape) >= 3, "Dirac", "shape must be that of a convolution's kernel", shape)
        *sizes, channels, filters = shape
        require(filters % self.groups == 0, "Dirac", f"filters must be a multiple of groups ({self.groups})", filters)
        kernel, own = np.zeros(shape, "float32"), filters // self.groups
        centre = tuple((size - 1) // 2 for size in sizes)
        for index in range(min(channels, own)):
            kernel[(*centre, index, slice(index, None, own))] = 1.0
        return keras.ops.convert_to_tensor(kernel, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """The argument of this initializer."""
        return {"groups": self.groups}


def whitening_kernel(examples: np.ndarray, kernel_size: int, epsilon: float = 5e-4) -> np.ndarray:
    """Filters that whiten the patches of the examples: `w_i = v_i / sqrt(l_i + epsilon)`, and `-w_i` behind them.

    v_i and l_i are the eigenvectors and eigenvalues of the covariance of all patches, the largest first. Both signs
    stand there because a ReLU behind would lose one of them.

    Args:
        examples: (rows, one to three spatial axes, channels), some thousand rows of the training data.
        kernel_size: positions that a patch spans along every axis.
        epsilon: added to the eigenvalues, in the data's squared unit.

    Returns:
        kernel (kernel_size, ..., channels, 2 * channels * kernel_size ** axes), float32.

    Raises:
        ValueError: where the examples hold no patch of this size.

    Source: Page 2020, "How to train your ResNet 8"; Jordan 2024, section 3.2, with the negated copies.
    """
    axes = tuple(range(1, examples.ndim - 1))
    sizes = examples.shape[1:-1]
    require(bool(axes) and min(sizes) >= kernel_size, "whitening_kernel", "examples must hold a patch", examples.shape)
    windows = np.lib.stride_tricks.sliding_window_view(examples, (kernel_size,) * len(axes), axes)
    windows = np.moveaxis(windows, len(axes) + 1, -1)  # (rows, places, patch, channels)
    patches = windows.reshape(-1, kernel_size ** len(axes) * examples.shape[-1]).astype("float64")
    values, vectors = np.linalg.eigh(np.cov(patches, rowvar=False).reshape(patches.shape[1], -1))
    filters = vectors[:, ::-1] / np.sqrt(np.maximum(values[::-1], 0.0) + epsilon)
    both = np.concatenate([filters, -filters], axis=1)
    return both.reshape(*(kernel_size,) * len(axes), examples.shape[-1], -1).astype("float32")
