"""`train` in one process: what it answers, what it writes, and means and spread over seeds and folds."""

import json
import math
import statistics
from pathlib import Path

import pytest

from pipelines.domain import domain
from pipelines.stored_run import read_run

from .conftest import events, small_run, train_in_process

FIELDS = {
    "schema", "domain", "recipe", "seed", "parameters", "parameters_total", "scores", "baselines", "spread", "runs",
    "seconds", "fit_seconds", "epochs", "export", "run_id", "run_dir", "title",
}  # fmt: skip
MEASURES = {"accuracy", "balanced_accuracy", "mcc", "auroc", "auprc", "nll", "ece"}
BASELINES = {"positional_regression", "kmer_regression"}


def test_the_run_beside_the_model_reads_back_as_the_run_that_was_asked_for(trained):
    assert read_run(trained.folder / "run.json", domain("genomics")) == trained.run


def test_the_record_begins_with_commit_versions_and_hardware(trained):
    facts = events(trained.folder)[0]["values"]["facts"]
    assert {"commit", "python", "keras", "tensorflow", "mlflow", "cores", "devices", "command"} <= set(facts)
    assert len(facts["commit"].rstrip("+")) in (0, 40)  # none outside of a checkout


def test_the_record_tells_the_run_in_the_order_in_which_it_happened(trained):
    told = [event["event"] for event in events(trained.folder)]
    assert told == ["start", "data", "epoch", "epoch", "scores", *["artifact"] * 5, "export", "artifact", "end"]
    assert events(trained.folder)[-1]["values"]["status"] == "FINISHED"


def test_the_record_counts_epochs_from_one_and_steps_as_the_optimizer_does(trained):
    rows = events(trained.folder)[1]["values"]["rows"]["train"]
    steps = math.ceil(rows / trained.run.fit.batch_size)
    told = [(e["epoch"], e["step"]) for e in events(trained.folder) if e["event"] == "epoch"]
    assert told == [(1, steps), (2, 2 * steps)]


def test_the_answer_has_the_promised_fields_and_is_plain_json(trained):
    from pipelines.runs import clean

    assert set(trained.result) >= FIELDS
    assert set(trained.result) - FIELDS <= {"fold", "compile_seconds"}
    assert set(trained.result["scores"]) == {"train", "val", "test"}
    assert all(set(scores) == MEASURES for scores in trained.result["scores"].values())
    assert set(trained.result["baselines"]) == BASELINES
    assert json.loads(json.dumps(clean(trained.result), allow_nan=False))["runs"][0]["seed"] == 0


def test_the_scores_are_those_of_the_epoch_with_the_best_validation(trained):
    history = [e["values"] for e in events(trained.folder) if e["event"] == "epoch"]
    best = min(history, key=lambda values: values["val_nll"])
    for name, value in trained.result["scores"]["val"].items():
        assert best[f"val_{name}"] == pytest.approx(value, abs=1e-6)  # one compiled forward pass, the same weights


def test_the_figures_are_written_and_are_not_blank(trained):
    from matplotlib.image import imread

    drawn = sorted(p.name for p in (trained.folder / "plots").iterdir())
    names = ("accuracy_by_content", "confusion", "learning_curves", "reliability", "roc_and_pr")
    assert drawn == [f"{name}.png" for name in names]
    for name in drawn:
        image = imread(trained.folder / "plots" / name)[..., :3]
        assert (image.min(-1) < 0.9).mean() > 0.01, f"{name} is blank"


@pytest.fixture(scope="module")
def two_seeds(few):
    return train_in_process(small_run(path=str(few)), seeds=2, name="two-seeds")


@pytest.fixture(scope="module")
def three_folds(few):
    return train_in_process(small_run(path=str(few)), folds=3, name="three-folds")


def _leaves(tree, path=()):
    for key, value in tree.items():
        yield from _leaves(value, (*path, key)) if isinstance(value, dict) else [((*path, key), value)]


def _at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


@pytest.mark.parametrize("several", ["two_seeds", "three_folds"])
def test_over_seeds_and_folds_scores_are_means_and_spread_is_the_sample_deviation(several, request):
    result = request.getfixturevalue(several)
    for part in ("scores", "baselines"):
        leaves = list(_leaves(result[part]))
        assert len(leaves) == 3 * len(MEASURES) * (1 if part == "scores" else len(BASELINES))
        for path, mean in leaves:
            values = [_at(member[part], path) for member in result["runs"]]
            assert mean == pytest.approx(statistics.mean(values))
            assert _at(result["spread"][part], path) == pytest.approx(statistics.stdev(values))


def test_seeds_count_up_from_the_run_s_and_split_anew(two_seeds):
    assert [member["seed"] for member in two_seeds["runs"]] == [0, 1]
    digests = {events(member["run_dir"])[1]["values"]["digest"] for member in two_seeds["runs"]}
    assert len(digests) == 2


def test_folds_hold_out_every_row_once(three_folds):
    assert [member["fold"] for member in three_folds["runs"]] == [0, 1, 2]
    data = [events(member["run_dir"])[1]["values"] for member in three_folds["runs"]]
    assert sum(d["rows"]["test"] for d in data) == sum(data[0]["rows"].values())


@pytest.mark.parametrize("several", ["two_seeds", "three_folds"])
def test_the_export_of_several_is_that_of_the_best_on_validation(several, request):
    result = request.getfixturevalue(several)
    best = min(result["runs"], key=lambda member: member["scores"]["val"]["nll"])
    metadata = json.loads((Path(result["export"]) / "metadata.json").read_text())
    assert result["run_id"] == best["run_id"]
    assert metadata["scores"]["val"]["nll"] == pytest.approx(best["scores"]["val"]["nll"])
    assert metadata["run"]["seed"] == best["seed"]
    assert [bool(list(Path(m["run_dir"]).glob("exports/*/*"))) for m in result["runs"]] == [
        member is best for member in result["runs"]
    ]


@pytest.mark.parametrize("several", ["two_seeds", "three_folds"])
def test_several_runs_are_children_of_one_that_holds_the_means(several, request, client):
    result = request.getfixturevalue(several)
    runs = [client.get_run(member["run_id"]) for member in result["runs"]]
    parents = {run.data.tags["mlflow.parentRunId"] for run in runs}
    assert len(parents) == 1
    parent = client.get_run(parents.pop())
    assert parent.info.status == "FINISHED"
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert parent.data.metrics["test/accuracy"] == pytest.approx(result["scores"]["test"]["accuracy"])
