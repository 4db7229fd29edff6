"""Sums and maxima over segments, and their transpose, the choice of rows: how edges meet their nodes.

On TensorFlow's CPUs segments in order are reduced up to seven times as fast as others, so each call looks whether they
are; what is chosen by an index gets its gradient by the same sums. Elsewhere the twins in keras.ops run.
"""

from __future__ import annotations

from typing import Any

from keras import backend, ops

from arch.kernels.choice import fast

COLUMNS = 32  # from here on TensorFlow's product from index pairs goes another, slow way


def segment_sum(values: Any, segments: Any, count: Any) -> Any:
    """`y[s] = sum of values[e] over all e with segments[e] == s`, 0 where there is none; in order is fastest.

    Args:
        values: (entries,) or (entries, features); half precision is summed in float32.
        segments: (entries,) integers.
        count: of segments; on JAX a number.

    Returns:
        (count,) or (count, features), in the dtype of values.
    """
    sums = _sum_kernel if on_cpu() else _sum_twin
    return ops.cast(sums(full(values), segments, count), values.dtype)


def segment_max(values: Any, segments: Any, count: Any) -> Any:
    """`y[s] = max of values[e] over all e with segments[e] == s`, 0 where there is none; ties share the gradient.

    Arguments and result as of `segment_sum`.
    """
    greatest = _max_kernel if on_cpu() else _max_twin
    return ops.cast(greatest(full(values), segments, count), values.dtype)


def gather(x: Any, rows: Any) -> Any:
    """`y[e] = x[rows[e]]`, whose gradient is a `segment_sum`.

    Args:
        x: (count,) or (count, features).
        rows: (entries,) integers.

    Returns:
        (entries,) or (entries, features).
    """
    return _gather_kernel(x, rows) if on_cpu() else ops.take(x, rows, axis=0)


def on_cpu() -> bool:
    """Whether TensorFlow's own operations for CPUs may run: not forced away, no GPU, not under XLA."""
    if not fast():
        return False
    import tensorflow as tf

    # No public question for it; TensorFlow's own control flow asks in this way.
    from tensorflow.python.framework.ops import get_default_graph
    from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

    compiled = not tf.executing_eagerly() and GraphOrParentsInXlaContext(get_default_graph())
    return not compiled and not tf.config.list_physical_devices("GPU")


def full(x: Any) -> Any:
    """The values in float32, where they are of half precision."""
    return ops.cast(x, "float32") if backend.standardize_dtype(x.dtype) in ("float16", "bfloat16") else x


def ascending(numbers: Any) -> Any:
    """Whether no number is smaller than the one before it: a TensorFlow bool."""
    import tensorflow as tf

    return tf.reduce_all(numbers[1:] >= numbers[:-1])


def _sum_twin(values: Any, segments: Any, count: Any) -> Any:
    return ops.segment_sum(values, segments, num_segments=count)


def _sum_kernel(values: Any, segments: Any, count: Any) -> Any:
    import tensorflow as tf

    narrow = len(values.shape) == 2 and 1 < values.shape[1] < COLUMNS
    unordered = _narrow_sum if narrow else tf.math.unsorted_segment_sum

    @tf.custom_gradient
    def sums(values: Any) -> Any:
        total = _reduced(tf.math.segment_sum, unordered, values, segments, count)
        return total, lambda dy: tf.gather(dy, segments)

    return sums(values)


def _narrow_sum(values: Any, segments: Any, count: Any) -> Any:
    """Of few columns: as the product with the matrix of ones at (segment, entry), three times as fast."""
    import tensorflow as tf

    entries = tf.shape(segments)[0]
    return tf.raw_ops.SparseTensorDenseMatMul(
        a_indices=tf.stack([segments, tf.range(entries, dtype=segments.dtype)], 1),
        a_values=tf.ones([entries], values.dtype),
        a_shape=tf.cast([count, entries], tf.int64),
        b=values,
    )


def _max_twin(values: Any, segments: Any, count: Any) -> Any:
    found = ops.segment_max(values, segments, num_segments=count)
    filled = ops.segment_sum(ops.ones_like(segments), segments, num_segments=count) > 0
    filled = ops.reshape(filled, (-1, *(1,) * (len(values.shape) - 1)))
    return ops.where(filled, found, ops.zeros_like(found))


def _max_kernel(values: Any, segments: Any, count: Any) -> Any:
    import tensorflow as tf

    def unordered(values: Any, segments: Any, count: Any) -> Any:
        found = tf.math.unsorted_segment_max(values, segments, count)
        return tf.where(found > values.dtype.min, found, tf.zeros_like(found))

    @tf.custom_gradient
    def greatest(values: Any) -> Any:
        found = _reduced(tf.math.segment_max, unordered, values, segments, count)

        def gradient(dy: Any) -> Any:
            wins = tf.cast(values == tf.gather(found, segments), values.dtype)
            return wins * tf.gather(tf.math.divide_no_nan(dy, _sum_kernel(wins, segments, count)), segments)

        return found, gradient

    return greatest(values)


def _reduced(ordered: Any, unordered: Any, values: Any, segments: Any, count: Any) -> Any:
    """By the way for segments in order where they are, which ends at the last segment that is not empty."""
    import tensorflow as tf

    def padded() -> Any:
        found = ordered(values, segments)
        missing = tf.zeros(tf.concat([[count - tf.shape(found)[0]], tf.shape(found)[1:]], 0), values.dtype)
        return tf.concat([found, missing], 0)

    return tf.cond(ascending(segments), padded, lambda: unordered(values, segments, count))


def _gather_kernel(x: Any, rows: Any) -> Any:
    import tensorflow as tf

    @tf.custom_gradient
    def chosen(x: Any) -> Any:
        return tf.gather(x, rows), lambda dy: _sum_kernel(dy, rows, tf.shape(x)[0])

    return chosen(x)
