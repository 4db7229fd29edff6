"""Five cases of the fault campaign; all of it is `python benchmarks/faults.py`."""

import os

import pytest

from .conftest import python


@pytest.mark.parametrize("kinds", [("kill_9", "sigterm", "torn_checkpoint", "kill_9", "full_disk")], ids=["five"])
def test_trainings_that_are_hit_at_random_moments_lose_nothing(kinds, tmp_path):
    if os.geteuid():
        kinds = tuple(kind for kind in kinds if kind != "full_disk")  # which needs a mount namespace
    done = python("benchmarks/faults.py", "--kills", "5", "--folder", str(tmp_path / "campaign"), "--kinds", *kinds)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-4000:]}"
    *_, last = (line for line in done.stdout.splitlines() if line.startswith("| all"))
    assert [cell.strip() for cell in last.split("|")][2] == "5"
