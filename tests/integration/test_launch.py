"""`launch`: workers that are started, watched, started anew together, stopped together; none is left behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

import pipelines.launch
from data.errors import BadInput
from pipelines import cli
from pipelines.domain import domain
from pipelines.launch import Host, LaunchFlags, launch, read_hosts

from .conftest import ROOT, events, wait_for
from .replicas import SLOWLY, epochs_told, final_state

# What a worker is to the launcher: it notes its start, says that it has joined, and does what its part is.
WORKER = """
import json, os, pathlib, signal, sys, time
task = json.loads(os.environ["TF_CONFIG"])["task"]
folder = pathlib.Path(sys.argv[1])
attempt = len(list(folder.glob(f"started-{task['index']}-*")))
def joined():
    print("inductive: joined", file=sys.stderr, flush=True)
def stopping(number, frame):
    (folder / f"stopped-{task['index']}").write_text(str(number))
    sys.exit(75)
def note():
    (folder / f"started-{task['index']}-{attempt}").write_text(json.dumps([os.getpid(), sys.argv[2:]]))
"""


@pytest.fixture
def worker(tmp_path):
    """From the body of a worker, the command that runs it."""

    def command(body):
        script = tmp_path / "worker.py"
        script.write_text(WORKER + body)
        return ["python", str(script), str(tmp_path)]

    return command


def started(folder):
    """worker -> [(pid, arguments) of each start]."""
    files = sorted(folder.glob("started-*"))
    return {i: [json.loads(f.read_text()) for f in files if f.name.startswith(f"started-{i}-")] for i in (0, 1)}


def nobody_left(folder):
    return not any(psutil.pid_exists(pid) for starts in started(folder).values() for pid, _ in starts)


def launching(folder, command, *flags):
    """The launcher as a process of its own, once both of its workers have started."""
    options = {"cwd": ROOT, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-m", "pipelines", "launch", *flags, "--", *command], **options)
    wait_for(lambda: all(started(folder).values()))
    return process


def test_every_worker_gets_the_same_cluster_and_its_own_index(tmp_path, worker):
    body = "note(); (folder / f'config-{task[\"index\"]}').write_text(os.environ['TF_CONFIG'])"
    assert launch(LaunchFlags(), worker(body)) == 0
    configs = [json.loads((tmp_path / f"config-{i}").read_text()) for i in (0, 1)]
    assert [c["task"] for c in configs] == [{"type": "worker", "index": i} for i in (0, 1)]
    assert configs[0]["cluster"] == configs[1]["cluster"]
    assert len(set(configs[0]["cluster"]["worker"])) == 2


def test_output_carries_the_worker_s_number_and_a_chief_s_json_stands_alone(worker, capfd):
    assert launch(LaunchFlags(), [*worker("print('out'); print('err', file=sys.stderr); joined()"), "--json"]) == 0
    out, err = capfd.readouterr()
    assert out == "out\n"
    assert sorted(err.splitlines()) == ["[worker 0] err", "[worker 1] err", "[worker 1] out"]


def test_when_one_worker_dies_all_are_started_anew_and_resume(tmp_path, worker, capfd):
    body = """
note(); joined()
if not attempt:
    os.kill(os.getpid(), signal.SIGKILL) if task["index"] else time.sleep(600)
"""
    assert launch(LaunchFlags(), worker(body)) == 0
    assert [[arguments for _, arguments in starts] for starts in started(tmp_path).values()] == [
        [[], ["--resume", "auto"]],
        [[], ["--resume", "auto"]],
    ]
    assert "worker 1 was lost (signal SIGKILL); starting all workers anew, 3 restarts left" in capfd.readouterr().err
    assert nobody_left(tmp_path)


def test_what_a_chief_said_before_it_was_started_anew_is_no_part_of_the_answer(worker, capfd):
    body = "note(); joined(); print(json.dumps({'attempt': attempt}), flush=True); attempt or sys.exit(1)"
    assert launch(LaunchFlags(), [*worker(body), "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"attempt": 1}


def test_restarts_are_bounded(tmp_path, worker, capfd):
    assert launch(LaunchFlags(restarts=1), worker("note(); joined(); sys.exit(1)")) == 1
    assert {len(starts) for starts in started(tmp_path).values()} == {2}
    assert "no restart is left" in capfd.readouterr().err


@pytest.mark.parametrize("code", [2, 75])
def test_a_command_that_no_restart_can_mend_is_not_restarted(tmp_path, worker, code, monkeypatch):
    monkeypatch.setattr(pipelines.launch, "GRACE", 1.0)
    body = f"note(); joined(); sys.exit({code}) if task['index'] else time.sleep(600)"
    assert launch(LaunchFlags(), worker(body)) == code
    assert {len(starts) for starts in started(tmp_path).values()} == {1}
    assert nobody_left(tmp_path)


def test_a_worker_that_never_joins_is_named(tmp_path, worker, capfd):
    body = "note(); task['index'] or joined(); time.sleep(600)"
    assert launch(LaunchFlags(restarts=0, join_seconds=1.0), worker(body)) == 1
    assert "launch: worker 1 did not join within 1 seconds; no restart is left" in capfd.readouterr().err
    assert nobody_left(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_every_worker_and_nothing_is_restarted(tmp_path, worker, number):
    body = """
signal.signal(signal.SIGTERM, stopping); signal.signal(signal.SIGINT, stopping)
joined(); note(); time.sleep(600)
"""
    process = launching(tmp_path, worker(body))
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 75
    assert [int((tmp_path / f"stopped-{i}").read_text()) for i in (0, 1)] == [number, number]
    assert {len(starts) for starts in started(tmp_path).values()} == {1}


def test_a_signal_before_the_workers_have_joined_ends_them_for_good(tmp_path, worker):
    process = launching(tmp_path, worker("note(); time.sleep(600)"))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 75
    assert {len(starts) for starts in started(tmp_path).values()} == {1}
    assert nobody_left(tmp_path)


def test_a_chief_that_still_saves_is_not_interrupted_by_a_worker_that_has_stopped(tmp_path, worker):
    body = """
asked = []
signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
joined(); note()
while not asked: time.sleep(0.02)
if task["index"] == 0: time.sleep(2)
(folder / f"asked-{task['index']}").write_text(str(len(asked)))
sys.exit(75)
"""
    process = launching(tmp_path, worker(body))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert [(tmp_path / f"asked-{i}").read_text() for i in (0, 1)] == ["1", "1"]


def test_workers_do_not_outlive_a_launcher_that_is_killed(tmp_path, worker):
    process = launching(tmp_path, worker("joined(); note(); time.sleep(600)"))
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: nobody_left(tmp_path), seconds=20)


def test_no_command_and_too_few_workers_are_refused(tmp_path):
    with pytest.raises(BadInput, match="launch: no command"):
        launch(LaunchFlags(), [])
    with pytest.raises(BadInput, match="too few workers; wanted 2 or more, got 1"):
        launch(LaunchFlags(workers=1), ["true"])


def test_a_command_that_does_not_exist_is_bad_input():
    with pytest.raises(BadInput, match="launch: cannot start no-such-command"):
        launch(LaunchFlags(), ["no-such-command"])


def test_hosts_are_read_with_ports_folders_and_remarks(tmp_path):
    (tmp_path / "hosts").write_text("# two machines\nann 2222 /srv/in\n\nuser@bob  # the other\n")
    assert read_hosts(str(tmp_path / "hosts")) == [
        Host("ann:2222", "ann", "/srv/in"),
        Host("bob:23456", "user@bob", ""),
    ]


@pytest.mark.parametrize("line", ["ann port", "ann 1 /srv more", "-oProxyCommand=sh 22", "ann 99999", "ann 0"])
def test_a_bad_line_of_the_hosts_file_is_told_with_its_number(tmp_path, line):
    (tmp_path / "hosts").write_text(f"bob\n{line}\n")
    with pytest.raises(BadInput, match=r"hosts:2: not a host; wanted host \[port\] \[folder\]"):
        read_hosts(str(tmp_path / "hosts"))


def test_one_address_twice_in_the_hosts_file_is_refused(tmp_path):
    (tmp_path / "hosts").write_text("ann\nuser@ann\n")
    with pytest.raises(BadInput, match=r"hosts:2: the same address twice.*ann:23456"):
        read_hosts(str(tmp_path / "hosts"))


def test_a_missing_hosts_file_is_told(tmp_path):
    with pytest.raises(BadInput, match="cannot read the hosts"):
        read_hosts(str(tmp_path / "none"))


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """An `ssh` that runs the command on this machine, as sshd does: one text to a shell, none of our environment."""
    script = tmp_path / "bin" / "ssh"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\n[ "$1" = -o ] && shift 2\necho "$@" >> {tmp_path}/asked\nshift\n'
        'exec env -i PATH="$PATH" sh -c "$*"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    (tmp_path / "hosts").write_text(f"ann 2222 {tmp_path}\nbob 2223\n")
    return tmp_path / "hosts"


def test_hosts_are_started_over_ssh_with_their_settings_and_folder(tmp_path, worker, ssh, monkeypatch):
    monkeypatch.setenv("INDUCTIVE_RUNS", "/the runs")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@host")  # would be seen in a list of processes
    told = "[os.environ['TF_CONFIG'], os.getcwd(), os.environ['INDUCTIVE_RUNS'], os.environ.get('MLFLOW_TRACKING_URI')]"
    body = f"note(); (folder / f'seen-{{task[\"index\"]}}').write_text(json.dumps({told}))"
    assert launch(LaunchFlags(hosts=str(ssh)), [*worker(body), "it's", "a b"]) == 0
    config, *settings = json.loads((tmp_path / "seen-0").read_text())
    assert json.loads(config)["cluster"] == {"worker": ["ann:2222", "bob:2223"]}
    assert settings == [str(tmp_path), "/the runs", None]
    assert started(tmp_path)[1][0][1] == ["it's", "a b"]


def test_a_signal_reaches_workers_behind_ssh(tmp_path, worker, ssh):
    body = "signal.signal(signal.SIGTERM, stopping); joined(); note(); time.sleep(600)"
    process = launching(tmp_path, worker(body), "--hosts", str(ssh))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 75
    assert all((tmp_path / f"stopped-{i}").exists() for i in (0, 1))


def test_workers_behind_ssh_are_ended_when_one_dies(tmp_path, worker, ssh):
    body = """
signal.signal(signal.SIGTERM, signal.SIG_IGN); joined(); note()
sys.exit(1) if task["index"] else time.sleep(600)
"""
    assert launch(LaunchFlags(hosts=str(ssh), restarts=0), worker(body)) == 1
    assert nobody_left(tmp_path)


def test_two_workers_end_as_one_process_does_although_they_are_stopped_and_one_is_killed(few, own_runs, monkeypatch):
    # Momentum of the gradient alone: Adam would let the rounding of gradients that are zero grow.
    small = ["--model.widths", "8", "--fit.epochs", "5", "--fit.batch_size", "31", "--fit.optimizer", "sgd"]
    flags = ["cnn", "--data.path", str(few), *small, "--json"]
    environment = {**os.environ, "INDUCTIVE_RUNS": str(own_runs)}
    command = [sys.executable, "-m", "pipelines", "launch", "--", sys.executable, "-c", SLOWLY, "train", *flags]

    def hit(number, more=()):
        """Launch, send one worker a signal once an epoch is done, and wait for the end."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen([*command, *more], cwd=ROOT, env=environment, **options)
        before = epochs_told(own_runs)
        wait_for(lambda: epochs_told(own_runs) > before or process.poll() is not None)
        psutil.Process(process.pid).children()[1].send_signal(number)
        return (*process.communicate(timeout=300), process.returncode)

    out, err, code = hit(signal.SIGTERM)
    assert (code, json.loads(out)["error"]["what"]) == (75, "stopped by a signal"), err[-3000:]
    (folder,) = own_runs.glob("genomics/*")
    assert events(folder)[-1]["values"] == {"status": "KILLED", "reason": "stopped by a signal"}
    out, err, code = hit(signal.SIGKILL, ["--resume", "auto"])
    assert code == 0, err[-3000:]
    assert "worker 1 was lost (signal SIGKILL); starting all workers anew" in err
    result = json.loads(out)
    assert [e["epoch"] for e in events(result["run_dir"]) if e["event"] == "epoch"] == [1, 2, 3, 4, 5]
    assert [e["event"] for e in events(result["run_dir"])].count("resume") == 2
    assert len(list(own_runs.glob("genomics/*"))) == 1
    monkeypatch.setenv("INDUCTIVE_RUNS", str(own_runs.with_name("alone")))
    alone = cli._train(domain("genomics"), flags, "train")
    ours, theirs = final_state(result["run_dir"]), final_state(alone["run_dir"])
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-6, err_msg=name)
