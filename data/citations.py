"""Papers, their words and whom they cite: the embedded Cora, published graphs, the user's own, or one out of a seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from data import node_splits
from data.citation_sources import read
from data.errors import BadInput
from data.features import Features, Scaling, column_statistics, scaled
from data.folds import fold_numbers, stratified_split
from data.graph_inputs import Seen
from data.graphs import (
    PARTS,
    UNKNOWN,
    Direction,
    Graph,
    digest,
    graph,
)
from data.positions import PositionKind, positions
from data.splits import Rows, Splits

# What the graph of a part does not hold in the inductive setting.
UNSEEN = {"train": (node_splits.VAL, node_splits.TEST), "val": (node_splits.TEST,)}


@dataclass(frozen=True)
class CitationsData:
    """Which papers and citations to learn from; without a path or a name, the embedded Cora.

    Attributes:
        path: a folder with papers.csv and citations.csv (plain or .gz) or with Planetoid's ind.NAME.* files, or a .npz.
        papers: table of papers: paper, label, split, words or columns of numbers, year; beside `citations`.
        citations: table of citations: cited, citing.
        name: published graph: cora, citeseer or pubmed; blocks is one made out of the seed.
        split: public takes the split that is given, random draws one, year goes by year; auto: public, else random.
        train_per_class: papers of each class to learn from in a random split.
        val_papers: papers to choose by in a random split, fewer where there are not enough.
        test_papers: papers to be judged on in a random split, fewer where there are not enough.
        train_until: last year to learn from in a split by year.
        val_until: last year to choose by in a split by year; later papers are judged.
        setting: transductive: papers to be judged are in the graph while it is learnt, without labels; inductive: not.
        direction: both adds the reverse of every citation, as_given adds none, symmetric wants both to be there.
        self_citations: whether a paper that cites itself keeps that edge; self loops of a model are the model's option.
        scaling: rows: a paper's words sum to one; unit: its length is one; standard: columns of mean 0, deviation 1.
        words: size of the vocabulary of the user's papers; 0 for one more than the largest index.
        positions: numbers a paper that say where it stands in the graph, for graph_transformer; 0 for none.
        position_kind: random_walk: chance to be back after 1, 2, ... steps; laplacian: eigenvectors, to be sent along.
        fan_outs: neighbours drawn at each hop for a batch of papers, as 15 10; empty for the whole graph each step.
        judge_by: whether papers are judged in the whole graph, or by sampled neighbours, as a very large graph needs.
        block_nodes: papers of the graph called blocks.
        block_citations: citations of the graph called blocks; in both directions it has twice as many edges.
        block_classes: classes of the graph called blocks.
        block_mixing: share of the citations in blocks that do not look at the class, 0 to 1.
    """

    path: str = ""
    papers: str = ""
    citations: str = ""
    name: str = ""
    split: Literal["auto", "public", "random", "year"] = "auto"
    train_per_class: int = 20
    val_papers: int = 500
    test_papers: int = 1000
    train_until: int = 0
    val_until: int = 0
    setting: Literal["transductive", "inductive"] = "transductive"
    direction: Direction = "both"
    self_citations: Literal["drop", "keep"] = "drop"
    scaling: Scaling = "rows"
    words: int = 0
    positions: int = 0
    position_kind: PositionKind = "random_walk"
    fan_outs: tuple[int, ...] = ()
    judge_by: Literal["whole", "sampled"] = "whole"
    block_nodes: int = 1000
    block_citations: int = 5000
    block_classes: int = 5
    block_mixing: float = 0.2


def load(options: CitationsData, seed: int) -> Splits:
    """Read, check, put in order, split.

    Args:
        options: files, split, what is done to features and edges.
        seed: of a random split, and of the graph called blocks.

    Returns:
        Splits of `node` (int32, the paper's index) and `label` (int32 class index) with the graph beside them: the same
        arrays for every batch (`data.graph_inputs.whole`), or sampled around a batch; beside test also what serving
        needs (`for_serving`). No label is in a graph. In meta:
        name, source, licence, unit, files, sha256 (of each file), classes, papers, edges, isolated, unlabelled, found
        (in the citations), form (words or columns), words (how many), columns (their names), scaling, direction,
        setting, positions, position_kind, judge_by, self_citations, fan_outs, split_rule; mean and deviation where
        columns are standardised; and for each split rows, class_counts, digest.

    Raises:
        BadInput: with file, line and column, whatever keeps this graph from being learnt from.
    """
    _check(options)
    known, about = read_graph(options, seed)
    parts, rule = divide(known, options, seed)
    return _splits(known, parts, options, about | {"split_rule": rule})


def folds(options: CitationsData, k: int, *, seed: int, val_fraction: float = 0.1) -> Iterator[Splits]:
    """K folds over all labelled papers, whatever the split; every one is tested once.

    Args:
        options: as of `load`.
        k: number of folds, at least 2.
        seed: same seed, same folds.
        val_fraction: share of a fold's training part that is held out to choose by.

    Yields:
        Splits with `fold` and `folds` in meta too.

    Raises:
        BadInput: as `load`; more folds than papers of a class.
    """
    _check(options)
    known, about = read_graph(options, seed)
    papers = np.flatnonzero(known.labels != UNKNOWN)
    labels = known.labels[papers]
    if (fewest := int(np.bincount(labels, minlength=len(known.classes)).min())) < k:
        raise BadInput("too many folds", wanted=f"at most {fewest}, the papers of the smallest class", got=k)
    numbers = fold_numbers(labels, k, seed=seed)
    for fold in range(k):
        parts = np.zeros(known.nodes, np.uint8)
        rest, parts[papers[numbers == fold]] = papers[numbers != fold], node_splits.TEST
        held = stratified_split(known.labels[rest], {"val": val_fraction}, seed=seed + 1 + fold)
        parts[rest[held["val"]]], parts[rest[held["rest"]]] = node_splits.VAL, node_splits.TRAIN
        rule = f"fold {fold + 1} of {k}, stratified by class, seed {seed}"
        yield _splits(known, parts, options, about | {"split_rule": rule, "fold": fold, "folds": k})


def read_graph(options: CitationsData, seed: int) -> tuple[Graph, dict[str, Any]]:
    """The graph in its canonical order, and what is known of its source."""
    source, about = read(options, seed)
    return graph(source, direction=options.direction, self_citations=options.self_citations), about


def divide(known: Graph, options: CitationsData, seed: int) -> tuple[np.ndarray, str]:
    """The part of each paper, as an index into PARTS, and the rule in words."""
    split = options.split if options.split != "auto" else "random" if known.parts is None else "public"
    if split == "public":
        return node_splits.as_given(known), "public split, as given"
    if split == "year":
        parts = node_splits.by_year(known, train_until=options.train_until, val_until=options.val_until)
        return parts, f"by year: train until {options.train_until}, val until {options.val_until}, test later"
    sizes = {"per_class": options.train_per_class, "val": options.val_papers, "test": options.test_papers}
    rule = f"random, {options.train_per_class} of each class to learn from, seed {seed}"
    return node_splits.at_random(known.labels, **sizes, seed=seed), rule


def prepared(features: Features, scaling: Scaling, hidden: np.ndarray) -> tuple[Features, dict[str, list[float]]]:
    """Features as the model takes them, and what serving must know to do the same.

    Args:
        features: as read.
        scaling: as in `data.features.scaled`.
        hidden: (papers,) bool, those whose columns do not count for mean and deviation.
    """
    if scaling != "standard":
        return scaled(features, scaling), {}
    mean, deviation = column_statistics(features[~hidden] if hidden.any() else features)
    statistics = {"mean": mean.tolist(), "deviation": deviation.tolist()}
    return scaled(features, scaling, statistics=(mean, deviation)), statistics


def _check(options: CitationsData) -> None:
    """Refuse numbers that cannot work before anything is read."""
    for name, values in {"fan_outs": options.fan_outs, "positions": (options.positions,)}.items():
        if any(value < 0 for value in values):
            raise BadInput(f"data.{name} out of range", wanted="0 or more", got=" ".join(map(str, values)))
    if options.judge_by == "sampled" and not options.fan_outs:
        raise BadInput("data.judge_by sampled", wanted="data.fan_outs beside it", got="none")
    if options.judge_by == "sampled" and options.positions:
        wanted = "data.judge_by whole, or data.positions 0"
        raise BadInput("data.positions are those of a whole graph", wanted=wanted, got="sampled")


def _splits(known: Graph, parts: np.ndarray, options: CitationsData, about: Mapping[str, Any]) -> Splits:
    where = about["files"].get("papers", options.path or about["name"])
    node_splits.check_parts(parts, known.labels, known.classes, where)
    unseen = UNSEEN if options.setting == "inductive" else {}
    hidden = {part: np.isin(parts, unseen.get(part, ())) for part in PARTS[1:]}
    features, statistics = prepared(known.features, options.scaling, hidden["train"])
    place = partial(positions, count=options.positions, kind=options.position_kind)
    seen: dict[bytes, Seen] = {}
    rows: dict[str, Rows] = {}
    facts: dict[str, Any] = {"rows": {}, "digest": {}}
    for number, part in enumerate(PARTS[1:], start=1):
        # Parts that see the same share one copy of it.
        view = seen.setdefault(
            hidden[part].tobytes(), Seen(known.edges, features, hidden[part], options.fan_outs, place)
        )
        papers = np.flatnonzero(parts == number).astype(np.int32)
        columns = {"node": papers, "label": known.labels[papers]}
        shared, around = view.beside(sampled=part == "train" or options.judge_by == "sampled")
        shared = shared | (for_serving(known, options, shared.get("positions")) if part == "test" else {})
        rows[part] = Rows(columns, shared, around)
        facts["rows"][part] = len(papers)
        facts["digest"][part] = digest(papers, known.labels[papers], view.digest)
    facts["class_counts"] = node_splits.summary(parts, known.labels, known.classes)
    return Splits(**rows, meta={**about, **_facts(known, options), **statistics, **facts})


def for_serving(known: Graph, options: CitationsData, places: np.ndarray | None) -> dict[str, Any]:
    """What no model takes, but a client sends or a served model must know of a graph.

    Returns:
        `ids` of the papers; `unscaled` features where scaling cannot be done twice; `eigenvectors`, the positions that
        a served model does not make by itself.
    """
    plain = {"unscaled": known.features} if options.scaling == "standard" else {}
    sent = {"eigenvectors": places} if places is not None and options.position_kind == "laplacian" else {}
    return {"ids": known.ids.astype(str), **plain, **sent}


def _facts(known: Graph, options: CitationsData) -> dict[str, Any]:
    degrees = np.bincount(known.edges.ravel(), minlength=known.nodes)
    chosen = ("scaling", "direction", "setting", "positions", "position_kind", "judge_by", "self_citations")
    return {
        "unit": "one paper",
        "classes": list(known.classes),
        "papers": known.nodes,
        "edges": len(known.edges),
        "isolated": int((degrees == 0).sum()),
        "unlabelled": int((known.labels == UNKNOWN).sum()),
        "found": dict(known.found),
        "form": "columns" if isinstance(known.features, np.ndarray) else "words",
        "words": known.features.shape[1],
        "columns": list(known.columns),
        **{name: getattr(options, name) for name in chosen},
        "fan_outs": list(options.fan_outs),
    }
