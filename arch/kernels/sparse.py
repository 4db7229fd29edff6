"""Sparse matrices times dense ones, and sums over segments: what graphs and bags of words are computed with.

A sparse matrix is its non-zeros: index pairs (nonzeros, 2) and values (nonzeros,), in any order; pairs that stand
twice add up. The kernels are TensorFlow's on CPUs, chosen by what measured fastest on one core: its product from index
pairs below `COLUMNS` columns, where it takes half of the time of compressed rows; compressed rows above, where the
former takes 4 to 7 times as long. On GPUs and under XLA, which knows no compressed rows and fuses the twins, the
twins run.
"""

from __future__ import annotations

from typing import Any

from keras import backend, ops

from arch.kernels.choice import fast

COLUMNS = 32  # from here on TensorFlow's product from index pairs goes another, slow way
PACKET = 8  # columns that compressed rows are multiplied by at a time; a rest goes one by one


def sparse_product(indices: Any, values: Any, x: Any, rows: Any, *, transposed: bool = False) -> Any:
    """`y[i] = sum over non-zeros (i, j) of value * x[j]`: a sparse matrix M, or its transpose, times x.

    Half precision is multiplied and summed in float32.

    Args:
        indices: (nonzeros, 2) int32 or int64.
        values: (nonzeros,).
        x: (columns of M, or its rows when transposed; features).
        rows: of y; on JAX a number.
        transposed: whether M^T multiplies: (i, j) are then the second and the first of each pair.

    Returns:
        (rows, features), in the dtype of x.
    """
    return ops.cast(_product(x.shape[-1])(indices, full(values), full(x), rows, transposed), x.dtype)


def segment_sum(values: Any, segments: Any, count: Any) -> Any:
    """`y[s] = sum of values[e] over all e with segments[e] == s`, 0 where there is none; in order is fastest.

    Args:
        values: (entries, ...); half precision is summed in float32.
        segments: (entries,) integers.
        count: of segments; on JAX a number.

    Returns:
        (count, ...), in the dtype of values.
    """
    sums = _sum_kernel if on_cpu() else _sum_twin
    return ops.cast(sums(full(values), segments, count), values.dtype)


def segment_max(values: Any, segments: Any, count: Any) -> Any:
    """`y[s] = max of values[e] over all e with segments[e] == s`, 0 where there is none; ties share the gradient.

    Args:
        values: (entries, ...).
        segments: (entries,) integers.
        count: of segments; on JAX a number.

    Returns:
        (count, ...), in the dtype of values.
    """
    greatest = _max_kernel if on_cpu() else _max_twin
    return ops.cast(greatest(full(values), segments, count), values.dtype)


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


def _product(features: int) -> Any:
    if not on_cpu():
        return _product_twin
    return _pairs_product if features < COLUMNS else _compressed_product


def _product_twin(indices: Any, values: Any, x: Any, rows: Any, transposed: bool) -> Any:
    i, j = (indices[:, 1], indices[:, 0]) if transposed else (indices[:, 0], indices[:, 1])
    return ops.segment_sum(ops.take(x, j, axis=0) * values[:, None], i, num_segments=rows)


def _pairs_product(indices: Any, values: Any, x: Any, rows: Any, transposed: bool) -> Any:
    import tensorflow as tf

    columns = tf.shape(x)[0]
    shape = tf.cast([columns, rows] if transposed else [rows, columns], tf.int64)
    return tf.raw_ops.SparseTensorDenseMatMul(
        a_indices=indices, a_values=values, a_shape=shape, b=x, adjoint_a=transposed
    )


def _compressed_product(indices: Any, values: Any, x: Any, rows: Any, transposed: bool) -> Any:
    import tensorflow as tf

    features = x.shape[-1]
    pairs = tf.reverse(indices, [1]) if transposed else indices
    shape = tf.cast([rows, tf.shape(x)[0]], tf.int64)

    @tf.custom_gradient
    def product(values: Any, x: Any) -> Any:
        ordered, others = _by_row(pairs, values)

        def times(dense: Any, transpose_a: bool) -> Any:
            # Built for each product, since the matrix must not leave its function; TensorFlow sees the two are one.
            matrix = tf.raw_ops.SparseTensorToCSRSparseMatrix(indices=ordered, values=others, dense_shape=shape)
            return tf.raw_ops.SparseMatrixMatMul(a=matrix, b=dense, transpose_a=transpose_a)

        def gradient(dy: Any) -> tuple[Any, Any]:
            by_values = tf.reduce_sum(tf.gather(dy, pairs[:, 0]) * tf.gather(x, pairs[:, 1]), 1)
            return by_values, times(dy, True)

        return times(x, False), gradient

    padded = tf.pad(x, [[0, 0], [0, -features % PACKET]]) if features % PACKET else x
    return product(values, padded)[:, :features]


def _by_row(pairs: Any, values: Any) -> tuple[Any, Any]:
    """The non-zeros with their rows in order, which compressed rows need, as int64 pairs."""
    import tensorflow as tf

    def ordered() -> tuple[Any, Any]:
        order = tf.argsort(pairs[:, 0], stable=True)
        return tf.cast(tf.gather(pairs, order), tf.int64), tf.gather(values, order)

    return tf.cond(_ascending(pairs[:, 0]), lambda: (tf.cast(pairs, tf.int64), values), ordered)


def _ascending(numbers: Any) -> Any:
    import tensorflow as tf

    return tf.reduce_all(numbers[1:] >= numbers[:-1])


def _sum_twin(values: Any, segments: Any, count: Any) -> Any:
    return ops.segment_sum(values, segments, num_segments=count)


def _sum_kernel(values: Any, segments: Any, count: Any) -> Any:
    import tensorflow as tf

    @tf.custom_gradient
    def sums(values: Any) -> Any:
        total = _segments(tf.math.segment_sum, tf.math.unsorted_segment_sum, values, segments, count)
        return total, lambda dy: tf.gather(dy, segments)

    return sums(values)


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
        found = _segments(tf.math.segment_max, unordered, values, segments, count)

        def gradient(dy: Any) -> Any:
            wins = tf.cast(values == tf.gather(found, segments), values.dtype)
            ties = tf.math.unsorted_segment_sum(wins, segments, count)
            return wins * tf.gather(tf.math.divide_no_nan(dy, ties), segments)

        return found, gradient

    return greatest(values)


def _segments(ordered: Any, unordered: Any, values: Any, segments: Any, count: Any) -> Any:
    """One of two ways to reduce segments: that for segments in order is up to seven times as fast."""
    import tensorflow as tf

    def padded() -> Any:
        found = ordered(values, segments)
        missing = tf.zeros(tf.concat([[count - tf.shape(found)[0]], tf.shape(found)[1:]], 0), values.dtype)
        return tf.concat([found, missing], 0)

    return tf.cond(_ascending(segments), padded, lambda: unordered(values, segments, count))
