"""A campaign of faults over short trainings: each one must resume, or fail with a clear message, and lose nothing.

Every case has a folder of runs and a store of its own. A training is hit at a random moment, then the same command is
given again with `--resume auto`, and then it is looked for what a fault could have left: a finished epoch that is
trained again or told twice, weights that are not those of an undisturbed training to the bit, a run that is still
marked running, a store or an export that is not whole.

    python benchmarks/faults.py --kills 100        # a table by kind; exit code 1 where a case failed

Importing TensorFlow costs more than these trainings, so this process imports it once, without using it, and forks one
process for each command; workers and what they are compared with are started as a user would start them.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import random
import runpy
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

EPOCHS = 8
ENDED_YET = os.WEXITED | os.WNOHANG | os.WNOWAIT
TINY = ["--model.widths", "8", "--fit.epochs", str(EPOCHS), "--fit.batch_size", "16", "--fit.patience", str(EPOCHS)]
FLAGS = ["train", "cnn", *TINY, "--model.dropout", "0.2", "--checkpoint_minutes", "0.002", "--json"]
WORKER_FLAGS = ["train", "cnn", *TINY, "--fit.optimizer", "sgd", "--fit.epochs", "40", "--json"]
LIMIT = 900.0  # seconds for one command, on a busy machine too; what takes longer hangs
DISK = 24 * 2**20


class Case:
    """One training that is disturbed: its folders, its commands, and what is wrong with what they left.

    Args:
        folder: of the case, outside of the disk that may become full.
        data: file of rows.
        chance: of the case's own.
        span: seconds that an undisturbed training takes.
    """

    def __init__(self, folder: Path, data: Path, chance: random.Random, span: float) -> None:
        self.folder, self.data, self.chance, self.span = folder, data, chance, span
        self.runs = folder / "runs"
        self.runs.mkdir(parents=True)
        self.environment = {"INDUCTIVE_RUNS": str(self.runs)}
        self.logs = 0
        self.wrong: list[str] = []

    def start(self, *more: str) -> int:
        """A training in a process of its own; returns the process id."""
        self.logs += 1
        return _forked(lambda: _train([*FLAGS, "--data.path", str(self.data), *more]), self.environment, self.log)

    @property
    def log(self) -> Path:
        """What the newest command said."""
        return self.folder / f"log{self.logs}"

    def pause(self, pid: int) -> None:
        """Wait for a random moment: of the start, of one of the epochs, or of what follows them."""
        epoch = self.chance.randint(0, EPOCHS)
        while len(_told_epochs(self.runs)) < epoch and os.waitid(os.P_PID, pid, ENDED_YET) is None:
            time.sleep(0.002)
        longest = self.span / 2 if epoch == 0 else self.span / 3 if epoch == EPOCHS else 0.05
        time.sleep(self.chance.uniform(0.0, longest))

    def expect(self, good: bool, otherwise: str) -> None:
        """Note what is wrong."""
        if not good:
            self.wrong.append(otherwise)

    def ended(self, code: int, *wanted: int) -> None:
        """The code with which a command ended must be one of these; a failure must say why in one line."""
        said = self.log.read_text(errors="replace")
        self.expect(code in wanted, f"exit code {code}, wanted {wanted}: {said[-600:]}")
        if code in (1, 2):
            self.expect("error: " in said and "Traceback" not in said, f"no clear message: {said[-600:]}")


def kill_9(case: Case) -> None:
    """Killed outright."""
    pid = case.start()
    case.pause(pid)
    case.ended(_kill(pid, signal.SIGKILL), -signal.SIGKILL, 0)


def sigterm(case: Case) -> None:
    """Asked to stop; a signal before the training has begun ends the command likewise."""
    pid = case.start()
    case.pause(pid)
    case.ended(_kill(pid, signal.SIGTERM), 75, 0)
    case.expect(not _unended(case.runs), "no end was recorded")


def torn_checkpoint(case: Case) -> None:
    """Killed, and the newest checkpoint is not what was written."""
    pid = case.start()
    case.pause(pid)
    _kill(pid, signal.SIGKILL)
    newest = max(case.runs.glob("*/*/checkpoints/[0-9]*"), default=None)
    if newest is not None and not _finished(case.runs):
        _tear(newest, case.chance)


def full_disk(case: Case) -> None:
    """The disk becomes full, and has space again when the run is taken up."""
    pid = case.start()
    case.pause(pid)
    ballast = case.runs / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(2**16))
    case.ended(_wait(pid), 1, 2, 0)
    ballast.unlink()


def server_down(case: Case) -> None:
    """The MLflow server is gone, before or during a training, and there again afterwards."""
    port = _free_port()
    case.environment["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{port}"
    before = case.chance.random() < 0.2
    proxy = None if before else _proxy(port)
    try:
        pid = case.start()
        if proxy is not None:
            case.pause(pid)
            proxy.kill()
            proxy.wait()
        code = _wait(pid)
        case.ended(code, *((2,) if before else (0, 2)))
        proxy = _proxy(port)
        _resume_and_check(case)
    finally:
        if proxy is not None:
            proxy.kill()
            proxy.wait()


def one_worker_of_two(case: Case) -> None:
    """One of two workers is killed outright; the launcher starts both anew."""
    command = ["launch", "--", sys.executable, "-m", "pipelines.genomics", *WORKER_FLAGS, "--data.path", str(case.data)]
    case.logs += 1
    with case.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines", *command],
            env={**os.environ, **case.environment},
            stdout=log,
            stderr=log,
            cwd=ROOT,
        )
    import psutil

    while not list(case.runs.glob("*/*/checkpoints/[0-9]*")) and process.poll() is None:
        time.sleep(0.05)
    time.sleep(case.chance.uniform(0.0, 3.0))
    workers = [p for p in psutil.Process(process.pid).children() if "pipelines.genomics" in " ".join(p.cmdline())]
    if workers:
        case.chance.choice(workers).kill()
    case.ended(process.wait(), 0)


KINDS: dict[str, Callable[[Case], None]] = {
    kind.__name__: kind for kind in (kill_9, sigterm, torn_checkpoint, full_disk, server_down, one_worker_of_two)
}


def carry_out(kind: str, number: int, seed: int, folder: Path, data: Path, reference: dict[str, Any]) -> dict[str, Any]:
    """One case: what kind, how long it took, what is wrong, and whether it was hit before its training had ended."""
    start = time.perf_counter()
    case = Case(folder / f"{number:03d}-{kind}", data, random.Random(f"{seed}-{number}"), reference["seconds"])
    if kind == "full_disk":
        _own_disk(case.runs)
    if case.chance.random() < 0.8 and kind != "server_down":  # else the case begins by making its store
        shutil.copy(reference["store"], case.runs / "mlflow.db")
    try:
        KINDS[kind](case)
        hit = kind == "one_worker_of_two" or not _finished(case.runs)
        if kind != "server_down":
            _resume_and_check(case)
        case.wrong += _compare(case.runs, reference["workers" if kind == "one_worker_of_two" else "state"])
    except Exception as error:
        hit, case.wrong = True, [*case.wrong, f"the campaign itself: {type(error).__name__}: {error}"]
    return {"kind": kind, "seconds": time.perf_counter() - start, "wrong": case.wrong, "hit": hit, "number": number}


def _resume_and_check(case: Case) -> None:
    """Give the command again, unless the training has ended, and look for what a fault could have left."""
    safe, told = _newest_epoch(case.runs), _told_epochs(case.runs)
    case.expect(_newest_is_torn(case.runs) or safe >= max(told, default=0), f"epoch {told} told, {safe} safe")
    if not _finished(case.runs):
        case.ended(_wait(case.start("--resume", "auto")), 0)
    else:  # as the warning says that the store has not got everything
        case.logs += 1
        case.ended(_wait(_forked(_sync, case.environment, case.log)), 0)
    epochs = _told_epochs(case.runs)
    case.expect(epochs == sorted(set(epochs)), f"epochs told: {epochs}")
    case.expect(epochs[: len(told)] == told, f"epochs told before {told}, afterwards {epochs}")
    case.expect(not _unended(case.runs), "a run without an end")
    found = case.folder / "store.json"
    case.logs += 1
    code = _wait(_forked(lambda: found.write_text(json.dumps(_look(case.runs))), case.environment, case.log))
    case.expect(code == 0, f"the store cannot be read: {case.log.read_text()[-600:]}")
    if code == 0:
        case.wrong += json.loads(found.read_text())


def _look(runs: Path) -> list[str]:
    """What is wrong with the store, seen through MLflow's client, and with the exports."""
    from pipelines import tracking
    from pipelines.export import sha256

    wrong = []
    client = tracking.connect(tracking.store_uri())
    ours = {json.loads(p.read_text())["run_id"]: p.parent for p in runs.glob("*/*/mlflow.json")}
    if (store := runs / "mlflow.db").exists():
        (verdict,) = sqlite3.connect(store).execute("pragma integrity_check").fetchone()
        wrong += [] if verdict == "ok" else [f"the SQLite store: {verdict}"]
        experiments = [e.experiment_id for e in client.search_experiments()]
        strangers = [r for r in client.search_runs(experiments) if r.info.run_id not in ours]
        wrong += [f"a run of the store that has no folder: {r.info.run_name} {r.info.status}" for r in strangers]
    for run_id, folder in ours.items():
        status = client.get_run(run_id).info.status
        wrong += [] if status != "RUNNING" else [f"{folder.name} is still marked running"]
        steps = [point.step for point in client.get_metric_history(run_id, "loss")]
        if status == "FINISHED" and steps != _told_epochs(runs, folder.name):
            wrong.append(f"epochs in the store: {steps}")
    for about in runs.glob("*/*/exports/*/*/metadata.json"):
        for name, digest in json.loads(about.read_text())["files"].items():
            if sha256(about.parent / name) != digest:
                wrong.append(f"the export's {name} is not what was written")
    return wrong


def _compare(runs: Path, wanted: dict[str, Any]) -> list[str]:
    """The kept weights and the history beside those of an undisturbed training."""
    finished = list(runs.glob("*/*/checkpoints/*-done"))
    if len(finished) != 1:
        return [f"{len(finished)} trainings have come to their end"]
    state = _state(finished[0])
    if wanted["exact"]:
        return [] if state["digest"] == wanted["digest"] else ["other weights than those of an undisturbed training"]
    apart = max(abs(a - b) for a, b in zip(state["losses"], wanted["losses"], strict=True))
    return [] if apart < 1e-5 else [f"losses {apart:.1e} from those of one process"]


def _state(folder: Path) -> dict[str, Any]:
    """Digest of the weights in a checkpoint, and the losses of its history."""
    from hashlib import sha256

    import numpy as np

    digest = sha256()
    with np.load(folder / "state.npz") as arrays:
        for name in sorted(n for n in arrays if n.startswith("variable")):
            digest.update(arrays[name].tobytes())
    history = json.loads((folder / "state.json").read_text())["position"]["history"]
    return {"digest": digest.hexdigest(), "losses": [epoch["loss"] for epoch in history]}


def _events(runs: Path, run: str = "*") -> list[dict[str, Any]]:
    lines = [line for path in sorted(runs.glob(f"*/{run}/record.jsonl")) for line in path.read_text().splitlines()]
    events = []
    for line in lines:
        with contextlib.suppress(ValueError):  # cut short
            events.append(json.loads(line))
    return events


def _told_epochs(runs: Path, run: str = "*") -> list[int]:
    return [event["epoch"] for event in _events(runs, run) if event["event"] == "epoch"]


def _finished(runs: Path) -> bool:
    ends = [e["values"]["status"] for e in _events(runs) if e["event"] == "end"]
    return ends[-1:] == ["FINISHED"]


def _unended(runs: Path) -> bool:
    marks = [e["event"] for e in _events(runs) if e["event"] in ("start", "resume", "end")]
    return bool(marks) and marks[-1] != "end"


def _newest_epoch(runs: Path) -> int:
    """Epochs that are safe in the newest whole checkpoint."""
    for folder in sorted(runs.glob("*/*/checkpoints/[0-9]*"), key=lambda p: p.name, reverse=True):
        with contextlib.suppress(ValueError, OSError, KeyError):
            return json.loads((folder / "state.json").read_text())["position"]["epoch"]
    return 0


def _newest_is_torn(runs: Path) -> bool:
    return bool(list(runs.glob("*/*/torn")))


def _tear(folder: Path, chance: random.Random) -> None:
    (folder.parent.parent / "torn").touch()
    state, about = folder / "state.npz", folder / "state.json"
    how = chance.choice(["truncated", "flipped", "no json", "empty json"])
    if how == "truncated":
        os.truncate(state, chance.randrange(state.stat().st_size))
    elif how == "flipped":
        data = bytearray(state.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        state.write_bytes(data)
    elif how == "no json":
        about.unlink()
    else:
        os.truncate(about, 0)


def _forked(work: Callable[[], object], environment: dict[str, str], log: Path) -> int:
    """Do the work in a child process with this environment and its output in a file; returns the process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.environ.update(environment)
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(target, 1)
        os.dup2(target, 2)
        code = _code_of(work)
    finally:
        os._exit(code)  # whatever comes, nothing of what this process has begun is this child's to end


def _code_of(work: Callable[[], object]) -> int:
    """The exit code with which Python would end."""
    try:
        work()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _train(arguments: Sequence[str]) -> None:
    from pipelines.cli import main
    from pipelines.genomics import DOMAIN

    sys.argv = ["genomics", *arguments]
    main(DOMAIN)


def _sync() -> None:
    sys.argv = ["pipelines", "sync"]
    runpy.run_module("pipelines", run_name="__main__")


def _wait(pid: int) -> int:
    """The exit code of a child, less than zero for a signal; one that hangs is killed."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return 999


def _kill(pid: int, number: int) -> int:
    os.kill(pid, number)  # a child that has ended is there until it is waited for
    return _wait(pid)


def _own_disk(folder: Path) -> None:
    """A small disk at this place that only this process and its children see."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x00020000):  # CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "a full disk needs the right to make a mount namespace")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=True)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _proxy(port: int) -> subprocess.Popen[bytes]:
    """What stands between the trainings and the MLflow server, and can be killed and started at no cost."""
    target = os.environ["CAMPAIGN_SERVER"]
    process = subprocess.Popen([sys.executable, "-S", "-c", PROXY, str(port), target])
    _reachable(port)
    return process


PROXY = """
import socket, sys, threading
def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    for s in (a, b):
        try: s.shutdown(socket.SHUT_RDWR)
        except OSError: pass
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    client, _ = server.accept()
    upstream = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    threading.Thread(target=pump, args=(client, upstream), daemon=True).start()
    threading.Thread(target=pump, args=(upstream, client), daemon=True).start()
"""


def _reachable(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}")


def _server(folder: Path) -> subprocess.Popen[bytes]:
    port = _free_port()
    os.environ["CAMPAIGN_SERVER"] = str(port)
    folder.mkdir()
    store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "files")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port), *store],
            stdout=log,
            stderr=log,
        )
    _reachable(port)
    return process


def _reference(folder: Path, data: Path, kinds: Sequence[str]) -> dict[str, Any]:
    """An undisturbed training: its end, its seconds, a store to begin with."""
    case = Case(folder / "reference", data, random.Random(0), 0.0)
    store = folder / "mlflow.db"
    case.logs += 1
    made = _wait(_forked(_connect, case.environment, case.log))
    case.ended(made, 0)
    shutil.copy(case.runs / "mlflow.db", store)
    start = time.perf_counter()
    case.ended(_wait(case.start()), 0)
    seconds = time.perf_counter() - start
    told = {"seconds": seconds, "store": str(store), "state": {"exact": True, **_done(case)}}
    if "one_worker_of_two" in kinds:
        alone = Case(folder / "alone", data, random.Random(0), 0.0)
        arguments = [*WORKER_FLAGS, "--data.path", str(data)]
        alone.logs += 1
        alone.ended(_wait(_forked(lambda: _train(arguments), alone.environment, alone.log)), 0)
        told["workers"] = {"exact": False, **_done(alone)}
        case.wrong += alone.wrong
    if case.wrong:
        raise SystemExit(f"the undisturbed training failed: {case.wrong}")
    return told


def _done(case: Case) -> dict[str, Any]:
    (folder,) = case.runs.glob("*/*/checkpoints/*-done")
    return _state(folder)


def _connect() -> None:
    from pipelines import tracking

    tracking.connect(tracking.store_uri())


def _write_rows(path: Path) -> Path:
    """A few of the embedded rows."""
    import gzip

    lines = gzip.decompress((ROOT / "data" / "embedded" / "splice.csv.gz").read_bytes()).decode().splitlines()
    path.write_text("\n".join([lines[0], *lines[3 : 3 + 157 * 20 : 20]]) + "\n")
    return path


def _import() -> None:
    """What every training imports; nothing of it may start TensorFlow here."""
    import mlflow.tracking
    import sklearn.linear_model

    import pipelines.genomics.task
    import pipelines.report
    import pipelines.train

    assert mlflow.tracking.MlflowClient
    assert sklearn.linear_model.LogisticRegression
    assert pipelines.train.train


def report(results: Sequence[dict[str, Any]]) -> str:
    """The table by kind."""
    lines = ["| fault | cases | before the end | resumed, nothing lost | failed | seconds, median | longest |"]
    lines.append("|---" * 7 + "|")
    for kind in dict.fromkeys(r["kind"] for r in results):
        ours = [r for r in results if r["kind"] == kind]
        seconds = [r["seconds"] for r in ours]
        good = sum(not r["wrong"] for r in ours)
        lines.append(
            f"| {kind.replace('_', ' ')} | {len(ours)} | {sum(r['hit'] for r in ours)} | {good} | {len(ours) - good} "
            f"| {statistics.median(seconds):.1f} | {max(seconds):.1f} |"
        )
    good, whole = sum(not r["wrong"] for r in results), sum(r["seconds"] for r in results)
    lines.append(f"| all | {len(results)} | {sum(r['hit'] for r in results)} | {good} | {len(results) - good} | | |")
    return "\n".join([*lines, "", f"{whole / 60:.1f} minutes; `python {' '.join(sys.argv)}`"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument(
        "--folder", type=Path, help="where the runs are kept; else they are removed where all went well"
    )
    options = parser.parse_args()
    folder = (options.folder or Path(tempfile.mkdtemp(prefix="faults-"))).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    _import()
    server = _server(folder / "server") if "server_down" in options.kinds else None
    try:
        data = _write_rows(folder / "few.csv")
        reference = _reference(folder, data, options.kinds)
        results = []
        for number in range(options.kills):
            kind = options.kinds[number % len(options.kinds)]
            answer = folder / f"{number:03d}.json"
            work = lambda k=kind, n=number, a=answer: a.write_text(  # noqa: E731
                json.dumps(carry_out(k, n, options.seed, folder, data, reference))
            )
            _wait(_forked(work, {}, folder / f"{number:03d}.log"))
            if not answer.exists():
                answer.write_text(json.dumps({"kind": kind, "seconds": LIMIT, "wrong": ["no answer"], "hit": True}))
            results.append(json.loads(answer.read_text()))
            for wrong in results[-1]["wrong"]:
                print(f"{number:03d} {kind}: {wrong}", file=sys.stderr, flush=True)
    finally:
        if server is not None:
            server.terminate()
            server.wait()
    print(report(results))
    failed = any(r["wrong"] for r in results)
    if options.folder is None and not failed:
        shutil.rmtree(folder)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
