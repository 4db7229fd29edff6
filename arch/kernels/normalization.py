"""Batch normalization: fused on TensorFlow, and over all replicas."""

from __future__ import annotations

from typing import Any

import keras

from arch.kernels.choice import fast, replicas
from arch.kernels.moments import folded, fused, over_replicas, places_to_fold


def _lacks_gradient_at_inference() -> bool:
    """On a GPU under op determinism the fused operation refuses to differentiate with moving statistics."""
    import tensorflow as tf

    # No public question for it; Keras' own trainer asks in this way.
    from tensorflow.python.framework.config import is_op_determinism_enabled

    return bool(is_op_determinism_enabled() and tf.config.list_physical_devices("GPU"))


@keras.saving.register_keras_serializable(package="arch")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization: y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, channel by channel.

    In training mean and (biased) variance are the batch's, and the moving averages take `1 - momentum` of them; at
    inference the moving averages are used. On TensorFlow rank 3 and 4 run as one fused operation, forward and
    backward, which Keras' own layer does not do. Where several replicas train together the statistics are those of
    the global batch, whatever `synchronized` says, so that two replicas equal one and an empty replica does no harm.

    Masking: steps whose mask is False count in no statistic (portable path). Weights: gamma and beta (channels,)
    trainable, moving_mean and moving_variance (channels,) not.

    Args:
        momentum: share of the old moving average kept at each step; Keras' 0.99 needs more steps than small sets have.
        epsilon: added to the variance.
        **kwargs: as of `keras.layers.BatchNormalization`.

    Source: Ioffe and Szegedy 2015.
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalize (batch, ..., channels)."""
        learning = bool(training) and self.trainable
        if not self._can_fuse(inputs, learning, mask):
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = fused_batch_norm(
            inputs,
            gamma=keras.ops.convert_to_tensor(self.gamma) if self.scale else None,
            beta=keras.ops.convert_to_tensor(self.beta) if self.center else None,
            moving=None if learning else (self.moving_mean, self.moving_variance),
            epsilon=self.epsilon,
        )
        if learning:
            self._follow(self.moving_mean, mean)
            self._follow(self.moving_variance, variance)
        return outputs

    def _follow(self, average: Any, value: Any) -> None:
        average.assign(average * self.momentum + value * (1.0 - self.momentum))

    def _can_fuse(self, inputs: Any, learning: bool, mask: Any) -> bool:
        rank = len(inputs.shape)
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        return (
            fast()
            and rank in (3, 4)
            and self.axis in (-1, rank - 1)
            and dtype == self.compute_dtype
            and dtype in ("float32", "float16", "bfloat16")
            and not self.renorm
            and not (learning and mask is not None)
            and (learning or not _lacks_gradient_at_inference())
        )

    def _moments(self, inputs: Any, mask: Any) -> tuple[Any, Any]:
        """Mean and biased variance (channels,) of the rows that the mask leaves, over all replicas."""
        if replicas() == 1:
            return super()._moments(inputs, mask)
        return _global_moments(inputs, mask, self._reduction_axes)


def fused_batch_norm(
    x: Any, *, gamma: Any, beta: Any, moving: tuple[Any, Any] | None, epsilon: float
) -> tuple[Any, Any, Any]:
    """TensorFlow's fused batch normalization of (batch, length, channels) or (batch, height, width, channels).

    Args:
        x: values in float32, float16 or bfloat16; statistics are computed in float32.
        gamma: scale (channels,), or None for 1.
        beta: offset (channels,), or None for 0.
        moving: mean and variance to normalize by, or None to take the batch's.
        epsilon: added to the variance.

    Returns:
        normalized values, and mean and biased variance that were used, (channels,) each.
    """
    import tensorflow as tf

    channels = x.shape[-1]
    maps = x if len(x.shape) == 4 else tf.expand_dims(x, 1)
    gamma = tf.ones([channels]) if gamma is None else tf.convert_to_tensor(gamma)  # a variable's value
    beta = tf.zeros([channels]) if beta is None else tf.convert_to_tensor(beta)
    if moving is not None:
        y, mean, variance = fused(maps, gamma, beta, moving, epsilon)
    else:
        kernel = over_replicas if replicas() > 1 else folded if places_to_fold(maps) > 1 else fused
        y, mean, variance = kernel(maps, gamma, beta, epsilon=epsilon)
    return y if len(x.shape) == 4 else tf.squeeze(y, 1), mean, variance


def _global_moments(x: Any, mask: Any, axes: list[int]) -> tuple[Any, Any]:
    """Mean and biased variance over the batches of all replicas: two passes, so that nothing cancels."""
    import tensorflow as tf

    def total(value: Any) -> Any:
        replica = tf.distribute.get_replica_context()
        return value if replica is None else replica.all_reduce(tf.distribute.ReduceOp.SUM, value)

    counts = tf.ones_like(x[..., :1], tf.bool) if mask is None else tf.cast(mask, tf.bool)[..., None]
    rows = tf.maximum(total(tf.reduce_sum(tf.cast(counts, x.dtype))), 1.0)
    mean = total(tf.reduce_sum(tf.where(counts, x, 0.0), axes)) / rows
    return mean, total(tf.reduce_sum(tf.where(counts, tf.square(x - mean), 0.0), axes)) / rows
