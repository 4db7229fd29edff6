"""Ensembles as runs: members on one split, one export that answers for all of them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import BadInput
from pipelines import cli, combine, engine, tracking
from pipelines.checkpoint import Checkpoints
from pipelines.domain import domain
from pipelines.run import Other
from pipelines.stored_run import read_run, run_of
from pipelines.summary_page import _divided
from pipelines.verbs import Served, evaluate, find

from .conftest import events, python, small_run, train_in_process


@pytest.fixture(scope="module")
def both(few, tmp_path_factory):
    """A convnet and a perceptron, two seeds each, as one model."""
    run = small_run(path=str(few)).with_(others=(Other("mlp", {"widths": (7,)}, "dense"),), combine="mean")
    run = run.with_(fit=replace(run.fit, optimizer="muon"))  # of our own, which who opens the ensemble may not know
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INDUCTIVE_RUNS", str(tmp_path_factory.mktemp("ensemble")))
        result = train_in_process(run, seeds=2)
        yield run.with_(seeds=2), result


def models(run, result, splits):
    genomics = domain("genomics")
    for member, told in zip(run.members(), result["runs"], strict=True):
        kept = Checkpoints(Path(told["run_dir"]) / "checkpoints", writes=False)
        yield engine.restored(member, genomics.task, splits, kept).model


def test_members_are_every_seed_of_every_architecture_on_the_split_of_the_first_seed(both):
    _, result = both
    starts = [events(told["run_dir"])[0]["values"]["params"] for told in result["runs"]]
    assert [(s["model.builder"], s["seed"], s["split_seed"]) for s in starts] == [
        ("cnn", 0, 0), ("mlp", 0, 0), ("cnn", 1, 0), ("mlp", 1, 0)
    ]  # fmt: skip
    digests = {events(told["run_dir"])[1]["values"]["digest"] for told in result["runs"]}
    assert digests == {events(result["run_dir"])[1]["values"]["digest"]}


def test_members_are_named_by_what_they_are_and_the_whole_by_its_members(both):
    _, result = both
    client, whole = tracking.connect(tracking.store_uri()), "mean of 2 small + 2 dense"
    for told, name in zip(result["runs"], ["small-s0", "dense-s0", "small-s1", "dense-s1"], strict=True):
        start, logged = events(told["run_dir"])[0]["values"], client.get_run(told["run_id"])
        assert Path(told["run_dir"]).name[16:].startswith(name)
        assert logged.info.run_name.startswith(name)
        assert logged.data.params["recipe"] == start["params"]["recipe"] == name.partition("-")[0]
    parent = client.get_run(result["run_id"])
    assert parent.info.run_name.startswith(f"{whole} 2")
    assert f"| {whole} |" in parent.data.tags["mlflow.note.content"]
    assert result["title"] == whole


def test_an_ensemble_is_read_back_as_it_was_written(both):
    run, result = both
    assert read_run(Path(result["run_dir"]) / "run.json", domain("genomics")) == run


def test_one_that_was_written_before_its_members_had_names_has_them_from_their_builders():
    stored = small_run().with_(others=(Other("mlp"),)).as_json()
    del stored["others"][0]["recipe"]
    assert [member.recipe for member in run_of(stored, domain("genomics"), "").members()] == ["small", "mlp"]


def test_its_probabilities_are_the_mean_of_theirs_and_its_scores_are_of_these(both):
    run, result = both
    genomics = domain("genomics")
    splits = genomics.load(run.data, run.seed)
    outputs = [genomics.task.named(engine.predict(m, splits.test), splits.meta) for m in models(run, result, splits)]
    mean = np.mean([o["probabilities"] for o in outputs], axis=0)
    served = Served(find(genomics, result["run_dir"]))(genomics.task.raw(splits.test))["probabilities"]
    np.testing.assert_allclose(served, mean, atol=1e-5)
    scores = genomics.task.evaluate({"probabilities": mean}, splits.test, splits.meta)
    assert result["scores"]["test"]["nll"] == pytest.approx(scores["nll"], rel=1e-4)
    assert result["parameters"] == sum(told["parameters"] for told in result["runs"])
    assert evaluate(genomics, result["run_dir"], "", json=True)["scores"]["test"]["nll"] == pytest.approx(scores["nll"])


def test_taken_up_after_all_members_have_ended_it_is_put_together_again(both):
    run, result = both
    folder = Path(result["run_dir"])
    lines = (folder / "record.jsonl").read_text().splitlines()
    (folder / "record.jsonl").write_text(
        "\n".join(x for x in lines if json.loads(x)["event"] in ("start", "data")) + "\n"
    )
    from pipelines.outcome import Session
    from pipelines.report import Report
    from pipelines.runs import RunFolder
    from pipelines.train import train

    again = train(Session(domain("genomics"), Report(json=True), "genomics"), run, RunFolder(folder))
    assert again["scores"] == result["scores"]
    assert [told["run_dir"] for told in again["runs"]] == [told["run_dir"] for told in result["runs"]]


def test_stacking_leaves_out_what_does_not_help(both):
    run, _ = both
    genomics = domain("genomics")
    splits = genomics.load(run.data, run.seed)
    right = 9.0 * np.eye(3, dtype="float32")[splits.val["label"]]
    np.testing.assert_array_equal(combine.stacked(genomics.task, [-right, right, 0 * right], splits), [0.0, 1.0, 0.0])


def test_an_ensemble_of_one_training_is_refused():
    with pytest.raises(BadInput, match="combine cannot work; wanted best, or several seeds or architectures, got mean"):
        small_run().with_(combine="mean")


def test_a_process_that_only_loads_a_saved_ensemble_gets_all_that_it_names(both):
    # Its members were compiled each; what is saved must not name their optimizers, which nobody imports here.
    code = (
        "import sys\n"
        "from pipelines.domain import domain\n"
        "from pipelines.trained import open_trained\n"
        "print(type(open_trained(domain('genomics'), sys.argv[1]).model.layers[-1]).__name__)\n"
    )
    done = python("-c", code, both[1]["run_dir"])
    assert done.stdout.split() == ["Mixture"], done.stderr


def test_a_saved_ensemble_is_opened_again_and_another_run_started_from_its_first_member(both, own_runs):
    from pipelines.trained import open_trained

    run, result = both
    genomics = domain("genomics")
    opened, splits = open_trained(genomics, result["run_dir"]).model, genomics.load(run.data, run.seed)
    scores = engine.evaluate(opened, genomics.task, splits.test, splits.meta)
    assert scores["nll"] == pytest.approx(result["scores"]["test"]["nll"])
    fit = replace(run.fit, epochs=1, start=result["run_dir"])
    started = train_in_process(run.with_(fit=fit, seeds=1, others=(), combine="best"))
    told = next(event for event in events(started["run_dir"]) if event["event"] == "start_from")
    assert told["values"] == {"told": f"3 of 3 layers from {result['run_dir']}"}


def test_others_are_named_by_their_recipes_on_the_command_line(few, own_runs, monkeypatch):
    asked = []
    monkeypatch.setattr("pipelines.train.train", lambda session, run, folder: asked.append(run))
    genomics = domain("genomics")
    flags = ["cnn", "--data.path", str(few), "--others", "lstm", "gru", "--combine", "stacking"]
    cli._train(genomics, flags, "train")
    members = asked[0].members()
    assert [member.model for member in members][1:] == [genomics.recipes[n].model for n in ("lstm", "gru")]
    assert [member.recipe for member in members] == ["cnn", "lstm", "gru"]
    assert asked[0].combine == "stacking"
    titles = {how: asked[0].with_(combine=how, seeds=2).title for how in ("best", "mean")}
    assert titles == {"best": "2 cnn + 2 lstm + 2 gru", "mean": "mean of 2 cnn + 2 lstm + 2 gru"}


def test_the_page_of_an_ensemble_tells_its_members_with_their_scores_and_shares(both):
    _, result = both
    page = (Path(result["run_dir"]) / "summary.html").read_text()
    assert "<h1>mean of 2 small + 2 dense on few.csv</h1>" in page
    assert "One model: the mean of what these answer." in page
    for told, name in zip(result["runs"], ["small", "dense"] * 2, strict=True):
        scores = f"{100 * told['scores']['test']['accuracy']:.1f}"
        row = [name, told["seed"], f"{told['parameters']:,}", "0.25", scores]
        assert f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}" in page


def test_the_page_of_all_folds_tells_no_split_that_none_of_them_has():
    data = {"rows": {"train": 80, "val": 11, "test": 9}, "split_rule": "random"}
    run = small_run().with_(folds=3)
    assert _divided(run, data) == "100 rows, each tested once in 3 folds"
    assert _divided(run.with_(fold=1), data) == "80 train, 11 val, 9 test; random"
