"""Sparse matrices times dense ones: how features flow along edges, and words into a dense layer.

A sparse matrix is its non-zeros: index pairs (nonzeros, 2) and values (nonzeros,), in any order; pairs that stand
twice add up. The kernels are TensorFlow's on CPUs, chosen by what measured fastest on one core: its product from index
pairs below `COLUMNS` columns, where it takes half of the time of compressed rows; compressed rows above, where the
former takes 4 to 7 times as long. On GPUs and under XLA, which knows no compressed rows and fuses the twins, the
twins run.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from arch.kernels.segments import COLUMNS, ascending, full, on_cpu

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
    product = _product(x.shape[-1]) if on_cpu() else _product_twin
    return ops.cast(product(indices, full(values), full(x), rows, transposed), x.dtype)


def heads_product(indices: Any, values: Any, x: Any) -> Any:
    """`y[t, h] = sum over edges s -> t of values[edge, h] * x[s, h]`: a sparse matrix for each head times its own x.

    Half precision is multiplied and summed in float32.

    Args:
        indices: (edges, 2) int32 or int64, source and target.
        values: (edges, heads).
        x: (nodes, heads, features).

    Returns:
        (nodes, heads, features), in the dtype of x.
    """
    product = _heads_kernel if on_cpu() else _heads_twin
    return ops.cast(product(indices, full(values), full(x)), x.dtype)


def _product(features: int) -> Any:
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

    return tf.cond(ascending(pairs[:, 0]), lambda: (tf.cast(pairs, tf.int64), values), ordered)


def _heads_twin(indices: Any, values: Any, x: Any) -> Any:
    sent = ops.take(x, indices[:, 0], axis=0) * values[:, :, None]
    return ops.segment_sum(sent, indices[:, 1], num_segments=ops.shape(x)[0])


def _heads_kernel(indices: Any, values: Any, x: Any) -> Any:
    """One product a head; the gradient of the values is that of all heads at once, a third of the time."""
    import tensorflow as tf

    nodes = tf.shape(x)[0]

    def times(values: Any, x: Any, transposed: bool) -> Any:
        pairs = zip(tf.unstack(tf.transpose(values)), tf.unstack(tf.transpose(x, [1, 0, 2])), strict=True)
        return tf.stack([_product(x.shape[-1])(indices, v, part, nodes, transposed) for v, part in pairs], 1)

    @tf.custom_gradient
    def product(values: Any, x: Any) -> Any:
        def gradient(dy: Any) -> tuple[Any, Any]:
            met = tf.gather(x, indices[:, 0]) * tf.gather(dy, indices[:, 1])
            return tf.reduce_sum(met, 2), times(values, dy, False)

        return times(values, x, True), gradient

    return product(values, x)
