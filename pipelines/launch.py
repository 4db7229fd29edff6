"""`python -m pipelines launch`: the workers of one run on this machine or on several, watched until they end.

Several workers live and die together: when one is lost the others wait for it in a collective operation and cannot be
joined again, so all are stopped and started anew, from the last checkpoint. Nothing of TensorFlow is imported here.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import queue
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.errors import BadInput
from pipelines.exit_codes import BAD_INPUT, DONE, FAILED, STOPPED

FINAL = (DONE, BAD_INPUT, STOPPED)  # that a restart cannot mend
JOINED, PID = "inductive: joined", "inductive: pid "
REMOTE_PORT = 23456
GRACE = 60.0  # seconds that stopped workers have to save their state
FORWARDED = ("INDUCTIVE_RUNS", "KERAS_BACKEND", "DATA_DIR")  # settings that workers on other machines need too
PR_SET_PDEATHSIG = 1  # of Linux' prctl
LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class LaunchFlags:
    """Flags of `launch`; the command of every worker follows behind `--`.

    Attributes:
        workers: processes to start on this machine.
        hosts: file with one worker a line, `host [port] [folder]`, started over ssh; instead of workers.
        restarts: how often all workers are started anew after one is lost.
        join_seconds: how long all workers have to find each other.
    """

    workers: int = 2
    hosts: str = ""
    restarts: int = 3
    join_seconds: float = 300.0


@dataclass(frozen=True)
class Host:
    """Where one worker runs: this machine where the name is empty."""

    address: str
    name: str = ""
    folder: str = ""


@dataclass
class Worker:
    """One started worker."""

    index: int
    host: Host
    process: subprocess.Popen[str]
    joined: bool = False
    pid: int = 0
    told: list[str] = field(default_factory=list)
    readers: list[threading.Thread] = field(default_factory=list)

    def signal(self, number: int) -> None:
        """Send a signal to the worker, on its machine."""
        if self.process.poll() is not None:
            return
        if self.host.name and self.pid:
            subprocess.run(["ssh", self.host.name, "kill", f"-{number}", str(self.pid)], check=False, timeout=30)
        else:
            self.process.send_signal(number)


def launch(flags: LaunchFlags, command: Sequence[str]) -> int:
    """Run a command as several workers; returns the exit code of the whole.

    Args:
        flags: how many, where, how often again.
        command: what each worker runs; `python` stands for this interpreter.

    Raises:
        BadInput: when there is no command, or the hosts cannot be read.
    """
    if not command:
        raise BadInput("launch: no command", wanted="launch [flags] -- python -m pipelines.DOMAIN train ...")
    hosts = read_hosts(flags.hosts) if flags.hosts else []
    if len(hosts or range(flags.workers)) < 2:
        raise BadInput("launch: too few workers", wanted="2 or more", got=len(hosts) or flags.workers)
    asked: queue.Queue[int] = queue.Queue()
    with _forwarding(asked):
        for attempt in range(flags.restarts + 1):
            places = hosts or [Host(f"127.0.0.1:{port}") for port in free_ports(flags.workers)]
            code, why, told = _once(places, resumed(command) if attempt else list(command), flags.join_seconds, asked)
            left = flags.restarts - attempt
            if code in FINAL or not left:
                print(*told, sep="", end="", flush=True)
            if code in FINAL:
                return code
            _say(f"{why}; {f'starting all workers anew, {left} restarts left' if left else 'no restart is left'}")
    return FAILED


def resumed(command: Sequence[str]) -> list[str]:
    """The command, going on from the newest checkpoint."""
    return list(command) if "--resume" in command else [*command, "--resume", "auto"]


def read_hosts(path: str) -> list[Host]:
    """Hosts of a file: `host [port] [folder]` a line, `#` for remarks.

    Raises:
        BadInput: with file and line.
    """
    try:
        lines = Path(path).read_text().splitlines()
    except OSError as error:
        raise BadInput("cannot read the hosts", got=error.strerror, where=path) from None
    hosts: list[Host] = []
    for number, line in enumerate(lines, start=1):
        if not (words := line.split("#")[0].split()):
            continue
        host = _host(words, line.strip(), f"{path}:{number}")
        if host.address in [h.address for h in hosts]:
            raise BadInput("the same address twice", wanted="other ports", got=host.address, where=f"{path}:{number}")
        hosts.append(host)
    return hosts


def _host(words: Sequence[str], line: str, where: str) -> Host:
    name, port, folder = [*words, *["", str(REMOTE_PORT), ""][len(words) :]][:3]
    good = port.isdecimal() and 0 < int(port) < 2**16
    if not good or len(words) > 3 or name.startswith("-"):  # which ssh would take for an option
        raise BadInput("not a host", wanted="host [port] [folder]", got=line, where=where)
    return Host(f"{name.split('@')[-1]}:{port}", name, folder)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on; held together, so that all are different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _once(
    hosts: Sequence[Host], command: Sequence[str], join_seconds: float, asked: queue.Queue[int]
) -> tuple[int, str, list[str]]:
    """Start all workers and watch them; returns the exit code, why where it is not 0, and the JSON of the chief."""
    addresses = [host.address for host in hosts]
    workers: list[Worker] = []
    try:
        for index, host in enumerate(hosts):
            workers.append(_start(index, host, addresses, command))
        code, why = _watch(workers, join_seconds, asked)
    except OSError as error:
        raise BadInput(f"launch: cannot start {command[0]}", wanted="a command", got=error.strerror) from None
    finally:
        _stop(workers)
    return code, why, workers[0].told


def _watch(workers: Sequence[Worker], join_seconds: float, asked: queue.Queue[int]) -> tuple[int, str]:
    """Wait until all workers have ended well, or one of them otherwise, or a signal comes."""
    deadline = time.monotonic() + join_seconds
    while True:
        with contextlib.suppress(queue.Empty):
            return _wind_up(workers, asked, asked.get(timeout=0.2))
        codes = [worker.process.poll() for worker in workers]
        if all(code == 0 for code in codes):
            return 0, ""
        for worker, code in zip(workers, codes, strict=True):
            if code == STOPPED:  # the others were told of it, and end as soon as their state is saved
                return _wind_up(workers, asked)
            if code:
                return code if code == BAD_INPUT else 1, f"worker {worker.index} was lost ({_ending(code)})"
        late = [w.index for w in workers if not w.joined and w.process.poll() is None]
        if late and time.monotonic() > deadline:
            names = ", ".join(map(str, late))
            return 1, f"worker {names} did not join within {join_seconds:g} seconds"


def _wind_up(workers: Sequence[Worker], asked: queue.Queue[int], number: int = 0) -> tuple[int, str]:
    """Give workers that are asked to stop the time to save; who has not joined has nothing to save."""
    deadline = time.monotonic() + GRACE
    while number or any(worker.process.poll() is None for worker in workers):
        for worker in workers if number else ():
            worker.signal(number)
        number = 0
        with contextlib.suppress(queue.Empty):
            number = asked.get(timeout=0.2)  # a second signal interrupts them at once
        # Only now: what a worker said when it joined may still have been under way to us.
        if time.monotonic() > deadline or not all(worker.joined for worker in workers):
            break
    done = all(worker.process.poll() == 0 for worker in workers)
    return (0, "") if done else (STOPPED, "stopped by a signal")


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _start(index: int, host: Host, addresses: Sequence[str], command: Sequence[str]) -> Worker:
    config = json.dumps({"cluster": {"worker": list(addresses)}, "task": {"type": "worker", "index": index}})
    settings = {"TF_CONFIG": config, "INDUCTIVE_LAUNCHED": "1"}
    # Not a store's URI, which may hold a password: over ssh these stand in the command line.
    settings |= {name: os.environ[name] for name in FORWARDED if name in os.environ}
    process = subprocess.Popen(
        _remote(host, command, settings) if host.name else _local(command),
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C at the terminal reaches them through us, once
        preexec_fn=_die_with_parent,
    )
    worker = Worker(index, host, process)
    # The JSON of the chief must stand alone on stdout: it is kept until it is known to be the last attempt's.
    kept = worker.told if index == 0 and "--json" in command else None
    for source, keep in ((process.stdout, kept), (process.stderr, None)):
        thread = threading.Thread(target=_copy, args=(worker, source, keep), daemon=True)
        thread.start()
        worker.readers.append(thread)
    return worker


def _die_with_parent() -> None:
    """Have the kernel kill this process when its parent is killed: nobody would watch it any more."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _local(command: Sequence[str]) -> list[str]:
    return [sys.executable if command[0] in ("python", "python3") else command[0], *command[1:]]


def _remote(host: Host, command: Sequence[str], settings: Mapping[str, str]) -> list[str]:
    """The command over ssh, which tells its process id first so that signals can be sent to it."""
    variables = [f"{name}={value}" for name, value in settings.items()]
    run = f"echo {shlex.quote(PID)}$$; exec {shlex.join(['env', *variables, *command])}"
    folder = f"cd {shlex.quote(host.folder)} && " if host.folder else ""
    return ["ssh", "-o", "BatchMode=yes", host.name, folder + run]


def _copy(worker: Worker, source: Any, kept: list[str] | None) -> None:
    """Keep a worker's lines or show them, taking out those that are meant for us."""
    for line in source:
        if line.startswith(JOINED):
            worker.joined = True
        elif line.startswith(PID):
            worker.pid = int(line.removeprefix(PID))
        elif kept is not None:
            kept.append(line)
        else:
            print(f"[worker {worker.index}] {line}", end="", file=sys.stderr, flush=True)


def _stop(workers: Sequence[Worker]) -> None:
    """End whoever still runs: asked first, then killed, so that nobody is left behind."""
    deadline = time.monotonic() + 10.0
    for worker in workers:
        worker.signal(signal.SIGTERM)
    for worker in workers:
        try:
            worker.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.signal(signal.SIGKILL)
            worker.process.kill()
            worker.process.wait()
        for reader in worker.readers:
            reader.join(5.0)


@contextlib.contextmanager
def _forwarding(asked: queue.Queue[int]) -> Iterator[None]:
    """While the block runs, signals are handed to the workers."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {n: signal.signal(n, lambda number, frame: asked.put(number)) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    print(f"launch: {text}", file=sys.stderr, flush=True)
