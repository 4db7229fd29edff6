"""Graphs from every source in one canonical form, their splits, what each part may see, every fault with its place."""

from __future__ import annotations

import gzip
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from data import spektral_graphs
from data.archives import read_archive
from data.blockmodel import block_model
from data.citation_requests import requests
from data.citations import CitationsData, folds, load, read_graph
from data.errors import BadInput
from data.features import bags, blanked, column_statistics, rows_of, scaled
from data.graphs import PARTS, arrange, graph
from data.node_splits import at_random
from data.papers import read_papers
from data.planetoid import read_planetoid
from data.positions import positions
from data.splits import Splits

ROOT = Path(__file__).parents[2]
PLANETOID = ROOT.parent / "shared" / "data" / "citations" / "planetoid"
needs_planetoid = pytest.mark.skipif(not PLANETOID.is_dir(), reason=f"needs {PLANETOID}")

PAPERS = """paper,label,split,words,year
a,x,train,0 3,2001
b,y,train,1,2002
c,x,val,,2003
d,y,test,0 1 2,2004
e,,,4 4 2,
"""
CITATIONS = "cited,citing\na,b\nb,c\nc,b\na,b\nd,d\n"


def tables(folder: Path, papers: str = PAPERS, citations: str = CITATIONS) -> CitationsData:
    (folder / "papers.csv").write_text(papers)
    (folder / "citations.csv").write_text(citations)
    return CitationsData(path=str(folder))


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(BadInput) as caught:
        call()
    return str(caught.value)


def same(ours: Splits, theirs: Splits) -> bool:
    return ours.meta["digest"] == theirs.meta["digest"]


def archive(path: Path, **changes: Any) -> str:
    """A .npz of five papers, with some arrays changed or, where None, left out."""
    arrays = {
        "edges": np.array([[1, 0], [2, 1], [3, 2], [4, 3]]),
        "features": np.arange(15, dtype=np.float64).reshape(5, 3),
        "labels": np.array([0, 1, 0, 1, -1]),
        "split": np.array(["train", "train", "val", "test", ""]),
    }
    np.savez(path, **{name: value for name, value in (arrays | changes).items() if value is not None})
    return str(path)


# ------------------------------------------------------------------------------------------------------- embedded Cora


@pytest.fixture(scope="module")
def cora() -> Splits:
    return load(CitationsData(), 0)


def test_the_embedded_cora_is_the_published_graph_and_split(cora: Splits) -> None:
    meta = cora.meta
    assert (meta["papers"], meta["words"], meta["edges"], meta["isolated"]) == (2708, 1433, 2 * 5278, 0)
    assert meta["found"] == {"citations": 5429, "repeated": 0, "self_citations": 0, "direction": "both"}
    assert meta["rows"] == {"train": 140, "val": 500, "test": 1000}
    assert set(meta["class_counts"]["train"].values()) == {20}
    assert len(cora.train.shared["words"]) == 49_216


def test_a_graph_is_one_set_of_arrays_for_all_parts_and_edges_hold_both_directions(cora: Splits) -> None:
    shared = cora.train.shared
    assert all(rows.shared[name] is shared[name] for _, rows in cora.items() for name in shared)
    assert set(map(tuple, shared["edges"].tolist())) == {(t, s) for s, t in shared["edges"].tolist()}
    sums = np.bincount(shared["words"][:, 0], shared["values"], minlength=2708)
    assert np.allclose(sums, 1, atol=1e-5)  # float32 sums of at most 30 words


def test_the_same_seed_gives_the_same_digests_and_another_seed_another_random_split() -> None:
    options = CitationsData(split="random")
    one, two, other = load(options, 1), load(options, 1), load(options, 2)
    assert same(one, two)
    assert one.meta["digest"]["train"] != other.meta["digest"]["train"]
    assert "seed 1" in one.meta["split_rule"]


@needs_planetoid
def test_the_embedded_cora_is_planetoids_under_another_numbering(cora: Splits) -> None:
    theirs = load(CitationsData(path=str(PLANETOID), name="cora"), 0)
    assert theirs.meta["class_counts"] == {
        part: {name: cora.meta["class_counts"][part][name] for name in theirs.meta["classes"]} for part in PARTS[1:]
    }
    assert theirs.meta["edges"] == cora.meta["edges"]
    degrees = [np.sort(np.bincount(s.train.shared["edges"][:, 1])) for s in (cora, theirs)]
    assert (degrees[0] == degrees[1]).all()


# ------------------------------------------------------------------------------------------------------ canonical form


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40))
def test_arranged_edges_are_the_set_of_citations_and_their_reverse_by_target_then_source(
    pairs: list[tuple[int, int]],
) -> None:
    citations = np.array(pairs)
    for direction, wanted in (("as_given", set(pairs)), ("both", set(pairs) | {(b, a) for a, b in pairs})):
        edges, found = arrange(citations, 7, direction, "keep")  # type: ignore[arg-type]
        assert edges.tolist() == [[a, b] for b, a in sorted((b, a) for a, b in wanted)]
        assert found["repeated"] == len(pairs) - len(set(pairs))
        assert found["self_citations"] == sum(a == b for a, b in pairs)
        dropped, _ = arrange(citations, 7, direction)  # type: ignore[arg-type]
        assert dropped.tolist() == [[a, b] for a, b in edges.tolist() if a != b]


def test_the_order_of_rows_in_the_file_decides_nothing_but_the_numbers(tmp_path: Path) -> None:
    lines = CITATIONS.splitlines()
    shuffled = "\n".join([lines[0], *reversed(lines[1:])])
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert same(load(tables(tmp_path / "a"), 0), load(tables(tmp_path / "b", citations=shuffled), 0))


def test_users_tables_are_read_with_words_counted_unknown_labels_and_citations_in_their_direction(
    tmp_path: Path,
) -> None:
    options = replace(tables(tmp_path), direction="as_given", scaling="none", self_citations="keep")
    known, about = read_graph(options, 0)
    assert known.features.toarray().tolist() == [
        [1, 0, 0, 1, 0], [0, 1, 0, 0, 0], [0] * 5, [1, 1, 1, 0, 0], [0, 0, 1, 0, 2],
    ]  # fmt: skip
    assert known.edges.tolist() == [[1, 0], [2, 1], [1, 2], [3, 3]]  # b cites a, c cites b, b cites c, d cites itself
    assert known.labels.tolist() == [0, 1, 0, 1, -1]
    assert known.classes == ("x", "y")
    assert known.years is not None
    assert known.years.tolist() == [2001, 2002, 2003, 2004, -1]
    assert known.found["repeated"] == 1
    assert set(about["sha256"]) == {"papers", "citations"}


def test_words_may_have_values_and_features_may_be_columns_of_numbers(tmp_path: Path) -> None:
    valued = tables(tmp_path, PAPERS.replace("0 3,", "0:0.5 3:2e-1,"))
    assert read_graph(valued, 0)[0].features.toarray()[0].tolist() == [0.5, 0, 0, np.float32(0.2), 0]
    plain = "paper,label,split,height,width\na,x,train,1.5,-2\nb,y,train,0,1e3\nc,x,val,1,1\nd,y,test,2,2\ne,,,3,3\n"
    dense = load(replace(tables(tmp_path, plain), scaling="none"), 0)
    assert dense.meta["form"] == "columns"
    assert dense.train.shared["features"].tolist()[:2] == [[1.5, -2], [0, 1000]]
    assert set(dense.train.shared) == {"features", "edges", "weights"}


def test_tables_may_be_compressed_named_one_by_one_and_have_a_larger_vocabulary(tmp_path: Path) -> None:
    whole = load(tables(tmp_path), 0)
    for name, text in (("p.csv.gz", PAPERS), ("c.csv.gz", CITATIONS)):
        (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    options = CitationsData(papers=str(tmp_path / "p.csv.gz"), citations=str(tmp_path / "c.csv.gz"))
    assert same(load(options, 0), whole)
    assert load(replace(options, words=97), 0).meta["words"] == 97


# ------------------------------------------------------------------------------------------------------- other sources


@needs_planetoid
@pytest.mark.parametrize(
    ("name", "papers", "words", "edges", "isolated", "unlabelled", "self_citations"),
    [("cora", 2708, 1433, 10_556, 0, 0, 0), ("citeseer", 3327, 3703, 9104, 48, 15, 248),
     ("pubmed", 19_717, 500, 88_648, 0, 0, 6)],
)  # fmt: skip
def test_planetoid_graphs_have_their_published_sizes_and_splits(
    name: str, papers: int, words: int, edges: int, isolated: int, unlabelled: int, self_citations: int
) -> None:
    meta = load(CitationsData(path=str(PLANETOID), name=name), 0).meta
    assert (meta["papers"], meta["words"], meta["edges"]) == (papers, words, edges)
    assert (meta["isolated"], meta["unlabelled"]) == (isolated, unlabelled)
    # Each of Citeseer's 124 papers that cite themselves stands in its own list twice.
    assert meta["found"]["self_citations"] == self_citations
    assert meta["rows"] == {"train": 20 * len(meta["classes"]), "val": 500, "test": 1000}
    assert set(meta["class_counts"]["train"].values()) == {20}


@needs_planetoid
@pytest.mark.parametrize("name", ["citeseer", "pubmed"])
def test_spektrals_own_loader_mended_gives_the_same_graph(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spektral.datasets import citation

    folder = tmp_path / "Citation" / name
    folder.mkdir(parents=True)
    for file in PLANETOID.glob(f"ind.{name}.*"):
        shutil.copy(file, folder)
    monkeypatch.setattr(citation, "DATASET_FOLDER", str(tmp_path))
    theirs, about = read_graph(CitationsData(name=name), 0)
    ours = graph(read_planetoid(str(PLANETOID), name))
    assert theirs.edges.tolist() == ours.edges.tolist()
    assert (theirs.features != ours.features).nnz == 0
    assert theirs.labels.tolist() == ours.labels.tolist()
    assert theirs.parts is not None
    assert ours.parts is not None
    assert theirs.parts.tolist() == ours.parts.tolist()
    assert len(about["sha256"]) == 8
    assert not hasattr(csr_array, "A")  # what was lent to SciPy has been taken back


def test_a_published_graph_that_is_neither_here_nor_to_be_fetched_says_where_its_files_belong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from spektral.datasets import citation

    def no_network(self: Any) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(citation.Citation, "download", no_network)
    monkeypatch.setattr(citation, "DATASET_FOLDER", "/nowhere")
    message = refused(lambda: load(CitationsData(name="pubmed"), 0))
    assert "pubmed is not at hand and cannot be fetched; wanted files ind.pubmed.* there, or --data.path" in message


def test_a_spektral_data_set_of_the_users_own_is_read() -> None:
    from spektral.data import Dataset, Graph

    class Own(Dataset):
        def read(self) -> list[Graph]:
            self.mask_tr, self.mask_va, self.mask_te = np.eye(4, dtype=bool)[:3]
            a = csr_array(([1.0, 1.0], ([0, 2], [1, 3])), shape=(4, 4))
            return [Graph(x=np.eye(4, 7), a=a, y=np.eye(2)[[0, 1, 0, 1]])]

    known = graph(spektral_graphs.read_spektral(Own()), direction="as_given")
    assert known.edges.tolist() == [[0, 1], [2, 3]]
    assert known.features.toarray().tolist() == np.eye(4, 7).tolist()
    assert known.parts is not None
    assert known.parts.tolist() == [1, 2, 3, 0]


def test_an_archive_holds_columns_or_words_and_the_benchmarks_names_mean_the_same(tmp_path: Path) -> None:
    words = csr_array(np.array([[0, 1, 0], [2, 0, 0], [0, 0, 0], [1, 1, 1], [0, 0, 3]], np.float32))
    bag = {"indptr": words.indptr, "indices": words.indices, "values": words.data, "words": np.array(3)}
    ours = read_archive(archive(tmp_path / "a.npz", features=None, **bag))
    assert ours.features.toarray().tolist() == words.toarray().tolist()
    adjacency = csr_array((np.ones(4), ([1, 2, 3, 4], [0, 1, 2, 3])), shape=(5, 5))
    matrices = {"adj": adjacency, "attr": words}
    named = {f"{stem}_{key}": value for stem, matrix in matrices.items()
             for key, value in (("data", matrix.data), ("indices", matrix.indices), ("indptr", matrix.indptr),
                                ("shape", np.array(matrix.shape)))}  # fmt: skip
    theirs = read_archive(archive(tmp_path / "b.npz", edges=None, features=None, split=None, **named))
    assert theirs.citations.tolist() == ours.citations.tolist()
    assert theirs.features.toarray().tolist() == words.toarray().tolist()
    assert load(CitationsData(path=str(tmp_path / "a.npz")), 0).meta["rows"] == {"train": 2, "val": 1, "test": 1}


@given(st.integers(41, 97), st.integers(2, 5), st.integers(0, 2**32))
def test_a_block_model_has_exactly_the_citations_asked_for_and_later_papers_cite_earlier_ones(
    nodes: int, classes: int, seed: int
) -> None:
    made = block_model(nodes, 151, classes=classes, seed=seed)
    pairs = set(map(tuple, made.citations.tolist()))
    assert len(pairs) == 151
    assert all(citing > cited for citing, cited in pairs)
    assert np.bincount(made.labels).max() - np.bincount(made.labels).min() <= 1
    again = block_model(nodes, 151, classes=classes, seed=seed)
    assert made.citations.tolist() == again.citations.tolist()
    assert made.features.toarray().tolist() == again.features.toarray().tolist()


def test_a_block_model_mixes_as_asked_has_hubs_and_words_that_tell_the_class() -> None:
    made = block_model(5003, 40_009, classes=4, mixing=0.4, words=101, seed=1)
    inside = (made.labels[made.citations[:, 0]] == made.labels[made.citations[:, 1]]).mean()
    assert abs(inside - (0.6 + 0.4 / 4)) < 0.02  # eight deviations of 40,009 draws, and some for repeats drawn anew
    degrees = np.bincount(made.citations.ravel(), minlength=5003)
    assert degrees.max() > 10 * np.median(degrees)
    topic = made.features.indices // 25 == np.repeat(made.labels, np.diff(made.features.indptr))
    assert abs(topic.mean() - (3 + 17 / 4) / 20) < 0.02  # a quarter by chance; repeats, of which topics have more, go
    columns = block_model(997, 2003, columns=13, seed=1)
    assert columns.features.shape == (997, 13)
    assert columns.features.dtype == np.float32


# -------------------------------------------------------------------------------------------------- splits and leakage


@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 60))
def test_a_random_split_has_so_many_of_each_class_and_disjoint_labelled_parts(
    seed: int, per_class: int, val: int
) -> None:
    labels = np.random.default_rng(seed).integers(-1, 3, 211)
    parts = at_random(labels, per_class=per_class, val=val, test=2 * val, seed=seed)
    assert (labels[parts > 0] >= 0).all()
    counts = np.bincount(labels[parts == 1], minlength=3)
    sizes = np.bincount(labels[labels >= 0], minlength=3)
    assert counts.tolist() == np.minimum(per_class, sizes // 2).tolist()
    held = np.bincount(parts, minlength=4)[2:]
    left = int(sizes.sum() - counts.sum())
    assert held.tolist() == ([val, 2 * val] if left >= 3 * val else [left // 3, left - left // 3])


def test_a_split_by_year_is_learnt_from_the_past() -> None:
    options = CitationsData(name="blocks", split="year", train_until=2008, val_until=2013)
    splits, (known, _) = load(options, 3), read_graph(options, 3)
    assert known.years is not None
    years = {part: known.years[rows["node"]] for part, rows in splits.items()}
    assert years["train"].max() == 2008
    assert (years["val"].min(), years["val"].max(), years["test"].min()) == (2009, 2013, 2014)


@pytest.mark.parametrize("fan_outs", [(), (3, 2)])
def test_labels_of_val_and_test_never_enter_what_is_learnt_from(tmp_path: Path, fan_outs: tuple[int, ...]) -> None:
    relabelled = PAPERS.replace("c,x,val", "c,y,val").replace("d,y,test", "d,x,test")
    one = load(replace(tables(tmp_path), fan_outs=fan_outs), 0)
    two = load(replace(tables(tmp_path, relabelled), fan_outs=fan_outs), 0)
    assert one.meta["digest"]["train"] == two.meta["digest"]["train"]
    assert one.meta["digest"]["val"] != two.meta["digest"]["val"]
    everything = [rows.train.batch(np.arange(2), 1, 1) | rows.train.shared for rows in (one, two)]
    assert "label" in everything[0]
    for name, values in everything[0].items():
        assert values.tolist() == everything[1][name].tolist(), name
        assert name == "label" or "label" not in name


@pytest.mark.parametrize("fan_outs", [(), (5, 5)])
def test_in_the_inductive_setting_papers_to_be_judged_have_no_words_and_no_edges_while_it_is_learnt(
    fan_outs: tuple[int, ...],
) -> None:
    splits = load(CitationsData(setting="inductive", fan_outs=fan_outs), 0)
    hidden = np.concatenate([splits.val["node"], splits.test["node"]])
    if fan_outs:
        train = splits.train.batch(np.arange(140), 0, 0)
        assert not np.isin(train["label"], hidden).all()
        assert train["weights"].size
    else:
        train = splits.train.shared
        assert not np.isin(train["words"][:, 0], hidden).any()
        assert not np.isin(train["edges"], hidden).any()
        val = splits.val.shared
        assert np.isin(splits.val["node"], val["edges"]).any()
        assert not np.isin(splits.test["node"], val["edges"]).any()
    assert np.isin(splits.test["node"], splits.test.shared["edges"]).all()


def test_folds_test_every_labelled_paper_once_and_their_parts_are_disjoint() -> None:
    parts = list(folds(CitationsData(), 3, seed=5))
    tested = np.concatenate([fold.test["node"] for fold in parts])
    assert sorted(tested.tolist()) == list(range(2708))
    for number, fold in enumerate(parts):
        assert fold.meta["fold"] == number
        assert len({*fold.train["node"], *fold.val["node"], *fold.test["node"]}) == 2708
    assert "at most 180" in refused(lambda: list(folds(CitationsData(), 181, seed=5)))


def test_a_sampled_batch_is_a_graph_of_its_own_with_the_features_of_its_papers() -> None:
    whole, sampled = load(CitationsData(), 0), load(CitationsData(fan_outs=(3, 2)), 0)
    batch = sampled.train.batch(np.array([5, 2, 97]), 7, 1)
    assert batch["node"].tolist() == [0, 1, 2]
    assert batch["label"].tolist() == whole.train["label"][[5, 2, 97]].tolist()
    features, papers = read_graph(CitationsData(), 0)[0].features, whole.train["node"][[5, 2, 97]]
    for row, paper in enumerate(papers):
        mine = batch["words"][:, 0] == row
        assert batch["words"][mine, 1].tolist() == features[[paper]].indices.tolist()
    assert batch["edges"].max() < len(batch["nodes"])
    assert sampled.val.around is None
    assert load(CitationsData(fan_outs=(3, 2), judge_by="sampled"), 0).test.around is not None


# ------------------------------------------------------------------------------------------------------------ features


@given(st.integers(0, 2**32))
def test_scaling_is_the_same_for_words_and_columns_and_a_paper_without_words_stays_zero(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dense = (rng.random((7, 11)) * (rng.random((7, 11)) < 0.4)).astype(np.float32)
    dense[3] = 0
    for how, length in (("rows", lambda x: np.abs(x).sum(1)), ("unit", lambda x: np.sqrt((x * x).sum(1)))):
        ours = scaled(dense, how)  # type: ignore[arg-type]
        assert np.allclose(ours, scaled(csr_array(dense), how).toarray(), atol=1e-6)  # type: ignore[arg-type]
        assert np.allclose(length(ours)[dense.any(1)], 1, atol=1e-5)
        assert not ours[3].any()


def test_standardised_columns_have_mean_zero_and_deviation_one_and_a_constant_stays_finite() -> None:
    columns = np.random.default_rng(0).normal(5, 3, (101, 7)).astype(np.float32)
    columns[:, 2] = 4
    ours = scaled(columns, "standard")
    assert np.allclose(ours.mean(0), 0, atol=1e-5)
    assert np.allclose(ours.std(0)[[0, 1, 3, 4, 5, 6]], 1, atol=1e-5)
    assert not ours[:, 2].any()
    mean, _ = column_statistics(columns[:50])
    assert not np.allclose(mean, columns.mean(0))


def test_statistics_of_columns_leave_out_what_the_inductive_setting_hides(tmp_path: Path) -> None:
    options = CitationsData(path=archive(tmp_path / "a.npz"), scaling="standard", setting="inductive")
    assert load(options, 0).meta["mean"] == [5, 6, 7]  # of papers 0, 1 and 4
    assert load(replace(options, setting="transductive"), 0).meta["mean"] == [6, 7, 8]


@given(st.lists(st.integers(0, 6), max_size=9), st.integers(0, 2**32))
def test_rows_of_words_are_gathered_blanked_and_paired_as_dense_ones_are(papers: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    dense = (rng.random((7, 11)) * (rng.random((7, 11)) < 0.4)).astype(np.float32)
    words, chosen = csr_array(dense), np.array(papers, int)
    assert rows_of(words, chosen).toarray().tolist() == rows_of(dense, chosen).tolist()
    hidden = rng.random(7) < 0.5
    assert blanked(words, hidden).toarray().tolist() == blanked(dense, hidden).tolist()
    pairs = bags(words)
    again = np.zeros((7, 11), np.float32)
    again[pairs["words"][:, 0], pairs["words"][:, 1]] = pairs["values"]
    assert again.tolist() == dense.tolist()
    assert len(pairs["nodes"]) == 7


def test_random_walk_positions_are_the_chances_to_be_back() -> None:
    # A path of three papers and one alone: from the middle one is back after two steps for certain, from an end half.
    edges = arrange(np.array([[0, 1], [1, 2]]), 4)[0]
    assert positions(edges, 4, 4, "random_walk") == pytest.approx(
        np.array([[0, 0.5, 0, 0.5], [0, 1, 0, 1], [0, 0.5, 0, 0.5], [0, 0, 0, 0]])
    )
    known = graph(block_model(61, 241, seed=2))
    step = np.zeros((61, 61))
    step[known.edges[:, 1], known.edges[:, 0]] = 1
    step /= np.maximum(step.sum(0), 1)
    wanted = np.stack([np.diag(np.linalg.matrix_power(step, power)) for power in range(1, 6)], axis=1)
    assert np.allclose(positions(known.edges, 61, 5, "random_walk"), wanted, atol=1e-6)


def test_laplacian_positions_are_its_eigenvectors_of_the_lowest_frequencies() -> None:
    known = graph(block_model(61, 241, seed=2))
    adjacency = np.zeros((61, 61))
    adjacency[known.edges[:, 1], known.edges[:, 0]] = 1
    scale = 1 / np.sqrt(np.maximum(adjacency.sum(0), 1))
    laplacian = np.eye(61) - scale[:, None] * adjacency * scale
    values = np.sort(np.linalg.eigvalsh(laplacian))
    found = positions(known.edges, 61, 5, "laplacian")
    assert found is not None
    assert np.allclose(laplacian @ found, found * values[1:6], atol=1e-5)  # float32 vectors of length one
    assert np.array_equal(found, positions(known.edges, 61, 5, "laplacian"))


# ----------------------------------------------------------------------------------------------------------- bad input

BAD_TABLES = {
    "a citation of an unknown paper": (
        PAPERS, "cited,citing\na,b\nb,zz\n",
        "citations.csv:3:citing: a citation of an unknown paper; wanted a paper of the graph, got 'zz'"),
    "no citations": (PAPERS, "cited,citing\n", "citations.csv:2: no rows after the header"),
    "no papers": ("paper,label,split,words\n", CITATIONS, "papers.csv:2: no rows after the header"),
    "a class without training papers": (
        PAPERS.replace("b,y,train", "b,y,"), CITATIONS,
        "papers.csv: class 'y' has no paper to learn from; wanted at least one in train"),
    "an empty part": (PAPERS.replace(",val,", ",,"), CITATIONS, "papers.csv: no paper in val"),
    "an id twice": (
        PAPERS.replace("d,y", "b,y"), CITATIONS.replace("d,d", "a,c"),
        "papers.csv:5: paper b stands twice; wanted each paper once, got another at {}/papers.csv:3"),
    "an empty id": (PAPERS.replace("b,y,train", ",y,train"), CITATIONS, "papers.csv:3:paper: empty paper"),
    "an unknown word in the split": (
        PAPERS.replace("val", "dev"), CITATIONS,
        "papers.csv:4:split: unknown split; wanted train, val, test or nothing, got 'dev'"),
    "a paper of the split without a label": (
        PAPERS.replace("d,y,test", "d,,test"), CITATIONS,
        "papers.csv:5: paper d is in test and has no label; wanted a label, or no part"),
    "a column twice": (PAPERS.replace("split", "label", 1), CITATIONS, "papers.csv:1: two columns are named 'label'"),
    "one class": (PAPERS.replace(",y,", ",x,"), CITATIONS, "papers.csv: one class only"),
    "no label at all": (PAPERS.replace(",y,", ",,").replace(",x,", ",,"), CITATIONS, "papers.csv: one class only"),
    "a negative word": (
        PAPERS.replace("0 1 2", "0 -1 2"), CITATIONS,
        "papers.csv:5:words: a negative word; wanted 0 to 16,777,215, got -1"),
    "a huge word": (
        PAPERS.replace("0 1 2", "0 99999999"), CITATIONS, "papers.csv:5:words: a word beyond the vocabulary"),
    "a word beyond any integer": (
        PAPERS.replace("0 1 2", "9" * 30), CITATIONS, "papers.csv:5:words: not a word"),
    "a word that is text": (
        PAPERS.replace("0 1 2", "0 graph"), CITATIONS, "papers.csv:5:words: not a word; wanted indices of words"),
    "a value that is text": (PAPERS.replace("0 1 2", "0:x"), CITATIONS, "papers.csv:5:words: not a word"),
    "a value that is not finite": (
        PAPERS.replace("0 1 2", "0:1 2:nan"), CITATIONS, "papers.csv:5:words: not a word; wanted indices of words, as"),
    "a year that is text": (PAPERS.replace("2003", "MMIII"), CITATIONS, "papers.csv:4:year: not a year"),
    "a column of numbers with text": (
        "paper,label,split,height\na,x,train,1\nb,y,train,tall\n", CITATIONS,
        "papers.csv:3:height: not a finite number; wanted a number, got 'tall'"),
    "NaN in a column": (
        "paper,label,split,height\na,x,train,1\nb,y,train,nan\n", CITATIONS,
        "papers.csv:3:height: not a finite number; wanted a number, got 'nan'"),
    "an empty number": (
        "paper,label,split,height\na,x,train,1\nb,y,train,\n", CITATIONS, "papers.csv:3:height: not a finite number"),
    "no features": ("paper,label\na,x\n", CITATIONS, "papers.csv:1: papers without features"),
    "no column paper": ("id,label,words\na,x,1\n", CITATIONS, "papers.csv:1: no column 'paper'"),
    "no column citing": (PAPERS, "cited,by\na,b\n", "citations.csv:1: no column 'citing'"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD_TABLES)
def test_a_fault_in_the_users_tables_is_told_with_its_file_and_line(fault: str, tmp_path: Path) -> None:
    papers, citations, message = BAD_TABLES[fault]
    told = refused(lambda: load(tables(tmp_path, papers, citations), 0))
    assert told.startswith(f"{tmp_path}/{message.format(tmp_path)}"), told


def test_a_one_way_citation_where_symmetric_was_asked_is_told_with_its_line(tmp_path: Path) -> None:
    both = "cited,citing\na,b\nb,a\nd,d\nc,b\n"
    told = refused(lambda: load(replace(tables(tmp_path, citations=both), direction="symmetric"), 0))
    assert told.startswith(f"{tmp_path}/citations.csv:5: a directed graph where a symmetric one was asked for")
    assert told.endswith("got 1 citations without their reverse")
    whole = replace(tables(tmp_path, citations=both + "b,c\n"), direction="symmetric")
    assert same(load(whole, 0), load(replace(whole, direction="both"), 0))


BAD_ARCHIVES: dict[str, tuple[dict[str, Any], str]] = {
    "negative index": ({"edges": np.array([[1, 0], [-1, 2]])}, "edges[1]: a citation of an unknown paper"),
    "huge index": ({"edges": np.array([[1, 0], [2, 2**40]])}, "edges[1]: a citation of an unknown paper"),
    "index beyond 63 bits": ({"edges": np.array([[1, 2**63]], np.uint64)}, "edges[0]: a citation of an unknown paper"),
    "no edges": ({"edges": np.zeros((0, 2), int)}, "an empty graph: no citations"),
    "edges of three": ({"edges": np.zeros((4, 3), int)}, "edges: edges of another form"),
    "edges of fractions": ({"edges": np.ones((4, 2))}, "edges: edges of another type; wanted whole numbers"),
    "NaN": ({"features": np.full((5, 3), np.nan)}, "paper 0: feature 0 is no finite number"),
    "infinity": ({"features": np.diag([1, 1, np.inf, 1, 1])}, "paper 2: feature 2 is no finite number"),
    "fewer features": ({"features": np.ones((4, 3))}, "papers differ in number"),
    "no columns": ({"features": np.ones((5, 0))}, "no features"),
    "objects": ({"features": np.array([None] * 5)}, "not a .npz of plain arrays"),
    "missing": ({"labels": None}, "no array 'labels'"),
    "labels below -1": ({"labels": np.array([0, 1, 0, 1, -2])}, "labels: labels of another form"),
    "labels all unknown": ({"labels": np.full(5, -1)}, "labels: labels of another form"),
    "labels beyond the classes": ({"classes": np.array(["x"])}, "paper 1: no such class"),
    "unknown split": ({"split": np.array(["train", "dev", "", "", ""])}, "split[1]: unknown split"),
    "split of another length": ({"split": np.array(["train"])}, "split: split of another form"),
    "ids twice": ({"ids": np.array([4, 8, 15, 8, 23])}, "paper 3: paper 8 stands twice"),
    "words beyond the vocabulary": (
        {"features": None, "indptr": np.arange(6), "indices": np.array([0, 1, 3, 0, 0]), "values": np.ones(5),
         "words": np.array(3)}, "indices: a word beyond the vocabulary; wanted 0 to 2, got 3"),
    "words that are no matrix": (
        {"features": None, "indptr": np.array([0, 9]), "indices": np.arange(3), "values": np.ones(3),
         "words": np.array(3)}, "indptr: words of another form"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD_ARCHIVES)
def test_a_fault_in_an_archive_is_told_with_its_array(fault: str, tmp_path: Path) -> None:
    changes, message = BAD_ARCHIVES[fault]
    path = archive(tmp_path / "a.npz", **changes)
    assert message in refused(lambda: load(CitationsData(path=path), 0))


def planetoid_files(folder: Path, **changes: Any) -> CitationsData:
    """Planetoid's eight files for six papers, with the content of some changed."""
    words = csr_array(np.eye(6, 5, dtype=np.float32))
    from scipy.sparse import csr_matrix

    content: dict[str, Any] = {
        "x": csr_matrix(words[:2]), "y": np.eye(2)[:2], "tx": csr_matrix(words[5:]), "ty": np.eye(2)[1:],
        "allx": csr_matrix(words[:5]), "ally": np.eye(2)[[0, 1, 0, 1, 0]], "graph": {0: [1, 5], 1: [0, 2], 3: [4]},
    }  # fmt: skip
    for key, value in (content | changes).items():
        if key != "index":
            (folder / f"ind.tiny.{key}").write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, 2))
    (folder / "ind.tiny.test.index").write_text(changes.get("index", "5\n"))
    return CitationsData(path=str(folder))


def test_planetoid_files_of_any_name_are_read(tmp_path: Path) -> None:
    splits = load(planetoid_files(tmp_path), 0)
    assert splits.meta["rows"] == {"train": 2, "val": 3, "test": 1}
    assert splits.meta["edges"] == 8
    assert splits.meta["classes"] == ["0", "1"]


class Trap:
    """Runs a command when it is unpickled by anyone careless."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("unpickled",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"graph": Trap()}, "ind.tiny.graph: not a Planetoid pickle; wanted arrays alone, got asks for"),
        ({"x": pickle.dumps(Trap())}, "ind.tiny.x: not a Planetoid pickle"),
        ({"ally": b"\x80\x02]"}, "ind.tiny.ally: not a Planetoid pickle"),
        ({"allx": b""}, "ind.tiny.allx: not a Planetoid pickle"),
        ({"graph": [1, 2]}, "ind.tiny.graph: another kind of content; wanted Mapping, got list"),
        ({"index": "5\nx\n"}, "ind.tiny.test.index:2: not an index"),
        ({"index": ""}, "ind.tiny.test.index:1: empty file"),
        ({"index": "4\n"}, "ind.tiny.test.index: test papers do not fit"),
        ({"index": "5\n6\n"}, "ind.tiny.test.index: test papers do not fit"),
        ({"graph": {0: [17]}}, "ind.tiny.graph: citation 0: a citation of an unknown paper; wanted the index"),
        ({"graph": {0: []}}, "an empty graph: no citations"),
    ],
)  # fmt: skip
def test_a_fault_in_planetoid_files_is_told_and_nothing_in_a_pickle_is_run(
    changes: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(lambda: load(planetoid_files(tmp_path, **changes), 0))
    assert "unpickled" not in capsys.readouterr().out


def test_a_missing_file_of_planetoid_is_named(tmp_path: Path) -> None:
    options = planetoid_files(tmp_path)
    (tmp_path / "ind.tiny.ty").unlink()
    assert "ind.tiny.ty: No such file" in refused(lambda: load(options, 0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "coral"}, "data: unknown name; wanted one of cora, citeseer, pubmed, blocks, got coral"),
        ({"papers": "p.csv"}, "data: one table of two; wanted data.papers and data.citations, got p.csv"),
        ({"papers": "p.csv", "citations": "c.csv", "name": "cora"}, "data: several sources"),
        ({"path": "/nowhere"}, "/nowhere: no such folder or file"),
        ({"path": __file__}, "neither a folder nor a .npz"),
        ({"path": str(Path(__file__).parent)}, "no papers.csv here"),
        ({"path": "/nowhere.npz"}, "/nowhere.npz: No such file or directory"),
        ({"scaling": "standard"}, "data.scaling: bags of words would not stay sparse"),
        ({"split": "year"}, "data.split year: no years are given"),
        ({"split": "year", "name": "blocks"}, "data.split year: which years"),
        ({"split": "public", "name": "blocks"}, "no split is given; wanted a column `split`"),
        ({"split": "random", "train_per_class": 0}, "data.train_per_class out of range; wanted at least 1, got 0"),
        ({"split": "random", "val_papers": -3}, "data.val_papers out of range"),
        ({"fan_outs": (15, -1)}, "data.fan_outs out of range; wanted 0 or more, got 15 -1"),
        ({"positions": -1}, "data.positions out of range"),
        ({"judge_by": "sampled"}, "data.judge_by sampled; wanted data.fan_outs beside it"),
        ({"judge_by": "sampled", "fan_outs": (5,), "positions": 3}, "data.positions are those of a whole graph"),
        ({"name": "blocks", "block_citations": 10**6}, "data.block_citations out of range; wanted 1 to 124,875"),
        ({"name": "blocks", "block_classes": 1}, "data.block_classes out of range"),
        ({"name": "blocks", "block_mixing": 1.5}, "data.block_mixing out of range"),
        ({"positions": 3000, "position_kind": "laplacian"}, "data.positions laplacian: a graph of another size"),
    ],
)  # fmt: skip
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    assert message in refused(lambda: load(CitationsData(**options), 0))


def test_a_folder_of_several_graphs_asks_which(tmp_path: Path) -> None:
    planetoid_files(tmp_path)
    (tmp_path / "ind.other.graph").touch()
    assert "data.name: which graph of the folder; wanted one of other, tiny, got none" in refused(
        lambda: load(CitationsData(path=str(tmp_path)), 0)
    )


def test_papers_may_have_neither_labels_nor_split(tmp_path: Path) -> None:
    tables(tmp_path, "paper,words\na,1\nb,0 2\n", "cited,citing\na,b\n")
    source = read_papers(str(tmp_path / "papers.csv"), str(tmp_path / "citations.csv"))
    assert source.labels.tolist() == [-1, -1]
    assert source.parts is None


def test_new_papers_may_have_the_columns_that_papers_have_beside_their_features(tmp_path: Path) -> None:
    (tmp_path / "papers.csv").write_text("paper,label,split,year,a,b\n1,x,train,1999,0,1\n2,y,train,1999,1,0\n")
    (tmp_path / "citations.csv").write_text("cited,citing\n1,2\n")
    (tmp_path / "new.csv").write_text("paper,split,year,a,b,cites\n3,,2001,5,7,1\n")
    run = {"seed": 0, "split_seed": -1, "data": {"path": str(tmp_path)}}
    [(_, sent)] = requests(str(tmp_path / "new.csv"), {"data": {"form": "columns", "words": 2}, "run": run})
    np.testing.assert_array_equal(sent["features"], [[5, 7]])
