"""Sweeps: which combinations there are, and one that really trains."""

import sys

import pytest

from data.errors import BadInput
from pipelines.sweep import SweepFlags, combinations, sweep, table

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
