"""One small training, made once and looked at by many tests, and the means to make others."""

import csv
import gzip
import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
EMBEDDED = ROOT / "data" / "embedded" / "splice.csv.gz"


@pytest.fixture(scope="session")
def splice():
    """The embedded rows as (sequence, label), in the order of the file."""
    with gzip.open(EMBEDDED, "rt") as file:
        return [(row["sequence"], row["label"]) for row in csv.DictReader(file)]


def write_rows(path, rows, header=("sequence", "label")):
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return path


@pytest.fixture(scope="session")
def few(splice, tmp_path_factory):
    """A file of 157 rows of all three classes."""
    return write_rows(tmp_path_factory.mktemp("few") / "few.csv", splice[3 : 3 + 157 * 20 : 20])


def small_run(**data):
    """A run that takes a second: a small convnet, two epochs."""
    from data.genomics import GenomicsData
    from pipelines.run import FineTuning, Model, Run

    fit = FineTuning(epochs=2, batch_size=37, learning_rate=3e-3)
    return Run("genomics", "small", GenomicsData(**data), Model("cnn", {"widths": (8,), "kernel_size": (5,)}), fit)


def train_in_process(run, *, seeds=1, folds=0, name="genomics"):
    """What `python -m pipelines.genomics train --json` does once its flags are read."""
    from pipelines.domain import domain
    from pipelines.outcome import Session
    from pipelines.report import Report
    from pipelines.train import train

    return train(Session(domain("genomics"), Report(json=True), name), run.with_(seeds=seeds, folds=folds))


def events(folder):
    return [json.loads(line) for line in (Path(folder) / "record.jsonl").read_text().splitlines()]


@pytest.fixture(scope="session")
def client():
    """MLflow's client on the store of the session's runs folder."""
    from pipelines import tracking

    return tracking.connect(tracking.store_uri())


@pytest.fixture(scope="session")
def trained():
    """The small run on the embedded set: the Run, what `train` answered, its folder and its export."""
    run = small_run()
    result = train_in_process(run)
    folder, export = Path(result["run_dir"]), Path(result["export"])
    return SimpleNamespace(run=run, result=result, folder=folder, export=export, classes=["EI", "IE", "N"])


@pytest.fixture
def own_runs(tmp_path, monkeypatch):
    """A runs folder, with a store, of the test's own."""
    monkeypatch.setenv("INDUCTIVE_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def python(*arguments, cwd=ROOT, **options):
    """A Python process of its own, for what cannot be seen from inside this one."""
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, **options)


def files_below(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) if folder.exists() else []


def wait_for(condition, seconds=120):
    """Until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
