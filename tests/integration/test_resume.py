"""A run that was cut short goes on where it stopped, and ends as if nothing had happened."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from data.errors import BadInput
from pipelines import cli, engine
from pipelines.checkpoint import Checkpoints, Position
from pipelines.domain import domain
from pipelines.runs import RunFolder, find_run
from pipelines.signals import Signals, Stopped

from .conftest import ROOT, events
from .replicas import KILLS, RESUMED, SLOWLY, epochs_told, final_state, results

TIMED = ("seconds", "rows_per_second", "fit_seconds", "compile_seconds", "run_id", "run_dir", "export")


@pytest.mark.parametrize("call", KILLS)
@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("case", RESUMED)
def test_a_fit_that_was_killed_ends_equal_to_the_bit(case, devices, call):
    told = results()["resumed"][f"{case}, {devices}, {call}"]
    assert told["weights"]
    assert told["history"]


def test_the_learning_rate_fell_on_a_plateau_in_fits_that_were_killed():
    assert len(results()["resumed"][f"cnn, 1, {KILLS[-1]}"]["rates"]) > 1


class TestCheckpoints:
    @pytest.fixture
    def model(self):
        keras.utils.set_random_seed(5)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)])
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
        model.stop_training = False
        return model

    @pytest.fixture
    def two(self, model, tmp_path):
        """Two states, of steps 7 and 14, whose kernels are all 7 and all 14."""
        checkpoints = Checkpoints(tmp_path / "checkpoints")
        for step in (7, 14):
            model.optimizer.iterations.assign(step)
            model.weights[0].assign(np.full((3, 2), step))
            checkpoints.save(model, [], Position(epoch=step // 7))
        model.weights[0].assign(np.zeros((3, 2)))
        return checkpoints

    def restored(self, checkpoints, model):
        at = checkpoints.restore(model, [])
        return at and (at.epoch, float(model.weights[0].numpy()[0, 0]), int(model.optimizer.iterations.numpy()))

    def test_the_newest_is_put_back(self, two, model):
        assert self.restored(two, model) == (2, 14.0, 14)

    @pytest.mark.parametrize(
        "damage",
        {
            "a truncated state": lambda f: os.truncate(f / "state.npz", 99),
            "an empty state": lambda f: os.truncate(f / "state.npz", 0),
            "a flipped byte": lambda f: flip(f / "state.npz"),
            "no state": lambda f: (f / "state.npz").unlink(),
            "no json": lambda f: (f / "state.json").unlink(),
            "an empty json": lambda f: os.truncate(f / "state.json", 0),
            "a json cut short": lambda f: os.truncate(f / "state.json", 50),
            "a json of something else": lambda f: (f / "state.json").write_text("[1, 2]"),
            "a json without a digest": lambda f: (f / "state.json").write_text('{"schema": 1}'),
            "a json of another schema": lambda f: (f / "state.json").write_text('{"schema": 99, "sha256": ""}'),
            "a json that is no text": lambda f: (f / "state.json").write_bytes(b"\xff\xfe\x00"),
            "nothing at all": lambda f: shutil.rmtree(f),
            "a name that says that it is not whole": lambda f: f.rename(f.with_name(f".{f.name}.123")),
            "a file in its place": lambda f: (shutil.rmtree(f), f.write_text("")),
        }.items(),
        ids=lambda item: item[0],
    )
    def test_a_torn_one_gives_way_to_the_one_before(self, two, model, damage):
        damage[1](two.folder / "000000014")
        assert self.restored(two, model) == (1, 7.0, 7)

    def test_where_all_are_torn_the_fit_begins_anew(self, two, model):
        for folder in two.folder.iterdir():
            flip(folder / "state.npz")
        assert self.restored(two, model) is None

    def test_leftovers_of_a_writer_that_was_killed_are_swept(self, two, model):
        (two.folder / ".000000021.99999").mkdir()
        two.save(model, [], Position(epoch=3))
        assert [p.name for p in two.folder.iterdir() if p.name.startswith(".")] == []

    def test_the_newest_two_are_kept(self, two, model):
        model.optimizer.iterations.assign(21)
        two.save(model, [], Position(epoch=3))
        assert sorted(p.name for p in two.folder.iterdir()) == ["000000014", "000000021"]

    def test_the_end_of_a_fit_is_newer_than_the_end_of_its_last_epoch(self, two, model):
        model.optimizer.iterations.assign(14)
        two.save(model, [], Position(epoch=2, done=True))
        assert two.restore(model, []).done

    def test_a_state_that_cannot_be_written_leaves_the_others_and_no_litter(self, two, model, monkeypatch):
        def full(descriptor):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        model.optimizer.iterations.assign(21)
        with pytest.raises(OSError, match="No space left"):
            two.save(model, [], Position(epoch=3))
        assert sorted(p.name for p in two.folder.iterdir()) == ["000000007", "000000014"]

    def test_that_of_another_architecture_is_refused(self, two):
        other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
        other.compile("adam", "mse")
        other.optimizer.build(other.trainable_variables)
        with pytest.raises(BadInput, match="the checkpoint is of another model"):
            two.restore(other, [])

    def test_nothing_is_written_by_a_worker_that_is_not_the_chief(self, model, tmp_path):
        Checkpoints(tmp_path / "none", writes=False).save(model, [], Position())
        assert not (tmp_path / "none").exists()


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


class TestSignals:
    def test_the_first_is_noted_and_the_second_interrupts(self):
        with Signals() as signals:
            assert not signals.asked
            os.kill(os.getpid(), signal.SIGTERM)
            assert signals.asked
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGTERM)
            with pytest.raises(Stopped):
                signals.raise_if(signals.asked)

    def test_they_are_as_before_afterwards(self):
        before = signal.getsignal(signal.SIGINT)
        with Signals():
            assert signal.getsignal(signal.SIGINT) != before
        assert signal.getsignal(signal.SIGINT) == before


def flags(data, *more):
    small = ["--model.widths", "8", "--model.dropout", "0.2", "--fit.epochs", "4", "--fit.batch_size", "31"]
    return ["cnn", "--data.path", str(data), *small, *more, "--json"]


def train(data, *more):
    """What the command does, in this process."""
    return cli._train(domain("genomics"), flags(data, *more), "train")


class Broken(RuntimeError):
    """Stands for whatever ends a process in the midst of a training."""


@pytest.fixture
def breaking(monkeypatch):
    """Break the training at the validation of this number, once."""

    def at(number):
        validate, left = engine._Fitting._validate, [number]

        def counted(fitting):
            left[0] -= 1
            if not left[0]:
                raise Broken
            return validate(fitting)

        monkeypatch.setattr(engine._Fitting, "_validate", counted)
        monkeypatch.setattr(engine, "EPOCH_SECONDS", 0.0)

    return at


@pytest.fixture
def mlflow_epochs(own_runs):
    """From an MLflow run id, the epochs of its losses."""
    from pipelines import tracking

    def of(run_id):
        client = tracking.connect(tracking.store_uri())
        return [point.step for point in client.get_metric_history(run_id, "loss")], client.get_run(run_id).info.status

    return of


def untimed(tree):
    if isinstance(tree, dict):
        return {k: untimed(v) for k, v in tree.items() if k not in TIMED}
    return [untimed(v) for v in tree] if isinstance(tree, list) else tree


def final_bits(folder):
    return {name: array.tobytes() for name, array in final_state(folder).items()}


@pytest.fixture(scope="module")
def whole(few, tmp_path_factory):
    """The training of the command without an interruption."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INDUCTIVE_RUNS", str(tmp_path_factory.mktemp("whole")))
        return train(few)


def test_auto_takes_up_the_run_that_stopped_and_ends_it_as_if_it_had_not(few, own_runs, breaking, whole, mlflow_epochs):
    breaking(3)
    with pytest.raises(Broken):
        train(few, "--resume", "auto")  # there is none: a new one starts
    (folder,) = (own_runs / "genomics").iterdir()
    assert events(folder)[-1]["values"]["status"] == "FAILED"
    result = train(few, "--resume", "auto")
    assert Path(result["run_dir"]) == folder
    assert untimed(result) == untimed(whole)
    assert final_bits(folder) == final_bits(whole["run_dir"])
    assert mlflow_epochs(result["run_id"]) == ([1, 2, 3, 4], "FINISHED")
    assert [e["event"] for e in events(folder)].count("resume") == 1
    again = train(few, "--resume", "auto")  # that one is finished: another one starts
    assert again["run_dir"] != result["run_dir"]


def test_a_finished_run_that_is_taken_up_changes_nothing(few, own_runs, mlflow_epochs):
    first = train(few)
    folder = Path(first["run_dir"])
    before = {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "record.jsonl"}
    second = train(few, "--resume", str(folder))
    after = {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "record.jsonl"}
    assert before == after
    assert untimed(first) == untimed(second)
    assert mlflow_epochs(first["run_id"]) == ([1, 2, 3, 4], "FINISHED")
    assert [e["event"] for e in events(folder)].count("scores") == 1


def test_a_checkpoint_of_another_run_is_refused_with_the_fields_that_differ(few, own_runs, breaking):
    breaking(2)
    with pytest.raises(Broken):
        train(few)
    (folder,) = (own_runs / "genomics").iterdir()
    record = (folder / "record.jsonl").read_bytes()
    with pytest.raises(BadInput) as refused:
        train(few, "--resume", folder.name, "--fit.batch_size", "32", "--seed", "9")
    assert str(refused.value) == (
        f"{folder}: a checkpoint of another Run; wanted seed 0, fit.batch_size 31, got seed 9, fit.batch_size 32"
    )
    assert (folder / "record.jsonl").read_bytes() == record


@pytest.mark.parametrize("several", [(), ("--folds", "2")], ids=["one", "folds"])
def test_a_run_whose_data_has_changed_is_refused(few, own_runs, breaking, tmp_path, several):
    data = tmp_path / "data.csv"
    shutil.copy(few, data)
    breaking(2)
    with pytest.raises(Broken):
        train(data, *several)
    rows = data.read_text().splitlines()
    data.write_text("\n".join([*rows[:-1], rows[-1].replace("A", "C", 1)]) + "\n")
    with pytest.raises(BadInput, match="the run's data has changed since it started"):
        train(data, *several, "--resume", "auto")


def test_a_run_under_way_in_another_process_is_refused(few, own_runs, breaking):
    breaking(2)
    with pytest.raises(Broken):
        train(few)
    (folder,) = (own_runs / "genomics").iterdir()
    sleeper = subprocess.Popen(["sleep", "600"])
    import psutil

    owner = {"pid": sleeper.pid, "host": os.uname().nodename, "born": psutil.Process(sleeper.pid).create_time()}
    RunFolder(folder).write("resume", {"facts": owner})
    try:
        with pytest.raises(BadInput, match="the run is under way in another process"):
            train(few, "--resume", folder.name)
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_run_of_mlflow_that_was_made_just_before_a_kill_is_found_again(own_runs):
    from pipelines import tracking

    from .conftest import small_run

    folder = RunFolder.create(small_run(), {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracking.mirror, "write_json", lambda path, value: (_ for _ in ()).throw(Broken))
        with pytest.raises(Broken):
            tracking.Mirror(folder, "genomics").run_id  # noqa: B018, asking makes the run
    first = tracking.Mirror(folder, "genomics")
    other = tracking.Mirror(RunFolder.create(small_run(), {}), "genomics")
    assert first.run_id != other.run_id
    (experiment,) = [e for e in first.client.search_experiments() if e.name == "genomics"]
    made = {run.info.run_id for run in first.client.search_runs([experiment.experiment_id])}
    assert made == {first.run_id, other.run_id}


def test_folds_go_on_in_the_fold_that_was_cut_short(few, own_runs, breaking, mlflow_epochs):
    uninterrupted = train(few, "--folds", "3", "--fit.epochs", "2")
    breaking(4)
    with pytest.raises(Broken):  # in the second epoch of the second fold
        train(few, "--folds", "3", "--fit.epochs", "2")
    ids = {p.parent.name: json.loads(p.read_text())["run_id"] for p in own_runs.glob("genomics/*/mlflow.json")}
    resumed = train(few, "--folds", "3", "--fit.epochs", "2", "--resume", "auto")
    assert untimed(resumed) == untimed(uninterrupted)
    for member in resumed["runs"]:
        assert mlflow_epochs(member["run_id"]) == ([1, 2], "FINISHED")
        assert ids.get(Path(member["run_dir"]).name, member["run_id"]) == member["run_id"]
    assert len(list(own_runs.glob("genomics/*/run.json"))) == 2 * (3 + 1)


def test_folds_that_have_all_ended_are_not_built_again_but_for_the_one_that_is_exported(
    few, own_runs, mlflow_epochs, monkeypatch
):
    uninterrupted = train(few, "--folds", "2", "--fit.epochs", "1")
    (parent,) = (f for f in own_runs.glob("genomics/*") if not events(f)[0]["values"]["parent"])
    best = next(f for f in own_runs.glob("genomics/*") if "export" in [e["event"] for e in events(f)])
    for folder, kept in ((parent, ("start", "data")), (best, ("start", "data", "epoch", "scores", "end"))):
        lines = [
            line for line in (folder / "record.jsonl").read_text().splitlines() if json.loads(line)["event"] in kept
        ]
        (folder / "record.jsonl").write_text("\n".join(lines) + "\n")
        (folder / "mlflow.json").unlink()
    monkeypatch.setattr(engine, "prepare", lambda *_: pytest.fail("a fold that has ended was built"))
    with monkeypatch.context() as patch:  # as a worker that is not the chief, which would wait for it in vain
        patch.setattr("pipelines.devices.is_chief", lambda: False)
        assert train(few, "--folds", "2", "--fit.epochs", "1", "--resume", parent.name) == {}
    resumed = train(few, "--folds", "2", "--fit.epochs", "1", "--resume", parent.name)
    assert untimed(resumed) == untimed(uninterrupted)


def test_signals_through_the_real_command_save_and_say_so(few, own_runs, whole, mlflow_epochs):
    """Stopped by SIGTERM, then by SIGINT, then killed outright, then left alone."""
    slow = flags(few, "--resume", "auto")
    environment = {**os.environ, "INDUCTIVE_RUNS": str(own_runs)}
    for number, code, status in ((signal.SIGTERM, 75, "KILLED"), (signal.SIGKILL, -9, "RUNNING")):
        process = subprocess.Popen(
            [sys.executable, "-c", SLOWLY, "train", *slow], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        seen = epochs_told(own_runs)
        while epochs_told(own_runs) < seen + 1:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        said = process.communicate(timeout=120)[0]
        assert process.returncode == code
        (folder,) = (own_runs / "genomics").iterdir()
        assert mlflow_epochs(json.loads((folder / "mlflow.json").read_text())["run_id"])[1] == status
        if code == 75:
            assert json.loads(said) == {"error": {"what": "stopped by a signal", "wanted": "", "got": "", "where": ""}}
            assert RunFolder(folder).last("end")["values"] == {"status": "KILLED", "reason": "stopped by a signal"}
    result = train(few, "--resume", "auto")
    assert final_bits(result["run_dir"]) == final_bits(whole["run_dir"])
    assert mlflow_epochs(result["run_id"]) == ([1, 2, 3, 4], "FINISHED")
    assert find_run("genomics", result["run_dir"]).finished()
