"""TensorFlow's fused batch normalization, also by moments that several parts of the rows have together.

The parts are the batches of replicas, or of one batch the places that are folded into channels. Either way each part's
moments are joined, all are normalized by the joint ones, and the fused operation's own gradient, which takes moments
for constants, gets added what flows through them.
"""

from __future__ import annotations

from collections.abc import Callable
from math import gcd
from typing import Any

import keras

_LANES = 16  # float32 numbers in the widest register of a processor
_WORTH_FOLDING = 4096  # numbers in an example


def fused(
    maps: Any, gamma: Any, beta: Any, moving: tuple[Any, Any] | None = None, epsilon: float = 1e-5
) -> tuple[Any, Any, Any]:
    """The operation itself, on (batch, height, width, channels); mean and biased variance that it used beside it."""
    import tensorflow as tf

    mean, variance = ([], []) if moving is None else map(keras.ops.convert_to_tensor, moving)
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=maps, scale=gamma, offset=beta, mean=mean, variance=variance, epsilon=epsilon, is_training=moving is None
    )
    return y, mean, variance if moving is not None else _biased(variance, maps)


def over_replicas(maps: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    """Normalization by the moments of all replicas' batches together: one collective forward, one backward."""
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()
    mine = tf.cast(tf.size(maps) // maps.shape[-1], tf.float32)
    _, mean, variance = fused(tf.stop_gradient(maps), gamma, beta, epsilon=epsilon)

    def summed(values: Any) -> Any:
        return replica.all_reduce(tf.distribute.ReduceOp.SUM, values)

    # Gathered as a sum in which each replica fills a place of its own: a gathering would ask for all shapes first.
    place = tf.one_hot(replica.replica_id_in_sync_group, replica.num_replicas_in_sync)[:, None, None]
    own = tf.stack([mine * tf.ones_like(mean), mean, variance])
    rows, mean, variance = _joined(summed(tf.math.multiply_no_nan(own[None], place)))

    def means(sums: Any) -> Any:
        return summed(sums) / rows

    @tf.custom_gradient
    def normalize(x: Any, scale: Any, offset: Any) -> tuple[Any, Any]:
        def gradient(upstream: Any) -> tuple[Any, Any, Any]:
            return _gradient(upstream, x, scale, (mean, variance), epsilon, means)

        return fused(x, scale, offset, (mean, variance), epsilon)[0], gradient

    return normalize(maps, gamma, beta), mean, variance


def places_to_fold(maps: Any) -> int:
    """How many neighbouring places `folded` takes for one, so that their channels fill registers; 1 for none.

    The operation takes four times as long on a processor for channels that do not fill them.
    """
    import tensorflow as tf

    sides, channels = maps.shape[1:3], maps.shape[-1]
    places = _LANES // gcd(_LANES, channels)
    if None in sides or maps.dtype != tf.float32 or tf.config.list_physical_devices("GPU"):
        return 1
    number = sides[0] * sides[1]
    return places if number % places == 0 and number * channels >= _WORTH_FOLDING else 1


def folded(maps: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    """Normalization of (batch, height, width, channels), `places_to_fold` neighbouring places taken for one.

    The operation then gives moments of each of these places' channels, which are joined.
    """
    import tensorflow as tf

    places, channels = places_to_fold(maps), maps.shape[-1]
    number = maps.shape[1] * maps.shape[2] // places

    def wide(values: Any) -> Any:
        return tf.tile(values, [places])

    def forward(x: Any, scale: Any, offset: Any) -> tuple[Any, Any, Any]:
        _, mean, variance = fused(x, tf.ones([places * channels]), tf.zeros([places * channels]), epsilon=epsilon)
        parts = [tf.reshape(values, (places, channels)) for values in (tf.ones_like(mean), mean, variance)]
        _, mean, variance = _joined(tf.stack(parts, axis=1))
        return fused(x, wide(scale), wide(offset), (wide(mean), wide(variance)), epsilon)[0], mean, variance

    def means(sums: Any) -> Any:
        rows = tf.cast(tf.shape(maps)[0] * number * places, tf.float32)
        return tf.tile(tf.reduce_sum(tf.reshape(sums, (2, places, channels)), 1) / rows, [1, places])

    @tf.custom_gradient
    def normalize(x: Any, scale: Any, offset: Any) -> tuple[Any, Any]:
        y, mean, variance = forward(x, scale, offset)

        @tf.custom_gradient
        def gradient(upstream: Any, x: Any, scale: Any) -> tuple[Any, Any]:
            moments = (wide(mean), wide(variance))
            by_x, *others = _gradient(upstream, x, wide(scale), moments, epsilon, means)
            others = [tf.reduce_sum(tf.reshape(other, (places, channels)), 0) for other in others]
            return (by_x, *others), lambda *along: _second_gradient(along, upstream, x, scale, places, epsilon)

        return (y, mean, variance), lambda upstream, *_: gradient(upstream, x, scale)

    y, mean, variance = normalize(tf.reshape(maps, (-1, number, 1, places * channels)), gamma, beta)
    return tf.reshape(y, tf.shape(maps)), mean, variance


def _second_gradient(along: Any, upstream: Any, x: Any, scale: Any, places: int, epsilon: float) -> list[Any]:
    """What the gradients' own gradient is, which the operation knows for itself; this way is as slow as it is."""
    import tensorflow as tf

    arguments, unfolded = [upstream, x, scale], (-1, x.shape[1] * places, 1, x.shape[-1] // places)
    with tf.GradientTape() as outer:
        outer.watch(arguments)
        with tf.GradientTape() as inner:
            offset = tf.zeros_like(scale)
            inner.watch([x, scale, offset])
            y = fused(tf.reshape(x, unfolded), scale, offset, epsilon=epsilon)[0]
        found = inner.gradient(y, [x, scale, offset], tf.reshape(upstream, unfolded))
    return outer.gradient(found, arguments, along)


def _gradient(
    upstream: Any, x: Any, scale: Any, moments: tuple[Any, Any], epsilon: float, means: Callable[[Any], Any]
) -> tuple[Any, Any, Any]:
    """Gradients by x, scale and offset; `means` makes this part's sums (2, channels) means over all rows."""
    import tensorflow as tf

    direct, of_scale, of_offset, *_ = tf.raw_ops.FusedBatchNormGradV3(
        y_backprop=upstream,
        x=x,
        scale=scale,
        reserve_space_1=moments[0],
        reserve_space_2=moments[1],
        reserve_space_3=[],
        epsilon=epsilon,
        is_training=False,
    )
    # dx = scale / deviation * (dy - mean(dy) - normalized x * mean(dy * normalized x))
    slopes, levels = tf.unstack(-scale * tf.math.rsqrt(moments[1] + epsilon) * means(tf.stack([of_scale, of_offset])))
    return direct + fused(x, slopes, levels, moments, epsilon)[0], of_scale, of_offset


def _joined(parts: Any) -> tuple[Any, Any, Any]:
    """(parts, 3, channels) rows, means and biased variances to those of all rows, (channels,) each.

    Source: Chan et al. 1983.
    """
    import tensorflow as tf

    rows, means, variances = tf.unstack(parts, num=3, axis=1)
    total, no_nan = tf.reduce_sum(rows, 0), tf.math.multiply_no_nan  # an empty replica has NaN for moments
    mean = tf.reduce_sum(no_nan(means, rows), 0) / total
    return total, mean, tf.reduce_sum(no_nan(variances + tf.square(means - mean), rows), 0) / total


def _biased(variance: Any, x: Any) -> Any:
    """Undo Bessel's correction, which the fused operation applies (with n - 1 taken as 1 for a single row)."""
    import tensorflow as tf

    rows = tf.cast(tf.reduce_prod(tf.shape(x, out_type=tf.int64)[:-1]), variance.dtype)
    return variance * (tf.maximum(rows - 1.0, 1.0) / rows)
