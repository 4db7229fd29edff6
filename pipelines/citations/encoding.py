"""In the graph what `data` does outside it: texts of words and lists of citations to a model's arrays, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.served_graph import numbered, refuse
from pipelines.task import Meta

HASHES = 2**62
BLOCK = 256  # papers from which walks are taken at a time
WORD = r"[0-9]{1,9}(:[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?)?"


def read_words(texts: Any, size: int) -> tuple[Any, Any]:
    """Texts of `index` or `index:value` as the non-zeros of (papers, size), by paper and word, each once.

    Args:
        texts: (papers,) strings.
        size: how many words there can be.

    Returns:
        (nonzeros, 2) int32 and (nonzeros,) float32; a repeated word counts as often as it stands.

    Raises:
        tf.errors.InvalidArgumentError: naming the paper, counted from 1, when run.
    """
    tokens = tf.strings.split(texts)
    papers, tokens = tokens.value_rowids(), tokens.flat_values
    right = tf.strings.regex_full_match(tokens, WORD)
    with tf.control_dependencies([_refuse(right, papers, "not a word; wanted indices, as 118 125 or 118:0.5")]):
        pairs = tf.strings.split(tokens, ":").to_tensor(default_value="1", shape=[None, 2])
    words = tf.strings.to_number(pairs[:, 0], tf.int64)
    known = _refuse(words < size, papers, f"a word that the model does not know; wanted 0 to {size - 1}", words)
    values = tf.strings.to_number(pairs[:, 1], tf.float32)
    finite = _refuse(tf.math.is_finite(values), papers, "a value that is no finite number")
    with tf.control_dependencies([known, finite]):
        return _summed(papers * size + words, values, size)


def _summed(cells: Any, values: Any, size: int) -> tuple[Any, Any]:
    """Cells of a matrix in order and each once, the values of one that stands twice added up."""
    order = tf.argsort(cells, stable=True)
    different, number = tf.unique(tf.gather(cells, order))
    sums = tf.math.unsorted_segment_sum(tf.gather(values, order), number, tf.size(different))
    return tf.cast(tf.stack([different // size, different % size], axis=1), tf.int32), sums


def read_edges(edges: Any, papers: Any, meta: Meta) -> Any:
    """Citations in the order and the directions in which the model learnt them, each once.

    Args:
        edges: (edges, 2) int64, citing and cited.
        papers: how many there are, int64.
        meta: of the data: direction, judge_by.

    Raises:
        tf.errors.InvalidArgumentError: naming the edge, counted from 1, when run.
    """
    outside = tf.reduce_any((edges < 0) | (edges >= papers), axis=1)
    rows = tf.range(tf.shape(edges)[0], dtype=tf.int64)
    worst = tf.where(edges[:, 0] < 0, edges[:, 0], tf.where(edges[:, 0] >= papers, edges[:, 0], edges[:, 1]))
    what = "an unknown paper; wanted indices of the papers sent, from 0"
    with tf.control_dependencies([_refuse(~outside, rows, what, worst, kind="edge")]):
        source, target = edges[:, 0], edges[:, 1]
    if meta["judge_by"] == "sampled":  # edges are the messages themselves
        return tf.cast(edges, tf.int32)
    keys = target * papers + source
    if meta["direction"] == "both":
        keys = tf.concat([keys, source * papers + target], 0)
    if meta["self_citations"] == "drop":
        keys = tf.boolean_mask(keys, keys // papers != keys % papers)
    keys = tf.unique(tf.sort(keys)).y
    if meta["direction"] == "symmetric":
        with tf.control_dependencies([_mirrored(keys, papers)]):
            keys = tf.identity(keys)
    return tf.cast(tf.stack([keys % papers, keys // papers], axis=1), tf.int32)


def _mirrored(keys: Any, papers: Any) -> Any:
    """Refuse edges that stand in one direction alone."""
    mirrored = tf.sort((keys % papers) * papers + keys // papers)
    same = tf.reduce_all(keys == mirrored)
    message = "edges: a directed graph where the model wants a symmetric one: each edge in both directions"
    return tf.debugging.Assert(same, [message])


def finder(ids: np.ndarray) -> Callable[[Any], Any]:
    """What finds papers by their ids: (texts,) ids with blanks between -> ragged (texts, papers named) int64.

    An export holds constants and no table, so ids are found by their hashes. When run, it raises
    tf.errors.InvalidArgumentError naming the text, counted from 1, that names an unknown paper.

    Args:
        ids: (papers,) of the graph.
    """
    hashes = tf.strings.to_hash_bucket_fast(tf.constant(ids.tolist()), HASHES).numpy()
    order = np.argsort(hashes)
    hashes = hashes[order]
    if (np.diff(hashes) == 0).any():
        raise RuntimeError("two ids of the graph have one hash")

    def find(texts: Any) -> Any:
        tokens = tf.strings.split(texts)
        wanted = tf.strings.to_hash_bucket_fast(tokens.flat_values, HASHES)
        place = tf.minimum(tf.searchsorted(hashes, wanted), len(ids) - 1)
        right = tf.gather(hashes, place) == wanted
        what = "cites an unknown paper; wanted ids of the graph that was learnt from"
        with tf.control_dependencies([_refuse(right, tokens.value_rowids(), what)]):
            return tokens.with_flat_values(tf.gather(order, place))

    return find


def scaling(meta: Meta) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """What `data.features.scaled` does to features that came in one piece: arrays -> arrays."""
    how = meta["scaling"]
    if how == "none":
        return dict
    if how == "standard":
        mean, deviation = tf.constant(meta["mean"]), tf.constant(meta["deviation"])
        return lambda arrays: {**arrays, "features": (arrays["features"] - mean) / deviation}

    def rows(arrays: Mapping[str, Any]) -> dict[str, Any]:
        name = "values" if "values" in arrays else "features"
        powers = tf.abs(arrays[name]) if how == "rows" else tf.square(arrays[name])
        if name == "values":
            owners = arrays["words"][:, 0]
            sums = tf.math.unsorted_segment_sum(powers, owners, tf.size(arrays["nodes"]))
        else:
            sums = tf.reduce_sum(powers, axis=1)
        lengths = sums if how == "rows" else tf.sqrt(sums)
        lengths = tf.where(lengths > 0, lengths, tf.ones_like(lengths))
        shares = tf.gather(lengths, owners) if name == "values" else lengths[:, None]
        return {**arrays, name: arrays[name] / shares}

    return rows


def walk_positions(edges: Any, papers: Any, count: int) -> Any:
    """Chances to be back after 1, 2, ... steps, (papers, count), as `data.positions.positions` gives them."""
    both = tf.concat([edges, tf.reverse(edges, [1])], 0)
    keys = tf.unique(tf.sort(tf.cast(both[:, 1], tf.int64) * papers + tf.cast(both[:, 0], tf.int64))).y
    pairs = tf.stack([keys // papers, keys % papers], axis=1)
    degrees = tf.math.bincount(tf.cast(pairs[:, 1], tf.int32), minlength=tf.cast(papers, tf.int32), dtype=tf.float32)
    steps = tf.SparseTensor(pairs, 1.0 / tf.gather(degrees, pairs[:, 1]), [papers, papers])

    def block(first: Any) -> Any:
        own = tf.minimum(first + tf.range(BLOCK, dtype=tf.int64), papers - 1)
        walkers, found = tf.transpose(tf.one_hot(own, tf.cast(papers, tf.int32))), []
        for _ in range(count):
            walkers = tf.sparse.sparse_dense_matmul(steps, walkers)
            found.append(tf.gather_nd(walkers, tf.stack([own, tf.range(BLOCK, dtype=tf.int64)], axis=1)))
        return tf.stack(found, axis=1)

    # Walks from all papers at once would take a matrix of papers by papers.
    blocks = tf.map_fn(block, tf.range(0, papers, BLOCK), fn_output_signature=tf.TensorSpec([BLOCK, count]))
    return tf.reshape(blocks, [-1, count])[:papers]


def _refuse(right: Any, owners: Any, what: str, got: Any = None, kind: str = "paper") -> Any:
    """Fail, naming the owner of the first wrong entry, unless all are right."""

    def told(at: Any) -> list[Any]:
        pieces = [numbered(kind, owners[at[0]]), ": " + what]
        return pieces if got is None else [*pieces, tf.strings.format(", got {}", got[at[0]])]

    return refuse(right, told)
