"""The served functions: a graph of any size to classes, and a new paper beside the graph that was learnt from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data.citation_requests import CITES, sent_features
from data.features import features_of
from data.graph_inputs import Sampler, graph_beside, whole
from data.splits import Rows
from pipelines.citations.encoding import finder, read_edges, read_words, scaling, walk_positions
from pipelines.served_graph import class_outputs, most_likely
from pipelines.task import Meta, Serving

HELD = 256 << 20  # bytes of a graph that an export may hold for new papers

Answer = Callable[..., dict[str, Any]]


def serving(model: keras.Model, meta: Meta, rows: Rows) -> Serving:
    """Features and citations to the most likely class of each paper and the probabilities of all.

    Beside it the signature `paper`, where the graph of the run is not too large to be held: features of new papers and
    the ids that each cites to the same outputs, each paper as if it alone had come to that graph.
    """
    answer, sent = _answerer(model, meta), _sent(meta)

    def function(features: Any, edges: Any, *positions: Any) -> dict[str, Any]:
        papers = tf.shape(features, tf.int64)[0]
        return answer(_arrays(features, meta), read_edges(edges, papers, meta), tf.range(tf.cast(papers, tf.int32)),
                      *positions)  # fmt: skip

    inputs = sent | {"edges": {"dtype": "int64", "shape": [None, 2], "doc": _about_edges(meta)}} | _sent_positions(meta)
    others = {"paper": _new_paper(answer, meta, rows, sent)} if _can_be_held(meta, rows) else {}
    return Serving(function, inputs, class_outputs(meta), False, others, _example(meta))


def raw(rows: Rows) -> dict[str, Any]:
    """The graph as a client sends it: the whole one, or what is sampled around rows that never see the whole."""
    arrays = rows.batch(np.arange(rows.size)) if isinstance(rows.around, Sampler) else rows.shared
    words = int(arrays["words"][:, 1].max(initial=0)) + 1 if "words" in arrays else 0
    features = rows.shared.get("unscaled", features_of(arrays, words))
    places = {"positions": rows.shared["eigenvectors"]} if "eigenvectors" in rows.shared else {}
    return {**sent_features(features), "edges": arrays["edges"].astype(np.int64), **places}


def answers(outputs: dict[str, np.ndarray], rows: Rows) -> dict[str, np.ndarray]:
    """Of what was answered for a graph, what was asked for."""
    papers = np.arange(rows.size) if isinstance(rows.around, Sampler) else rows["node"]
    return {name: values[papers] for name, values in outputs.items()}


def _answerer(model: keras.Model, meta: Meta) -> Answer:
    """Unscaled arrays, edges and the papers asked for -> label and probabilities."""
    scaled = scaling(meta)

    def answer(arrays: Mapping[str, Any], edges: Any, node: Any, *positions: Any) -> dict[str, Any]:
        columns = {**scaled(arrays), "edges": edges, "weights": tf.ones(tf.shape(edges)[:1]), "node": node}
        if meta["positions"]:
            papers = tf.shape(arrays.get("nodes", arrays.get("features")), tf.int64)[0]
            columns["positions"] = positions[0] if positions else walk_positions(edges, papers, meta["positions"])
        return most_likely(model({name: columns[name] for name in model.input}, training=False), meta)

    return answer


def _arrays(features: Any, meta: Meta) -> dict[str, Any]:
    """Sent features as the arrays of a model, not yet scaled."""
    if meta["form"] == "columns":
        return {"features": features}
    words, values = read_words(features, meta["words"])
    return {"words": words, "values": values, "nodes": tf.range(tf.shape(features)[0])}


def _new_paper(answer: Answer, meta: Meta, rows: Rows, sent: Mapping[str, Any]) -> Serving:
    """The signature that holds the graph and takes papers that it does not know."""
    features, edges = graph_beside(rows, meta["words"])
    held = {name: tf.constant(array) for name, array in whole(rows.shared.get("unscaled", features), edges).items()}
    find, papers = finder(rows.shared["ids"]), len(rows.shared["ids"])

    def one(text_or_columns: Any, cited: Any) -> dict[str, Any]:
        arrays = _with_one_more(held, _arrays(text_or_columns[None], meta), papers)
        new = tf.stack([tf.fill(tf.shape(cited), tf.cast(papers, tf.int64)), cited], axis=1)
        citations = tf.concat([tf.cast(held["edges"], tf.int64), new], 0)
        answered = answer(arrays, read_edges(citations, tf.constant(papers + 1, tf.int64), meta), tf.constant([papers]))
        return {name: value[0] for name, value in answered.items()}

    def function(features: Any, cites: Any) -> dict[str, Any]:
        kinds = {"label": tf.string, "probabilities": tf.TensorSpec([len(meta["classes"])], tf.float32)}
        return tf.map_fn(lambda row: one(row[0], row[1]), (features, find(cites)), fn_output_signature=kinds)

    about = {"dtype": "string", "shape": [None], "doc": "ids of the papers that it cites, with blanks between"}
    return Serving(function, {**sent, CITES: about}, class_outputs(meta))


def _with_one_more(held: Mapping[str, Any], new: Mapping[str, Any], papers: int) -> dict[str, Any]:
    """The held papers' arrays and those of one more."""
    if "features" in new:
        return {"features": tf.concat([held["features"], new["features"]], 0)}
    words = tf.concat([held["words"], new["words"] + tf.constant([[papers, 0]])], 0)
    return {"words": words, "values": tf.concat([held["values"], new["values"]], 0), "nodes": tf.range(papers + 1)}


def _can_be_held(meta: Meta, rows: Rows) -> bool:
    """Whether the run's graph is at hand, small enough, and can be made again with one paper more."""
    laplacian = meta["positions"] and meta["position_kind"] == "laplacian"
    if isinstance(rows.around, Sampler) or laplacian:
        return False
    return sum(array.nbytes for name, array in rows.shared.items() if isinstance(array, np.ndarray)) <= HELD


def _sent(meta: Meta) -> dict[str, dict[str, Any]]:
    """Features as a client sends them."""
    count = meta["words"]
    if meta["form"] == "columns":
        return {"features": {"dtype": "float32", "shape": [None, count], "doc": "numbers of each paper"}}
    doc = (
        f"of each paper its words, 0 to {count - 1}: 118 125, or with values 118:0.5 125:2; nothing where there is none"
    )
    return {"words": {"dtype": "string", "shape": [None], "doc": doc}}


def _sent_positions(meta: Meta) -> dict[str, dict[str, Any]]:
    """Eigenvectors, which are not made in the served graph."""
    if not meta["positions"] or meta["position_kind"] == "random_walk":
        return {}
    doc = "eigenvectors of the graph's normalised Laplacian, of the lowest frequencies but the first"
    return {"positions": {"dtype": "float32", "shape": [None, meta["positions"]], "doc": doc}}


def _about_edges(meta: Meta) -> str:
    ways = {
        "both": "each once, in one direction or both",
        "as_given": "each in its direction",
        "symmetric": "each in both directions",
    }
    way = "each as the message that it is" if meta["judge_by"] == "sampled" else ways[meta["direction"]]
    return f"citing and cited paper of each citation, as indices of the papers sent; {way}"


def _example(meta: Meta) -> dict[str, Any]:
    """Two papers that cite each other."""
    edges = np.array([[1, 0], [0, 1]])
    places = {"positions": np.zeros((2, meta["positions"]), np.float32)} if _sent_positions(meta) else {}
    if meta["form"] == "columns":
        return {"features": np.zeros((2, meta["words"]), np.float32), "edges": edges, **places}
    return {"words": ["0", f"0 {meta['words'] - 1}"], "edges": edges, **places}
