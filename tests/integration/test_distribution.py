"""Training on two devices is training on one: to rounding, over uneven batches, whatever the options."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest

from data.errors import BadInput
from pipelines import devices
from pipelines.cluster import check_tf_config
from pipelines.run import Fit

from .conftest import python
from .replicas import EXACT, ROOT, ROUNDED, results


@pytest.fixture(scope="module")
def told():
    return results()


@pytest.mark.parametrize("case", EXACT)
def test_two_devices_give_the_weights_and_losses_of_one(told, case):
    # Sums in another order: a few units in the last place of float32, which Adam lets grow a little over 21 steps.
    assert told["exactness"][case]["weights"] < 1e-6
    assert told["exactness"][case]["history"] < 1e-6


@pytest.mark.parametrize("case", [case for case, (_, fit) in EXACT.items() if "accumulate" in fit])
def test_a_batch_in_pieces_gives_the_weights_of_a_whole_one(told, case):
    assert told["exactness"][case]["pieces"] < 1e-6


@pytest.mark.parametrize("case", ROUNDED)
def test_in_mixed_precision_two_devices_stay_within_its_rounding_of_one(told, case):
    assert 0 < told["rounding"][case]["weights"] < 5e-3
    assert told["rounding"][case]["history"] < 5e-3


@pytest.mark.parametrize("devices", ["1", "2"])
def test_a_repeated_run_with_dropout_is_equal_to_the_bit(told, devices):
    assert told["bits"][devices]["repeated"]


@pytest.mark.parametrize("devices", ["1", "2"])
def test_how_many_steps_a_call_takes_changes_no_bit(told, devices):
    assert told["bits"][devices]["one step a call"]


@pytest.mark.parametrize("devices", ["1", "2"])
def test_another_seed_gives_another_model(told, devices):
    assert told["bits"][devices]["other seed"] > 1e-3


def test_devices_drop_different_units_and_the_first_those_of_a_single_one(told):
    assert told["masks"]["first is that of one device"]
    assert 0.4 < told["masks"]["agree"] < 0.6  # of 997 fair coins, two independent sets agree in half


def test_a_model_on_two_devices_predicts_every_row_in_order(told):
    assert told["predictions"]["rows"] > 256  # more than one batch of predictions
    assert told["predictions"]["apart"] < 1e-5
    ours, exact = told["predictions"]["accuracy"]
    assert ours == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("devices", ["1", "2"])
def test_an_epoch_s_loss_and_accuracy_are_means_over_its_rows(told, devices):
    loss, accuracy = told["means"][devices]
    assert abs(loss) < 1e-6
    assert abs(accuracy) < 1e-7


def test_more_devices_than_cores_are_refused():
    cores = len(os.sched_getaffinity(0))
    with pytest.raises(BadInput, match=f"more devices than exist.*at most {cores}, the cores.*{cores + 1}"):
        devices.strategy(Fit(devices=cores + 1))


def test_devices_that_do_not_exist_are_refused_before_data_is_read():
    done = python("-m", "pipelines.genomics", "train", "--data.path", "/nowhere.csv", "--fit.devices", "99")
    assert done.returncode == 2
    assert "fit.devices: more devices than exist" in done.stderr


WORKERS = '"cluster": {"worker": ["a:1", "b:1"]}'
MALFORMED = {
    "no JSON": ("{worker", "JSONDecodeError"),
    "no object": ('["a:1"]', "TypeError"),
    "no cluster": ('{"task": {"type": "worker", "index": 0}}', "'cluster'"),
    "no workers": ('{"cluster": {}, "task": {"type": "worker", "index": 0}}', "'worker'"),
    "workers that are no list": ('{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}', "host:port"),
    "workers that are null": ('{"cluster": {"worker": null}, "task": {"type": "worker", "index": 0}}', "host:port"),
    "no task": (f"{{{WORKERS}}}", "'task'"),
    "a task that is no object": (f'{{{WORKERS}, "task": 3}}', "TypeError"),
    "no index": (f'{{{WORKERS}, "task": {{"type": "worker"}}}}', "'index'"),
    "an index that is text": (f'{{{WORKERS}, "task": {{"type": "worker", "index": "0"}}}}', "0 to 1"),
    "an index that is a truth": (f'{{{WORKERS}, "task": {{"type": "worker", "index": true}}}}', "0 to 1"),
    "an index too large": (f'{{{WORKERS}, "task": {{"type": "worker", "index": 2}}}}', "0 to 1"),
    "a negative index": (f'{{{WORKERS}, "task": {{"type": "worker", "index": -1}}}}', "0 to 1"),
    "a parameter server": ('{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}}', "ps"),
    "a chief": (f'{{{WORKERS}, "task": {{"type": "chief", "index": 0}}}}', "chief"),
    "one address twice": (
        '{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}', "different host:port",
    ),
    "no port": ('{"cluster": {"worker": ["a", "b"]}, "task": {"type": "worker", "index": 0}}', "host:port"),
    "a port that is no number": (
        '{"cluster": {"worker": ["a:x", "b:1"]}, "task": {"type": "worker", "index": 0}}', "host:port",
    ),
    "no workers at all": ('{"cluster": {"worker": []}, "task": {"type": "worker", "index": 0}}', "host:port"),
}  # fmt: skip


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_tf_config_is_refused_in_one_sentence(case):
    text, said = MALFORMED[case]
    with pytest.raises(BadInput) as refused:
        check_tf_config(text)
    assert str(refused.value).startswith("TF_CONFIG")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_good_tf_config_is_taken():
    check_tf_config(f'{{{WORKERS}, "task": {{"type": "worker", "index": 1}}}}')


@pytest.mark.parametrize(
    ("cores", "mine", "workers", "threads"),
    [
        (8, 8, ["a:1", "a:2", "b:1"], 4),  # two of the three are here
        (8, 8, ["a:1", "b:1"], 0),
        (2, 2, ["a:1", "a:2", "a:3"], 1),
        (8, 4, ["a:1", "a:2"], 0),  # whoever bound this process has shared the cores out
    ],
)
def test_workers_of_one_machine_share_its_cores(monkeypatch, cores, mine, workers, threads):
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(mine)))
    config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert devices._threads_of_worker() == threads


@pytest.fixture
def slurm(monkeypatch):
    """What `srun` tells the third of four tasks on two nodes."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    told = {"PROCID": "2", "NTASKS": "4", "JOB_ID": "1234567"}
    step = {"STEP_NUM_TASKS": "4", "STEP_NODELIST": "node[07-08]", "STEP_TASKS_PER_NODE": "2(x2)"}
    for name, value in {**told, **step}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)


def test_under_slurm_every_task_knows_the_same_cluster_and_its_place(slurm):
    resolver = devices._cluster()
    workers = ["node07:24567", "node07:24568", "node08:24567", "node08:24568"]
    assert resolver.cluster_spec().as_dict() == {"worker": workers}
    assert (resolver.task_type, resolver.task_id) == ("worker", 2)
    assert devices.worker() == (2, 4)
    assert not devices.is_chief()


@pytest.mark.parametrize("missing", ["SLURM_STEP_NUM_TASKS", "SLURM_PROCID"])
def test_a_batch_script_of_slurm_that_did_not_call_srun_is_one_process(slurm, monkeypatch, missing):
    monkeypatch.delenv(missing)
    assert devices._cluster() is None
    assert devices.worker() == (0, 1)
    assert devices.is_chief()


WAITING = """
import json, os, signal, sys
sys.path.insert(0, ".")
from pipelines.devices import strategy
from pipelines.run import Fit
from pipelines.launch import free_ports
addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
task = {"type": "worker", "index": 0}
os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
signal.signal(signal.SIGINT, lambda *_: None)  # as the training loop, which only notes it
print("begins", flush=True)
strategy(Fit())
"""


def test_a_worker_that_waits_for_one_that_never_comes_can_be_interrupted():
    process = subprocess.Popen([sys.executable, "-c", WAITING], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begins\n"
    for _ in range(120):  # before the wait begins the handler takes it
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
            break
    process.kill()
    assert process.wait() == -signal.SIGINT
