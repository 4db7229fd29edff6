"""Run folders: where a run lives and the record that is the truth of what happened in it."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data.errors import BadInput
from pipelines.run import Run


def root() -> Path:
    """The folder of all runs: `$INDUCTIVE_RUNS`, else `runs/` of the checkout, else `runs/` where one stands."""
    if chosen := os.environ.get("INDUCTIVE_RUNS"):
        return Path(chosen).absolute()
    checkout = Path(__file__).absolute().parents[1]
    return (checkout if (checkout / "pyproject.toml").exists() else Path.cwd()) / "runs"


class RunFolder:
    """One run's folder with its `record.jsonl`: one JSON object a line with time, event, step, epoch, values.

    Args:
        path: the folder; it exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = path / "record.jsonl"

    @classmethod
    def create(cls, run: Run, facts: Mapping[str, Any], parent: str = "", name: str = "") -> RunFolder:
        """Make the folder of a new run and write `run.json` and the first line of its record.

        Args:
            run: what will run.
            facts: versions, commit, hardware: what is known of the place.
            parent: name of the run that this one is a seed or a fold of.
            name: of the model that it will export.

        Raises:
            BadInput: when the folder cannot be written.
        """
        stamp = time.strftime("%Y%m%d-%H%M%S")
        part = f"f{run.fold}" if run.folds and run.fold >= 0 else f"s{run.seed}"
        try:
            path = _new_folder(root() / run.domain, f"{stamp}-{run.recipe}-{part}")
            write_json(path / "run.json", {**run.as_json(), "facts": dict(facts)})
            folder = cls(path)
            told = {"params": run.flat(), "domain": run.domain, "title": run.title, "parent": parent, "name": name}
            folder.write("start", {**told, "facts": {**facts, **_owner()}})
        except OSError as error:
            wanted = "a folder with space that can be written to"
            raise BadInput("cannot write the run", wanted=wanted, got=error.strerror, where=str(root())) from None
        return folder

    def take_up(self, facts: Mapping[str, Any]) -> None:
        """Go on with the run in this process.

        Raises:
            BadInput: when another process is at it.
        """
        if self.alive():
            raise BadInput("the run is under way in another process", got=self.owner(), where=str(self.path))
        self.write("resume", {"facts": {**facts, **_owner()}})

    @property
    def name(self) -> str:
        """The folder's name, which is the run's."""
        return self.path.name

    def write(self, event: str, values: Mapping[str, Any]) -> None:
        """Append one event; it is on disk when this returns."""
        self._append([_line(event, values)])

    def write_epochs(self, epochs: Mapping[int, Mapping[str, Any]], steps: int) -> None:
        """Append the values of epochs, counted from 1, of so many steps each; they are on disk when this returns."""
        self._append([_line("epoch", values, epoch, epoch * steps) for epoch, values in epochs.items()])

    def _append(self, lines: Sequence[Mapping[str, Any]]) -> None:
        with self.record.open("ab") as file:
            if file.tell() and not self._ends_whole():
                file.write(b"\n")  # a line was cut short by a kill: it stays alone
            file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())

    def events(self, start: int = 0) -> Iterator[dict[str, Any]]:
        """The events from this line on; a line that was cut short counts as one without a name."""
        with self.record.open() as file:
            for line in itertools.islice(file, start, None):
                try:
                    yield json.loads(line)
                except ValueError:
                    yield {"event": "torn", "time": 0.0, "step": None, "epoch": None, "values": {}}

    def last(self, *names: str) -> dict[str, Any] | None:
        """The newest event of one of these names."""
        return next((e for e in reversed(list(self.events())) if e["event"] in names), None)

    def ended(self) -> bool:
        """Whether the record says how the run ended, and nothing went on since."""
        newest = self.last("start", "resume", "end")
        return newest is not None and newest["event"] == "end"

    def finished(self) -> bool:
        """Whether the run came to its own end."""
        newest = self.last("start", "resume", "end")
        return newest is not None and newest["values"].get("status") == "FINISHED"

    def owner(self) -> dict[str, Any]:
        """The process that works or worked on it: pid, host, born."""
        newest = self.last("start", "resume")
        facts = newest["values"]["facts"] if newest else {}
        return {name: facts.get(name) for name in ("pid", "host", "born")}

    def alive(self) -> bool:
        """Whether its owner is another process of this machine that still lives, or one of another machine."""
        owner = self.owner()
        if self.ended() or owner["pid"] == os.getpid():
            return False
        return owner["host"] != socket.gethostname() or _born(owner["pid"]) == owner["born"]

    def abandoned(self) -> bool:
        """Whether the run has no end and the process that owned it is gone from this machine."""
        if self.ended() or self.last("start") is None:
            return False
        owner = self.owner()
        return owner["host"] == socket.gethostname() and _born(owner["pid"]) != owner["born"]

    def _ends_whole(self) -> bool:
        with self.record.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


def _line(event: str, values: Mapping[str, Any], epoch: int | None = None, step: int | None = None) -> dict[str, Any]:
    return {"time": time.time(), "event": event, "step": step, "epoch": epoch, "values": clean(values)}


def _owner() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "born": _born(os.getpid())}


def all_runs(domain: str = "*") -> list[RunFolder]:
    """Every run folder, oldest first."""
    return [RunFolder(p.parent) for p in sorted(root().glob(f"{domain}/*/record.jsonl"))]


def find_run(domain: str, place: str) -> RunFolder:
    """The run folder that a user names, by its path or by its name.

    Raises:
        BadInput: when there is none.
    """
    for path in (Path(place), root() / domain / place):
        if (path / "record.jsonl").exists():
            return RunFolder(path.absolute())
    raise BadInput("no such run", wanted=f"a folder of {root() / domain}, or its name", got=place)


def mark_abandoned() -> list[RunFolder]:
    """End, as KILLED, the record of every run whose process was killed outright; returns those."""
    gone = [folder for folder in all_runs() if folder.abandoned()]
    for folder in gone:
        folder.write("end", {"status": "KILLED", "reason": "its process is gone and left no end"})
    return gone


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(clean(value), indent=2) + "\n")
    os.replace(aside, path)


def clean(value: Any) -> Any:
    """JSON-ready: NumPy scalars become numbers, NaN and infinities null, tuples lists, keys text."""
    if isinstance(value, Mapping):
        return {str(k): clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [clean(v) for v in value]
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | type(None)) else str(value)


def _new_folder(parent: Path, name: str) -> Path:
    """A folder that did not exist before, numbered where two start in one second."""
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(1000):
        path = parent / (f"{name}-{number}" if number else name)
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path
    raise OSError(None, f"too many runs named {name}")


def _born(pid: int) -> float | None:
    """When the process of this id started; None where there is none."""
    import psutil

    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None
