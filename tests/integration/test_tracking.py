"""The record is the truth and MLflow its mirror: complete, in order, once, whatever fails in between."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from data.errors import BadInput
from pipelines import tracking
from pipelines.runs import RunFolder, all_runs, clean, mark_abandoned, root

from .conftest import ROOT, events, files_below, python, small_run, train_in_process


def history(client, run_id, metric):
    return [(m.step, m.value) for m in client.get_metric_history(run_id, metric)]


def names_below(client, run_id, path=None):
    found = []
    for item in client.list_artifacts(run_id, path):
        found += names_below(client, run_id, item.path) if item.is_dir else [item.path]
    return found


@pytest.fixture(scope="module")
def logged(trained, client):
    return client.get_run(trained.result["run_id"])


def test_every_field_of_the_run_is_a_parameter(logged, trained):
    assert logged.data.params == {name: str(clean(value)) for name, value in trained.run.flat().items()}


def test_the_place_is_told_in_tags(logged, trained):
    facts = events(trained.folder)[0]["values"]["facts"]
    for name in ("commit", "python", "keras", "tensorflow", "processor", "cores", "devices", "command"):
        assert logged.data.tags[f"inductive.{name}"] == str(facts[name])
    assert logged.data.tags.get("mlflow.source.git.commit", "") == facts["commit"].rstrip("+")


def test_the_run_is_finished_when_the_record_says_so(logged, trained):
    assert logged.info.status == "FINISHED"
    assert logged.info.end_time == int(events(trained.folder)[-1]["time"] * 1000)


def test_the_data_set_is_known_by_the_digest_of_its_whole_content(logged, trained):
    (used,) = logged.inputs.dataset_inputs
    digest = events(trained.folder)[1]["values"]["digest"]
    assert (used.dataset.name, used.dataset.digest) == ("splice", digest[:36])


def test_its_name_begins_with_what_it_is_since_long_names_are_cut(logged, trained):
    stamp, name = trained.folder.name[:15], trained.folder.name[16:]
    assert logged.info.run_name == f"{name} {stamp}"


def test_each_epoch_is_logged_once_under_its_own_number(client, logged, trained):
    told = [e for e in events(trained.folder) if e["event"] == "epoch"]
    for name in told[0]["values"]:
        assert history(client, logged.info.run_id, name) == [(e["epoch"], e["values"][name]) for e in told], name


def test_final_measures_and_baselines_are_logged_once(client, logged, trained):
    result = trained.result
    expected = {f"{s}/{m}": v for s, scores in result["scores"].items() for m, v in scores.items()}
    for name, splits in result["baselines"].items():
        expected |= {f"{s}/{m} of {name}": v for s, scores in splits.items() for m, v in scores.items()}
    final = {name: value for name, value in logged.data.metrics.items() if "/" in name}
    assert final == pytest.approx(expected)
    assert len(history(client, logged.info.run_id, "test/accuracy")) == 1


def test_figures_the_keras_file_and_the_page_are_artifacts(client, logged):
    assert names_below(client, logged.info.run_id) == [
        "keras/model.keras", "plots/accuracy_by_content.png", "plots/confusion.png", "plots/learning_curves.png",
        "plots/reliability.png", "plots/roc_and_pr.png", "summary.html",
    ]  # fmt: skip


def test_the_description_shows_the_network_beside_what_it_had_to_beat(logged):
    card = logged.data.tags["mlflow.note.content"]
    assert "| small |" in card
    assert "| positional_regression |" in card
    assert "LOSES to positional_regression" in card, "two epochs of 203 parameters cannot win"


def test_a_version_is_registered_and_the_first_is_the_champion(client, trained):
    result = train_in_process(trained.run, name="newcomer")
    version = client.get_model_version_by_alias("newcomer", "champion")
    assert (str(version.version), version.run_id) == ("1", result["run_id"])
    (found,) = [model for model in tracking.registered() if model["name"] == "newcomer"]
    assert (found["versions"], str(found["champion"])) == (1, "1")


# --- who is the champion


def _copy(trained, name, value=None):
    """A run of its own with the record of the small one, which says to have scored `value`."""
    folder = root() / "genomics" / name
    shutil.copytree(trained.folder, folder)
    (folder / "mlflow.json").unlink()
    record = folder / "record.jsonl"
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    lines[0]["values"]["facts"]["copy"] = name  # another start is another run
    for line in lines:
        if line["event"] == "scores" and value is not None:
            line["values"]["scores"]["val"]["nll"] = value
        if line["event"] == "export" and value is not None:
            line["values"]["value"] = value
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return RunFolder(folder)


def _mirrored(folder):
    mirror = tracking.Mirror(folder, "genomics")
    mirror.catch_up()
    return mirror.client.get_run(mirror.run_id).data.tags["inductive.champion"]


def _rewrite(folder, change):
    lines = [json.loads(line) for line in folder.record.read_text().splitlines()]
    for line in lines:
        change(line["event"], line["values"])
    folder.record.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_the_champion_moves_to_a_better_one_on_the_same_rows_and_to_no_other(trained, own_runs):
    client = tracking.connect(tracking.store_uri())

    def champion():
        return str(client.get_model_version_by_alias("genomics", "champion").version)

    assert _mirrored(_copy(trained, "a", 0.5)) == "yes: validation nll 0.5, the first"
    assert _mirrored(_copy(trained, "b", 0.6)).startswith("no: validation nll 0.6 against 0.5 of version 1")
    assert champion() == "1"
    assert _mirrored(_copy(trained, "c", 0.5)).startswith("no: "), "an equal one does not take the place"
    assert _mirrored(_copy(trained, "d", 0.4)).startswith("yes: validation nll 0.4 against 0.5 of version 1")
    assert champion() == "4"

    elsewhere = _copy(trained, "e", 0.1)
    _rewrite(elsewhere, lambda event, values: values.update(digest="f" * 64) if event in ("data", "export") else None)
    assert _mirrored(elsewhere).startswith("no: version 4 was judged on other rows")
    assert champion() == "4"


def test_a_model_whose_score_is_not_a_number_is_registered_and_not_crowned(trained, own_runs):
    assert _mirrored(_copy(trained, "a", 0.5)).startswith("yes")
    broken = _copy(trained, "b", 0.5)
    _rewrite(broken, lambda event, values: values.update(value=None) if event == "export" else None)
    assert _mirrored(broken) == "no: its validation nll is not a number"


# --- stores that fail


FAILING = (
    "log_batch", "log_inputs", "log_artifact", "create_registered_model", "create_model_version",
    "set_registered_model_alias", "set_terminated",
)  # fmt: skip


def _fail_now_and_then(monkeypatch):
    """Every writing call fails twice: the first time before it does anything, the second time after."""
    import mlflow

    calls = dict.fromkeys(FAILING, 0)

    def failing(name, real):
        def call(self, *arguments, **options):
            calls[name] += 1
            if calls[name] == 1:
                raise ConnectionError(f"{name} lost on its way")
            result = real(self, *arguments, **options)
            if calls[name] == 2:
                raise ConnectionError(f"answer of {name} lost")
            return result

        return call

    for name in FAILING:
        monkeypatch.setattr(mlflow.MlflowClient, name, failing(name, getattr(mlflow.MlflowClient, name)))
    return calls


def test_a_store_that_fails_again_and_again_loses_nothing_and_gets_nothing_twice(trained, own_runs, monkeypatch):
    folder = _copy(trained, "a")
    calls = _fail_now_and_then(monkeypatch)
    failures = 0
    for _ in range(4 * len(FAILING)):
        try:
            tracking.mirror_all()
            break
        except tracking.Unreachable:
            failures += 1
    assert failures >= len(FAILING), "the store was to fail"
    assert all(count >= 2 for name, count in calls.items() if name != "create_registered_model")
    assert tracking.mirror_all() == []

    client = tracking.connect(tracking.store_uri())
    run_id = json.loads((folder.path / "mlflow.json").read_text())["run_id"]
    run = client.get_run(run_id)
    told = [e for e in events(folder.path) if e["event"] == "epoch"]
    for name in told[0]["values"]:
        assert history(client, run_id, name) == [(e["epoch"], e["values"][name]) for e in told], name
    assert run.info.status == "FINISHED"
    assert len(run.inputs.dataset_inputs) == 1
    assert len(client.search_runs([run.info.experiment_id])) == 1
    assert len(client.search_model_versions("name = 'genomics'")) == 1
    assert str(client.get_model_version_by_alias("genomics", "champion").version) == "1"
    assert run.data.tags["inductive.champion"].startswith("yes")


def test_a_run_goes_on_when_its_store_fails_and_says_how_to_mirror_it_later(trained, own_runs, monkeypatch, capfd):
    folder = _copy(trained, "a")
    mirror = tracking.Mirror(folder, "genomics")
    _fail_now_and_then(monkeypatch)
    tracking.follow(mirror)
    tracking.follow(mirror)
    said = capfd.readouterr().err
    assert said.count("warning:") == 1
    assert "`python -m pipelines sync`" in said


def test_sync_leaves_a_run_that_is_still_going_to_its_own_process(own_runs):
    going = _started(os.getpid())
    assert tracking.mirror_all() == []
    assert not (going.path / "mlflow.json").exists()


def test_sync_mirrors_anew_what_the_store_has_lost_and_leaves_alone_what_was_deleted(own_runs):
    folder = _started(os.getpid())
    folder.write("end", {"status": "FINISHED"})
    assert [f.path for f in tracking.mirror_all()] == [folder.path]
    client = tracking.connect(tracking.store_uri())
    note = folder.path / "mlflow.json"
    run_id = json.loads(note.read_text())["run_id"]

    client.delete_run(run_id)
    folder.write("note", {})
    assert tracking.mirror_all() == []

    note.write_text(json.dumps({**json.loads(note.read_text()), "run_id": "0" * 32}))
    assert [f.path for f in tracking.mirror_all()] == [folder.path]
    assert json.loads(note.read_text())["run_id"] not in ("0" * 32, run_id)


def test_a_run_on_files_whose_names_are_no_utf_8_is_mirrored(own_runs):
    place = os.fsdecode(b"caf\xe9.csv")
    folder = RunFolder.create(small_run(path=place), {"command": f"train --data.path {place}"})
    mirror = tracking.Mirror(folder, "genomics")
    mirror.catch_up()
    data = mirror.client.get_run(mirror.run_id).data
    assert data.params["data.path"] == r"caf\xe9.csv"
    assert data.tags["inductive.command"] == r"train --data.path caf\xe9.csv"


def test_a_store_whose_making_was_cut_short_is_made_anew(own_runs, monkeypatch):
    import mlflow

    class Killed(BaseException):
        """Stands for a kill in the midst of the tables."""

    def half(uri):
        with sqlite3.connect(uri.removeprefix("sqlite:///")) as store:
            store.execute("CREATE TABLE assessments (id INTEGER)")
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(mlflow, "MlflowClient", half)
        with pytest.raises(Killed):
            tracking.connect(tracking.store_uri())
    assert not (own_runs / "mlflow.db").exists()
    assert tracking.connect(tracking.store_uri()).search_experiments()
    assert [path.name for path in own_runs.glob("*mlflow.db*")] == ["mlflow.db"]


@pytest.mark.parametrize("uri", ["http://me:secret@127.0.0.1:9", "http://me:s@cret@127.0.0.1:9/"])
def test_a_store_that_cannot_be_reached_is_refused_in_one_sentence_and_leaves_nothing(uri, few, own_runs, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(BadInput) as refused:
        train_in_process(small_run(path=str(few)))
    said = str(refused.value)
    assert said.startswith("http://127.0.0.1:9")
    assert "the MLflow store does not answer" in said
    assert "cret" not in said
    assert "\n" not in said
    assert files_below(own_runs) == []


def test_credentials_are_left_out_of_whatever_is_told():
    for told in ("http://me:secret@host:1/x", "postgresql://me:s@cret@host/db", "mysql://host/db?password=secret&a=b"):
        assert "cret" not in tracking.without_secrets(f"API request to {told} failed")
    assert tracking.without_secrets("mail a@b.c about http://host/x") == "mail a@b.c about http://host/x"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A real tracking server on this machine; its URI carries a user and a password."""
    import time
    import urllib.request

    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={**os.environ, **quiet})
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.5)
        yield f"http://me:secret@127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def test_a_run_on_a_server_keeps_stdout_clean_and_the_password_to_itself(server, few, own_runs, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    result = train_in_process(small_run(path=str(few)))
    said = capfd.readouterr()
    assert said.out == "", "stdout is for the JSON object alone"
    assert "secret" not in said.err
    run = tracking.connect(server).get_run(result["run_id"])
    assert run.info.status == "FINISHED"
    assert "secret" not in json.dumps(run.to_dictionary())
    for path in Path(result["run_dir"]).rglob("*"):
        assert not path.is_file() or b"secret" not in path.read_bytes(), path
    folder = tracking.local_folder("models:/genomics@champion")
    assert (folder / "saved_model.pb").exists()


# --- runs that were killed, processes that start together


def _started(pid, born=None):
    """A run folder whose record says that this process owns it and that it has not ended."""
    folder = RunFolder.create(small_run(), {"commit": "", "python": "3"})
    _rewrite(folder, lambda event, values: values["facts"].update(pid=pid, **({"born": born} if born else {})))
    return folder


@pytest.fixture
def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_run_whose_process_is_gone_is_marked_as_killed_here_and_in_the_store(own_runs, dead_pid, capsys):
    from pipelines.__main__ import doctor

    folder = _started(dead_pid)
    mirror = tracking.Mirror(folder, "genomics")
    mirror.catch_up()
    assert mirror.client.get_run(mirror.run_id).info.status == "RUNNING"
    assert doctor(["--json"], "doctor") == {"killed": [folder.name]}
    assert events(folder.path)[-1]["values"]["status"] == "KILLED"
    assert mirror.client.get_run(mirror.run_id).info.status == "KILLED"
    assert doctor(["--json"], "doctor") == {"killed": []}


def test_a_run_marked_at_the_start_of_another_is_mirrored_by_sync(own_runs, dead_pid):
    folder = _started(dead_pid)
    mirror = tracking.Mirror(folder, "genomics")
    mirror.catch_up()
    assert [f.name for f in mark_abandoned()] == [folder.name]
    assert [f.name for f in tracking.mirror_all()] == [folder.name]
    assert mirror.client.get_run(mirror.run_id).info.status == "KILLED"


def test_a_living_process_keeps_its_run_and_a_number_used_again_is_not_that_process(own_runs):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        import psutil

        born = psutil.Process(other.pid).create_time()
        living, reused = _started(other.pid, born), _started(other.pid, born - 100.0)
        assert [f.name for f in mark_abandoned()] == [reused.name]
        assert not living.ended()
        other.communicate(b"\n")


STARTER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pipelines import tracking
from pipelines.runs import RunFolder
from data.genomics import GenomicsData
from pipelines.run import Model, Run
folder = RunFolder.create(Run("genomics", "small", GenomicsData(), Model("cnn")), {})
mirror = tracking.Mirror(folder, "genomics")
mirror.catch_up()
folder.write("end", {"status": "FINISHED"})
mirror.catch_up()
print(mirror.client.get_run(mirror.run_id).info.status)
"""


def test_processes_that_start_one_fresh_store_at_once_all_succeed(own_runs):
    command = [sys.executable, "-c", STARTER, str(ROOT)]
    starters = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [starter.communicate() for starter in starters]
    assert [out for out, _ in answers] == ["FINISHED\n"] * 2, answers
    client = tracking.connect(tracking.store_uri())
    (experiment,) = [e for e in client.search_experiments() if e.name == "genomics"]
    assert len(client.search_runs([experiment.experiment_id])) == len(all_runs()) == 2


def test_a_runs_folder_that_cannot_be_written_is_refused(tmp_path, monkeypatch, few):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INDUCTIVE_RUNS", str(tmp_path / "file" / "runs"))
    with pytest.raises(BadInput, match="cannot write the runs"):
        train_in_process(small_run(path=str(few)))


# --- the model as MLflow serves it


@pytest.fixture
def champion(trained, client, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.store_uri())
    version = next(v for v in client.search_model_versions(f"run_id = '{trained.result['run_id']}'"))
    return f"models:/{version.name}/{version.version}"


def test_the_logged_model_answers_like_the_saved_model_and_holds_no_pickle(champion, trained, splice):
    import mlflow
    import numpy as np
    import pandas as pd
    import tensorflow as tf

    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    sequences = [sequence for sequence, _ in splice[:23]]
    answer = mlflow.pyfunc.load_model(champion).predict(pd.DataFrame({"sequence": sequences}))
    served = tf.saved_model.load(str(trained.export)).signatures["serving_default"](sequence=tf.constant(sequences))
    np.testing.assert_array_equal(answer["probabilities"], served["probabilities"].numpy())
    assert list(answer["label"]) == [label.decode() for label in served["label"].numpy()]
    logged = Path(mlflow.artifacts.download_artifacts(champion))
    assert not [p for p in logged.rglob("*") if p.suffix in (".pkl", ".pickle", ".joblib")]
    requirements = (logged / "requirements.txt").read_text()
    assert "tensorflow" in requirements
    assert "keras" not in requirements.replace("tensorflow", "")


def test_a_champion_is_found_by_its_alias(client, trained):
    assert client.get_model_version_by_alias("genomics", "champion")
    folder = tracking.local_folder("models:/genomics@champion")
    assert (folder / "metadata.json").exists()
    with pytest.raises(BadInput, match="no such model"):
        tracking.local_folder("models:/nobody@champion")


# --- names


def test_the_library_is_not_shadowed_by_the_folder_of_its_settings():
    import mlflow

    import arch

    assert not list((ROOT / "mlflow").rglob("*.py"))
    assert not Path(mlflow.__file__).is_relative_to(ROOT / "mlflow")
    assert Path(arch.__file__) == ROOT / "arch" / "__init__.py"


def test_tracking_alone_names_the_library():
    for path in [*ROOT.glob("pipelines/**/*.py"), *ROOT.glob("arch/*.py"), *ROOT.glob("data/*.py")]:
        if path.parent.name != "tracking":
            lines = [line.strip() for line in path.read_text().splitlines()]
            assert not [line for line in lines if line.startswith(("import mlflow", "from mlflow"))], path


def test_importing_the_command_line_imports_no_library_of_ours_by_accident():
    done = python("-c", "import pipelines.cli, sys; print('mlflow' in sys.modules)")
    assert done.stdout == "False\n", done.stderr
