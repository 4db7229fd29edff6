"""Citations from files to answers: recipes, objective, baselines, served graphs and new papers, verbs, two devices."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from arch.ensemble import ensemble
from data.citation_requests import in_order_of, requests
from data.citations import CitationsData, load
from data.errors import BadInput
from data.graph_inputs import graph_beside
from data.splits import Rows, Splits
from pipelines import engine, verbs
from pipelines.batches import training_batches
from pipelines.citations import DOMAIN, check, label
from pipelines.citations.baselines import STEPS, label_propagation, majority, word_regression
from pipelines.citations.explain import Known
from pipelines.citations.fit import CitationsFit
from pipelines.citations.layerwise import infer
from pipelines.citations.neighbourhood import draw
from pipelines.citations.objective import cross_entropies, disagreement, objective
from pipelines.citations.recipes import RECIPES
from pipelines.describe import recipe as describe
from pipelines.run import Model, Run
from pipelines.trained import open_trained

from .conftest import ROOT

BLOCKS = CitationsData(name="blocks", block_nodes=211, block_citations=701, block_classes=3, words=53)
FIT = CitationsFit(epochs=3, batch_size=1000, learning_rate=0.05, schedule="constant", warmup=0.0, optimizer="adam")
GCN = Run("citations", "gcn", BLOCKS, Model("gcn", {"widths": (8,)}), FIT)
TASK = DOMAIN.task


def fitted(run):
    splits = load(run.data, run.seed)
    return splits, engine.fit(engine.prepare(run, TASK, splits), run, TASK, splits).model


def write(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A user's graph of 101 papers with ids that are no numbers, some of them without a label or a word."""
    folder, rng = tmp_path_factory.mktemp("graph"), np.random.default_rng(3)
    words = [{i % 3, *rng.integers(3, 31, 4).tolist()} if i % 13 else () for i in range(101)]
    labels = ["" if i % 17 == 5 else "xyz"[i % 3] for i in range(101)]
    papers = [[f"p{i}", labels[i], " ".join(map(str, words[i]))] for i in range(101)]
    write(folder / "papers.csv", ["paper", "label", "words"], papers)
    pairs = {(i, int(j)) for i in range(101) for j in rng.integers(0, 101, 9) if (i - j) % 3 == 0 and i != j}
    write(folder / "citations.csv", ["cited", "citing"], [[f"p{j}", f"p{i}"] for i, j in sorted(pairs)])
    return folder


@pytest.fixture(scope="module")
def trained(folder):
    """A small GCN on the user's graph: its Run, splits, what `train` answered, its export and its served functions."""
    from pipelines.outcome import Session
    from pipelines.report import Report
    from pipelines.train import train

    data = CitationsData(path=str(folder), train_per_class=7, val_papers=20, test_papers=40)
    run = GCN.with_(data=data, fit=replace(FIT, epochs=30))
    result = train(Session(DOMAIN, Report(json=True), "citations"), run)
    export = Path(result["export"])
    served = tf.saved_model.load(str(export))
    return SimpleNamespace(
        run=run,
        result=result,
        export=export,
        folder=Path(result["run_dir"]),
        metadata=json.loads((export / "metadata.json").read_text()),
        served=served,
        model=keras.saving.load_model(export / "model.keras", compile=False),
        splits=load(data, run.seed),
    )


def ask(trained, signature="serving_default", **columns):
    outputs = trained.served.signatures[signature](**{name: tf.constant(value) for name, value in columns.items()})
    return {name: value.numpy() for name, value in outputs.items()}


# ------------------------------------------------------------------------------------------------------------ training


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_trains_a_step_on_a_graph(recipe):
    own = RECIPES[recipe].members()[0]
    shallow = {"depth": 2} if "depth" in own.model.options else {}
    model = Model(own.model.builder, {**own.model.options, **shallow})
    data = replace(BLOCKS, positions=own.data.positions)
    splits, model = fitted(own.with_(data=data, model=model, fit=replace(own.fit, epochs=1, passes=1)))
    assert np.isfinite(engine.evaluate(model, TASK, splits.test, splits.meta)["nll"])


def test_the_training_papers_can_be_learnt_by_heart():
    splits, model = fitted(GCN.with_(fit=replace(FIT, epochs=150, keep="last")))
    assert engine.evaluate(model, TASK, splits.train, splits.meta)["accuracy"] == 1


def test_a_run_is_recorded_drawn_and_exported_beside_its_baselines(trained):
    assert set(trained.result["baselines"]) == {"label_propagation", "word_regression", "majority"}
    drawn = {path.name for path in (trained.folder / "plots").iterdir()}
    assert {"map.png", "confusion.png", "accuracy_by_degree.png", "learning_curves.png"} <= drawn
    assert trained.metadata["parity"]["rows"] == 40
    assert trained.metadata["data"]["split_rule"].startswith("random, 7 of each class")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fit": {"devices": 2}}, "fit.devices: a whole graph cannot be cut among devices; wanted one device, or"),
        ({"model": {"positions": "laplacian"}, "data": {"positions": 5}}, "model.positions are not those of the data"),
        ({"model": {"positions": "random_walk"}}, "model.positions are not those of the data"),
        ({"fit": {"consistency": 1.0}, "data": {"fan_outs": (5, 5)}}, "fit.consistency compares all papers"),
        ({"model": {"outputs": 5}}, "model.outputs is given by the data"),
    ],
)
def test_a_run_that_cannot_work_is_refused_before_anything_is_read(changes, message):
    run = GCN.with_(
        fit=replace(FIT, **changes.get("fit", {})),
        data=replace(BLOCKS, **changes.get("data", {})),
        model=Model("gcn", changes.get("model", {})),
    )
    with pytest.raises(BadInput, match=message):
        check(run)
    check(GCN.with_(fit=replace(FIT, devices=2), data=replace(BLOCKS, fan_outs=(5, 5))))


def test_a_whole_graph_is_refused_by_each_of_several_workers_before_it_waits_for_the_others(monkeypatch):
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(BadInput, match=r"a whole graph cannot be cut among devices.*got 2"):
        check(GCN.with_(data=BLOCKS))
    check(GCN.with_(data=replace(BLOCKS, fan_outs=(5, 5))))


@pytest.mark.parametrize("field", ["passes", "temperature", "l2", "consistency"])
def test_a_fit_that_cannot_work_is_refused(field):
    with pytest.raises(BadInput, match=f"fit.{field} cannot work"):
        CitationsFit(**{field: -1})


def test_sampled_batches_are_the_same_from_whatever_step_they_are_taken_up():
    rows = load(replace(BLOCKS, fan_outs=(3, 2), train_per_class=17), 0).train
    steps = rows.steps(20)

    def batches(first, count):
        taken = iter(training_batches(rows, 20, 5, first))
        return [next(taken)[0] for _ in range(count)]

    for ours, theirs in zip(batches(0, 2 * steps)[steps + 1 :], batches(steps + 1, steps - 1), strict=True):
        assert all((ours[name].numpy() == theirs[name].numpy()).all() for name in ours)


TWO_DEVICES = """
import json, sys
from dataclasses import replace
import keras, numpy as np
from data.errors import BadInput
from pipelines import engine
from pipelines.citations import DOMAIN
from tests.integration.test_citations import BLOCKS, FIT
from pipelines.run import Model, Run
data = replace(BLOCKS, fan_outs=(3, 2), train_per_class=19)
run = Run("citations", "sage", data, Model("graphsage", {"widths": (7,)}), replace(FIT, batch_size=16, optimizer="sgd"))
splits = DOMAIN.load(data, 0)
def weights(devices):
    own = run.with_(fit=replace(run.fit, devices=devices))
    fitted = engine.fit(engine.prepare(own, DOMAIN.task, splits), own, DOMAIN.task, splits)
    return np.concatenate([keras.ops.convert_to_numpy(w).ravel() for w in fitted.model.weights])
two, one, again = weights(2), weights(1), weights(2)
told = {"apart": float(np.abs(two - one).max()), "same": bool((two == again).all()), "size": len(one)}
try:
    engine.prepare(run.with_(data=BLOCKS, fit=replace(run.fit, devices=2)), DOMAIN.task, DOMAIN.load(BLOCKS, 0))
except BadInput as error:
    told["refused"] = str(error)
print(json.dumps(told))
"""


def test_two_devices_sample_the_same_neighbours_and_give_the_weights_of_one():
    done = subprocess.run([sys.executable, "-c", TWO_DEVICES], cwd=ROOT, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["size"] > 700
    assert told["same"]
    assert told["apart"] < 1e-6  # sums of two halves in place of one whole
    assert told["refused"].startswith("fit.devices: a whole graph cannot be cut among devices")


# ----------------------------------------------------------------------------------------------------------- objective


def test_the_consistency_is_the_distance_to_the_sharpened_mean_of_the_passes():
    p = np.random.default_rng(0).dirichlet(np.ones(3), (2, 5)).astype("float32")
    sharp = p.mean(0) ** (1 / 0.4)
    sharp /= sharp.sum(-1, keepdims=True)
    wanted = np.mean([((one - sharp) ** 2).sum(-1).mean() for one in p])
    assert float(disagreement(keras.ops.convert_to_tensor(p), 0.4)) == pytest.approx(wanted, rel=1e-5)


def test_no_gradient_flows_into_the_sharpened_mean():
    p = tf.constant(np.random.default_rng(0).dirichlet(np.ones(3), (2, 5)).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(p)
        loss = disagreement(p, 0.5)
    mean = p.numpy().mean(0) ** 2
    wanted = 2 * (p.numpy() - mean / mean.sum(-1, keepdims=True)) / 10  # of 2 passes and 5 papers
    assert np.allclose(tape.gradient(loss, p), wanted, atol=1e-6)


def test_cross_entropy_is_the_mean_over_passes_with_smoothed_labels():
    logits = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    labels = np.array([0, 3, 1, 1, 2])
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    plain = -logs[:, np.arange(5), labels].mean(0)
    assert np.allclose(cross_entropies(logits, labels, 0.0), plain, atol=1e-6)
    assert np.allclose(cross_entropies(logits, labels, 0.2), 0.8 * plain - 0.2 * logs.mean((0, 2)), atol=1e-6)


def test_with_consistency_labels_still_count_for_the_training_papers_alone_and_l2_for_kernels_alone():
    splits = load(BLOCKS, 0)
    batch = next(iter(training_batches(splits.train, 1000, 0)))[0]
    model = engine.prepare(GCN, TASK, splits).model

    def loss(**fit):
        return objective(model, batch, GCN.with_(fit=replace(FIT, **fit)), False)

    call = tf.function(loss, autograph=False)
    plain, (rows, _) = call(), call(consistency=1e-12, passes=2)
    assert np.allclose(plain.losses, rows, atol=1e-6)  # passes without dropout agree; so do their losses
    assert len(rows) == splits.train.size
    kernels = sum(float((w.numpy() ** 2).sum()) for w in model.trainable_weights if w.name != "bias")
    assert np.allclose(call(l2=0.1).losses - plain.losses, 0.05 * kernels, rtol=1e-4)


# ----------------------------------------------------------------------------------------------------------- baselines


def five_papers():
    """A line of five papers, both ways; 0 and 4 are to be learnt from, of classes 0 and 1."""
    edges = np.array([[1, 0], [0, 1], [2, 1], [1, 2], [3, 2], [2, 3], [4, 3], [3, 4]], np.int32)
    shared = {"features": np.eye(5, dtype=np.float32), "edges": edges}

    def rows(*papers):
        return Rows({"node": np.array(papers, np.int32), "label": np.array(papers) // 3}, shared)

    return Splits(rows(0, 4), rows(1), rows(2, 3), {"classes": ["a", "b"], "words": 5})


def test_label_propagation_is_the_closed_formula_and_goes_by_the_nearer_label():
    splits = five_papers()
    scores = label_propagation(splits)
    assert scores["val"]["accuracy"] == 1  # paper 1 stands beside paper 0
    adjacency = np.diag(np.ones(4), 1) + np.diag(np.ones(4), -1)
    scale = 1 / np.sqrt(adjacency.sum(0))
    given = np.zeros((5, 2))
    given[0, 0] = given[4, 1] = 1
    step = scale[:, None] * adjacency * scale
    nlls = []
    for share in (0.5, 0.8, 0.9, 0.99):
        beliefs = given
        for _ in range(STEPS):
            beliefs = share * step @ beliefs + (1 - share) * given
        nlls.append(-np.log((beliefs / beliefs.sum(1, keepdims=True))[1, 0]))
    assert scores["val"]["nll"] == pytest.approx(min(nlls), rel=1e-4)


def test_majority_knows_shares_alone_and_a_regression_cannot_tell_words_it_never_saw():
    splits = five_papers()
    assert majority(splits)["test"]["nll"] == pytest.approx(np.log(2))
    assert word_regression(splits)["test"]["nll"] == pytest.approx(np.log(2), rel=1e-2)


def test_baselines_see_no_label_but_those_of_training_papers():
    splits = load(BLOCKS, 0)
    blind = {part: Rows({**rows, "label": rows["label"] * 0}, rows.shared) for part, rows in splits.items()}
    other = Splits(splits.train, splits.val, blind["test"], splits.meta)
    for baseline in (label_propagation, word_regression, majority):
        assert baseline(splits)["val"] == baseline(other)["val"], baseline.__name__


# ------------------------------------------------------------------------------------------------------------- serving


def raw_of(trained):
    return TASK.raw(trained.splits.test)


def test_the_served_graph_answers_as_the_model_whichever_way_and_how_often_citations_are_sent(trained):
    raw = raw_of(trained)
    wanted = TASK.named(engine.predict(trained.model, trained.splits.test), {})["probabilities"]
    edges = raw["edges"]
    once = edges[edges[:, 0] < edges[:, 1]]
    for sent in (edges, once, once[::-1, ::-1], np.concatenate([once, once, [[3, 3]]])):
        answer = ask(trained, words=raw["words"], edges=np.ascontiguousarray(sent))
        assert np.allclose(answer["probabilities"][trained.splits.test["node"]], wanted, atol=1e-5)
    assert [label.decode() for label in answer["label"]] == ["xyz"[i] for i in answer["probabilities"].argmax(1)]


def test_words_may_be_sent_with_values_repeated_and_in_any_order(trained):
    edges = np.array([[1, 0]])
    one = ask(trained, words=["0 3 7", "5"], edges=edges)["probabilities"]
    for text in ("7 0 3", "0:1 3:1.0 7:1e0", "0:0.5 7 3 0:.5"):
        assert np.allclose(ask(trained, words=[text, "5"], edges=edges)["probabilities"], one, atol=1e-6)
    assert not np.allclose(ask(trained, words=["0 3 3 7", "5"], edges=edges)["probabilities"], one, atol=1e-3)


def test_papers_without_words_and_without_citations_are_answered(trained):
    answer = ask(trained, words=["", "1 2", ""], edges=np.zeros((0, 2), np.int64))
    assert np.allclose(answer["probabilities"].sum(1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("words", "edges", "message"),
    [
        (["0", "0 31"], [[0, 1]], "paper 2: a word that the model does not know; wanted 0 to 30, got 31"),
        (["0", "graph"], [[0, 1]], "paper 2: not a word; wanted indices, as 118 125 or 118:0.5"),
        (["0:", "1"], [[0, 1]], "paper 1: not a word"),
        (["-1", "1"], [[0, 1]], "paper 1: not a word"),
        (["0:1:1", "1"], [[0, 1]], "paper 1: not a word"),
        (["9" * 20, "1"], [[0, 1]], "paper 1: not a word"),
        (["0:nan", "1"], [[0, 1]], "paper 1: not a word"),
        (["0", "0 1:1e99"], [[0, 1]], "paper 2: a value that is no finite number"),
        (["0", "1"], [[0, 1], [0, 2]], "edge 2: an unknown paper; wanted indices of the papers sent, from 0, got 2"),
        (["0", "1"], [[-1, 1]], "edge 1: an unknown paper; wanted indices of the papers sent, from 0, got -1"),
    ],
)
def test_a_served_graph_with_a_fault_is_refused_by_paper_or_edge(trained, words, edges, message):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        ask(trained, words=words, edges=np.array(edges))
    assert message in str(caught.value)


def test_a_new_paper_is_answered_as_if_it_alone_had_come_to_the_graph(trained):
    raw, new = raw_of(trained), [("0 5 9", "p3 p6 p9"), ("", "p1"), ("2 30", ""), ("1:2 4", "p100")]
    answer = ask(trained, "paper", words=[words for words, _ in new], cites=[cites for _, cites in new])
    for row, (words, cites) in enumerate(new):
        edges = [[101, int(paper[1:])] for paper in cites.split()]
        sent = np.concatenate([raw["edges"], np.array(edges, np.int64).reshape(-1, 2)])
        whole = ask(trained, words=[*raw["words"], words], edges=sent)
        assert np.allclose(answer["probabilities"][row], whole["probabilities"][101], atol=1e-5)
        assert answer["label"][row] == whole["label"][101]


def test_a_new_paper_that_cites_what_is_not_there_is_refused(trained):
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="paper 2: cites an unknown paper; wanted ids of the graph"
    ):
        ask(trained, "paper", words=["0", "1"], cites=["p1", "p1 p777"])


def test_the_server_takes_both_forms_and_tells_faults_without_what_was_sent(trained):
    from pipelines.serve.folder import open_export
    from pipelines.serve.model import load as load_signatures
    from pipelines.serve.wire import Refusal, read_question, write_answer

    signatures = load_signatures(open_export(str(trained.folder)))

    def answer(name, **inputs):
        signature = signatures[name]
        question = read_question({"inputs": inputs}, signature.fields, 1000)
        return json.loads(write_answer(signature(question.arrays), question))["outputs"]

    assert len(answer("serving_default", words=["0", "1 2", ""], edges=[[1, 0]])["label"]) == 3
    assert len(answer("serving_default", words=["0"], edges=[])["label"]) == 1
    assert len(answer("paper", words=["0", "1"], cites=["p4", ""])["probabilities"]) == 2
    for name, inputs, reason in (
        ("serving_default", {"words": ["0", "77"], "edges": []}, "paper 2: a word that the model does not know"),
        ("serving_default", {"words": ["0"], "edges": [[0, 4]]}, "edge 1: an unknown paper"),
        ("serving_default", {"words": ["0"], "edges": [[0, 4, 1]]}, "edges: wanted shape [null,2]"),
        ("paper", {"words": ["0"], "cites": ["secret"]}, "paper 1: cites an unknown paper"),
    ):
        with pytest.raises(Refusal) as caught:
            answer(name, **inputs)
        assert caught.value.status == 400
        assert caught.value.reason.startswith(reason)
        assert "secret" not in caught.value.reason


def serving_of(run):
    """The served function of an untrained model, what it is sent for its own graph, and what the model says."""
    splits = load(run.data, run.seed)
    model = engine.prepare(run, TASK, splits).model
    serving = TASK.serving(model, splits.meta, splits.test)
    raw = TASK.raw(splits.test)
    wanted = TASK.named(engine.predict(model, splits.test), splits.meta)["probabilities"]
    answers = tf.function(serving.function)(*[tf.constant(raw[name]) for name in serving.inputs])
    got = TASK.answers({name: value.numpy() for name, value in answers.items()}, splits.test)["probabilities"]
    return serving, got, wanted


def columns(tmp_path):
    """A graph whose papers have columns of numbers."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "graph.npz", features=rng.normal(3, 2, (61, 5)), labels=np.arange(61) % 3,
             edges=rng.integers(0, 61, (173, 2)))  # fmt: skip
    return CitationsData(path=str(tmp_path / "graph.npz"), train_per_class=5)


WALKS = Model("graph_transformer", {"width": 8, "depth": 1, "heads": 2, "positions": "random_walk"})
WAVES = Model("graph_transformer", {"width": 8, "depth": 1, "heads": 2, "positions": "laplacian"})
SERVED = {
    "unit": (BLOCKS, {"scaling": "unit"}, GCN.model),
    "unscaled": (BLOCKS, {"scaling": "none"}, GCN.model),
    "as given": (BLOCKS, {"direction": "as_given"}, GCN.model),
    "random walks": (BLOCKS, {"positions": 5}, WALKS),
    "eigenvectors": (BLOCKS, {"positions": 5, "position_kind": "laplacian"}, WAVES),
    "sampled": (BLOCKS, {"fan_outs": (3, 2), "judge_by": "sampled"}, Model("graphsage", {})),
    "columns": (None, {"scaling": "rows"}, GCN.model),
    "standardised columns": (None, {"scaling": "standard"}, GCN.model),
    "columns with self citations": (None, {"scaling": "unit", "self_citations": "keep"}, GCN.model),
}


@pytest.mark.parametrize("case", SERVED)
def test_whatever_is_done_to_a_graph_is_done_in_the_served_function_too(case, tmp_path):
    data, changes, model = SERVED[case]
    run = GCN.with_(data=replace(data or columns(tmp_path), **changes), model=model)
    serving, got, wanted = serving_of(run)
    sent = TASK.raw(load(run.data, run.seed).test)
    assert np.allclose(got, wanted, atol=1e-5)
    assert ("paper" in serving.others) == (case not in ("sampled", "eigenvectors"))
    assert set(serving.example) == set(serving.inputs) == set(sent)


def test_a_one_way_graph_for_a_model_of_symmetric_ones_is_refused(tmp_path):
    pairs = np.array([[i, i + 3] for i in range(50)])
    np.savez(tmp_path / "graph.npz", features=np.eye(61, 5), labels=np.arange(61) % 3,
             edges=np.concatenate([pairs, pairs[:, ::-1]]))  # fmt: skip
    data = CitationsData(path=str(tmp_path / "graph.npz"), train_per_class=5, direction="symmetric")
    serving, got, wanted = serving_of(GCN.with_(data=data))
    assert np.allclose(got, wanted, atol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="a directed graph where the model wants a symmetric one"):
        tf.function(serving.function)(tf.zeros((2, 5)), tf.constant([[0, 1]], tf.int64))


# --------------------------------------------------------------------------------------------------------------- verbs


def test_predict_answers_every_paper_of_a_graph_and_keeps_its_file(trained, folder, tmp_path):
    told = verbs.predict(DOMAIN, str(trained.folder), str(folder / "papers.csv"), str(tmp_path / "out.csv"))
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert told["rows"] == len(rows) == 101
    assert [row["paper"] for row in rows] == [f"p{i}" for i in range(101)]
    whole = ask(trained, words=raw_of(trained)["words"], edges=raw_of(trained)["edges"])
    assert [row["predicted_label"].encode() for row in rows] == whole["label"].tolist()
    assert float(rows[7]["probabilities_y"]) == pytest.approx(whole["probabilities"][7, 1], abs=1e-5)


def test_predict_answers_new_papers_by_what_they_say_and_cite(trained, tmp_path):
    file = write(tmp_path / "new.csv", ["paper", "words", "cites"], [["n1", "0 5 9", "p3 p6"], ["n2", "", "p1"]])
    verbs.predict(DOMAIN, str(trained.folder), file, str(tmp_path / "out.csv"))
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    answer = ask(trained, "paper", words=["0 5 9", ""], cites=["p3 p6", "p1"])
    assert [row["label"].encode() for row in rows] == answer["label"].tolist()


@pytest.mark.parametrize(
    ("name", "header", "rows", "message"),
    [
        ("new.csv", ["words", "cites"], [["0", "p1"], ["1", "p1 zz"]], "new.csv:3:cites: a citation of an unknown"),
        ("new.csv", ["words", "cites"], [["0 99", "p1"]], "new.csv:2:words: a word beyond the vocabulary; wanted"),
        ("new.csv", ["text", "cites"], [["0", "p1"]], "new.csv:1: no column 'words'"),
        ("papers.csv", ["paper", "words"], [["p0", "0 99"]], "papers.csv:2:words: a word beyond the vocabulary"),
        ("papers.csv", ["paper", "height"], [["p0", "1"]], "papers.csv: papers with other features than the model"),
        ("alone.csv", ["paper", "words"], [["p0", "1"]], "no citations.csv here"),
    ],
)  # fmt: skip
def test_a_file_that_a_model_cannot_take_is_told_by_line_and_nothing_is_left(
    trained, tmp_path, name, header, rows, message
):
    file = write(tmp_path / name, header, rows)
    if name == "papers.csv":
        write(tmp_path / "citations.csv", ["cited", "citing"], [["p0", "p0"]])
    with pytest.raises(BadInput) as caught:
        verbs.predict(DOMAIN, str(trained.folder), file, str(tmp_path / "out.csv"))
    assert message in str(caught.value)
    assert not (tmp_path / "out.csv").exists()


def test_evaluate_judges_the_run_s_test_papers_or_every_labelled_one_of_a_graph(trained, folder):
    own = verbs.evaluate(DOMAIN, str(trained.folder), "", json=True)
    assert own["rows"] == 40
    assert own["scores"]["test"]["accuracy"] == pytest.approx(trained.result["scores"]["test"]["accuracy"])
    every = verbs.evaluate(DOMAIN, str(trained.folder), str(folder / "papers.csv"), json=True)
    assert every["rows"] == sum(i % 17 != 5 for i in range(101))


def test_evaluate_refuses_a_label_that_the_model_does_not_know(trained, tmp_path):
    write(tmp_path / "papers.csv", ["paper", "label", "words"], [["a", "x", "1"], ["b", "w", "2"]])
    write(tmp_path / "citations.csv", ["cited", "citing"], [["a", "b"]])
    with pytest.raises(BadInput, match=r"papers.csv:3: label unseen in training; wanted one of x, y, z, got 'w'"):
        verbs.evaluate(DOMAIN, str(trained.folder), str(tmp_path / "papers.csv"), json=True)


def test_columns_of_numbers_are_known_by_their_names(tmp_path):
    facts = {"form": "columns", "words": 2, "columns": ["height", "weight"]}
    assert in_order_of(facts, ["weight", "height"], "new.csv:1") == [1, 0]
    assert in_order_of({**facts, "columns": []}, ["a", "b"], "new.csv:1") == [0, 1]  # an archive names none
    for names in (["weight", "width"], ["weight"], ["weight", "height", "width"]):
        with pytest.raises(BadInput, match=r"new.csv:1: papers with other features .* wanted height, weight, got"):
            in_order_of(facts, names, "new.csv:1")


def test_requests_of_a_folder_are_those_of_its_papers(trained, folder):
    [(table, inputs)] = requests(str(folder), trained.metadata)
    [(_, same)] = requests(str(folder / "papers.csv"), trained.metadata)
    assert len(table.rows) == len(inputs["words"]) == 101
    assert (inputs["edges"] == same["edges"]).all()


def test_an_explanation_is_what_is_lost_when_a_paper_or_a_word_is_left_out(trained, tmp_path):
    own = open_trained(DOMAIN, str(trained.folder))
    known = Known(own.model, DOMAIN.splits(own.run).test, trained.metadata["classes"])
    told = known.explain("p9", top=200)
    raw = raw_of(trained)
    answer = trained.metadata["classes"].index(told.label)

    def log(words=raw["words"], edges=raw["edges"]):
        return np.log(ask(trained, words=words, edges=edges)["probabilities"][9, answer])

    assert np.log(told.probability) == pytest.approx(log(), abs=1e-4)
    direct = sorted(set(raw["edges"][raw["edges"][:, 1] == 9, 0].tolist()))
    assert sorted(int(part.name[1:]) for part in told.papers if part.hops == 1) == direct
    for part in told.papers[:3]:
        kept = raw["edges"][(raw["edges"] != int(part.name[1:])).all(1)]
        assert part.effect == pytest.approx(log() - log(edges=kept), abs=1e-4)
    assert sorted(part.name for part in told.words) == sorted(word.split(":")[0] for word in raw["words"][9].split())
    assert draw(told, tmp_path / "p9.png").stat().st_size > 10_000
    with pytest.raises(BadInput, match=r"explain: unknown paper.*wanted an id of the graph, got p999"):
        known.explain("p999", top=3)


def test_attention_is_told_layer_by_layer_and_sums_to_one_with_what_a_paper_pays_itself():
    run = GCN.with_(model=Model("gat", {"widths": (4,), "heads": 2}))
    splits = load(run.data, run.seed)
    known = Known(engine.prepare(run, TASK, splits).model, splits.test, splits.meta["classes"])
    edges = splits.test.shared["edges"]
    paid = known._attention(17)
    assert sorted(paid) == sorted(edges[edges[:, 1] == 17, 0].tolist())
    for layer in np.array(list(paid.values())).T:
        assert 0 < layer.sum() < 1


def test_every_paper_of_the_run_s_graph_is_labelled_as_the_served_graph_labels_it(trained, tmp_path):
    out = str(tmp_path / "labels.csv")
    told = label.main(DOMAIN, [str(trained.folder), "--out", out, "--messages", "50"], "label")
    rows = list(csv.DictReader((tmp_path / "labels.csv").open()))
    assert told["rows"] == len(rows) == 101
    whole = ask(trained, words=raw_of(trained)["words"], edges=raw_of(trained)["edges"])
    assert [row["label"].encode() for row in rows] == whole["label"].tolist()
    assert [row["paper"] for row in rows] == trained.splits.test.shared["ids"].tolist()


LAYERWISE = {
    "gcn": {"widths": (5, 4)},
    "gat": {"widths": (3,), "heads": 2, "version": "v2"},
    "graphsage": {"aggregator": "pool"},
    "message_passing": {"width": 7, "depth": 2},
    "appnp": {"widths": (5,), "steps": 3},
    "gcnii": {"width": 7, "depth": 3},
    "grand": {"widths": (5,), "order": 3},
    "graph_transformer": {"width": 8, "depth": 2, "heads": 2, "positions": "random_walk"},
}


@pytest.mark.parametrize("builder", LAYERWISE)
def test_layer_by_layer_and_piece_by_piece_gives_what_the_whole_graph_gives(builder):
    data = replace(BLOCKS, positions=3 if builder == "graph_transformer" else 0)
    run = GCN.with_(data=data, model=Model(builder, LAYERWISE[builder]))
    splits = load(data, 0)
    model, shared = engine.prepare(run, TASK, splits).model, splits.test.shared
    everyone = Rows({"node": np.arange(211, dtype=np.int32)}, shared)
    features, edges = graph_beside(splits.test, splits.meta["words"])
    ours = infer(model, features, edges, shared.get("positions"), messages=97)
    assert np.allclose(ours, engine.predict(model, everyone), atol=1e-5)


def test_an_ensemble_is_inferred_member_by_member():
    splits = load(BLOCKS, 0)
    members = [engine.prepare(GCN.with_(seed=seed, recipe=f"member{seed}"), TASK, splits).model for seed in range(2)]
    both = ensemble(members, [0.25, 0.75])
    features, edges = graph_beside(splits.test, splits.meta["words"])
    everyone = Rows({"node": np.arange(211, dtype=np.int32)}, splits.test.shared)
    assert np.allclose(infer(both, features, edges, messages=97), engine.predict(both, everyone), atol=1e-5)


def test_describe_counts_the_published_parameters_on_cora():
    told = describe.main(DOMAIN, ["gcn", "--json"], "describe")
    assert told["parameters"] == 23_063
    assert describe.main(DOMAIN, ["gat", "--json"], "describe")["parameters"] == 92_373
    assert describe.main(DOMAIN, ["graphsage", "--json"], "describe")["parameters"] == 46_103
