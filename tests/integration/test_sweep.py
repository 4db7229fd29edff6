"""Sweeps: which combinations there are, and one that really trains."""

import json
import signal
import subprocess
import sys

import pytest

from data.errors import BadInput
from pipelines.sweep import SweepFlags, combinations, sweep, table

from .conftest import ROOT, wait_for

FAKE = """
import json, sys
flags = dict(zip(sys.argv[1:-1:2], sys.argv[2:-1:2]))
assert sys.argv[-1] == "--json"
if flags["--rate"] == "9":
    print(json.dumps({"error": {"what": "rate cannot work"}}))
    sys.exit(2)
nll = None if flags["--rate"] == "8" else float(flags["--rate"]) + float(flags["--seed"]) / 10
print(json.dumps({"scores": {"val": {"nll": nll}}, "run_id": "r", "run_dir": "d", "seconds": 1.0}))
"""


def test_flags_with_several_values_are_combined_and_others_stay():
    trials = combinations(["python", "-m", "x", "train", "--a", "1,2", "--b", "3", "--c", "x,y"])
    assert [varied for varied, _ in trials] == [{"--a": a, "--c": c} for a in ("1", "2") for c in ("x", "y")]
    assert trials[2][1] == ["python", "-m", "x", "train", "--a", "2", "--b", "3", "--c", "x"]


def test_a_list_behind_an_equals_sign_is_a_list_too():
    trials = combinations(["train", "--a=1,2", "--b=x=y", "--c", "d"])
    assert trials == [({"--a": a}, ["train", "--a", a, "--b=x=y", "--c", "d"]) for a in ("1", "2")]


SLEEPING = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path(sys.argv[2]).with_suffix(".saved").touch(), sys.exit(75)))
pathlib.Path(sys.argv[2]).touch()
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_trial_that_runs_and_the_others_never_begin(tmp_path, number):
    script = tmp_path / "sleeping.py"
    script.write_text(SLEEPING)
    trial = [sys.executable, str(script), "--place", f"{tmp_path / 'one'},{tmp_path / 'two'}"]
    process = subprocess.Popen([sys.executable, "-m", "pipelines", "sweep", "--processes", "1", "--", *trial], cwd=ROOT)
    wait_for((tmp_path / "one").exists)
    process.send_signal(number)
    assert process.wait(60) == 130
    assert (tmp_path / "one.saved").exists()
    assert not (tmp_path / "two").exists()


def test_a_sweep_in_which_every_trial_failed_fails(tmp_path):
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    command = [sys.executable, "-m", "pipelines", "sweep", "--json", "--", sys.executable, str(script)]
    done = subprocess.run(
        [*command, "--rate", "9", "--seed", "0,1"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, len(json.loads(done.stdout)["trials"])) == (1, 2)


def test_an_unknown_measure_is_refused():
    with pytest.raises(BadInput, match="unknown measure"):
        sweep(SweepFlags(measure="luck"), ["python", "train", "--a", "1,2"])


def test_a_sweep_without_a_list_is_refused():
    with pytest.raises(BadInput, match="nothing to go through"):
        sweep(SweepFlags(), ["python", "-m", "x", "train", "--a", "1"])


def test_a_trial_that_has_diverged_stands_behind_those_with_a_score_and_before_a_failed_one(tmp_path):
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    result = sweep(SweepFlags(processes=2), [sys.executable, str(script), "--rate", "9,8,1", "--seed", "0"])
    assert [trial["varied"]["--rate"] for trial in result["trials"]] == ["1", "8", "9"]
    assert table(result).splitlines()[2].split()[0] == "-"


def test_trials_are_ranked_by_validation_and_a_failed_one_stands_last_with_its_reason(tmp_path):
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    command = [sys.executable, str(script), "--rate", "9,2,1", "--seed", "0,1"]
    result = sweep(SweepFlags(processes=2), command)
    ranked = [(t["varied"]["--rate"], t["varied"]["--seed"]) for t in result["trials"]]
    assert ranked[:4] == [("1", "0"), ("1", "1"), ("2", "0"), ("2", "1")]
    assert [t["error"] for t in result["trials"][4:]] == ["rate cannot work"] * 2
    assert "--rate 1 --seed 0" in table(result).splitlines()[1]
