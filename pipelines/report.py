"""What a person sees of a run in the terminal and, as a card, in MLflow."""

from __future__ import annotations

import functools
import io
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from data.errors import counted
from data.splits import Splits
from pipelines import results
from pipelines.measures import better, differ_by_chance, spoken
from pipelines.run import Run

if TYPE_CHECKING:
    from arch.account import Account
    from pipelines.task import Task

COUNTS = ("train", "val", "test")


class Report:
    """Progress on stderr; results on stdout, or on stderr too where stdout is for JSON.

    Args:
        json: whether stdout carries the JSON object alone.
    """

    def __init__(self, json: bool = False) -> None:
        stream = sys.stderr if json else sys.stdout
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # as stderr has it: a file's name may be no UTF-8
        self.out = Console(file=stream, highlight=False, width=None if stream.isatty() else 150)
        self.live = Console(stderr=True, highlight=False)
        self.further: dict[str, str] = {}  # lines below the results, by their heads

    def note(self, text: str) -> None:
        """One line by the way."""
        self.out.print(text, markup=False)

    def data(self, meta: Mapping[str, Any], about: Sequence[str]) -> None:
        """What was read, and what was found in it."""
        rows = ", ".join(f"{meta['rows'][name]:,} {name}" for name in COUNTS)
        names = meta.get("classes", ())
        kinds = f"{len(names)} {'labels' if meta.get('target') == 'labels' else 'classes'}; " if names else ""
        self._line("data", f"{meta['name']}: {rows}; {kinds}{meta['split_rule']}")
        for line in about:
            self._line("", line)

    def model(self, run: Run, counts: Account) -> None:
        """What will be trained."""
        millions = counts.multiply_adds / 1e6
        text = f"{run.recipe}: {counts.parameters:,} parameters, {millions:.2f} M multiply-adds a row"
        self._line("model", text)

    def start(self, told: str) -> None:
        """Which weights it begins with, where they are not its own."""
        self._line("start", told)

    def member(self, number: int, total: int, run: Run, meta: Mapping[str, Any]) -> None:
        """Which of several runs begins."""
        kind = f"fold {number + 1}/{total}" if "fold" in meta else f"{number + 1}/{total} seed {run.seed}"
        self._line(kind, f"{run.recipe}: " + ", ".join(f"{meta['rows'][name]:,} {name}" for name in COUNTS))

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """A line that stands while something takes its time."""
        with self.live.status(f"{what} ..."):
            yield

    @contextmanager
    def progress(self, task: Task, run: Run, splits: Splits) -> Iterator[keras.callbacks.Callback]:
        """A progress bar as a Keras callback; one line an epoch where stderr is no terminal."""
        measures = dict.fromkeys((task.measure, task.headline[0]))
        if not self.live.is_terminal:
            yield EpochLines(tuple(measures))
            return
        columns = ("{task.description}", BarColumn(), "{task.fields[values]}", TimeRemainingColumn(compact=True))
        with Progress(*(TextColumn(c) if isinstance(c, str) else c for c in columns), console=self.live) as bar:
            yield ProgressBar(bar, run.fit.epochs * splits.train.size, tuple(measures))

    def result(self, task: Task, result: Mapping[str, Any], rows: int) -> None:
        """The table of scores, the verdict on so many test rows, and where everything lies."""
        self.scores(results.rows(result["title"], result), task.headline)
        self.out.print()
        self._line("verdict", verdict(task, result, rows))
        self._line("run", result["run_dir"])
        self._line("export", result["export"])
        for head, text in self.further.items():
            self._line(head, text)
        self._line("serve", f"python -m pipelines.serve {result['run_dir']}")

    def several(self, result: Mapping[str, Any], whole: Path) -> None:
        """Where the trainings lie that a run stood for, and where their means do, which are no model."""
        names = ", ".join(Path(member["run_dir"]).name for member in result["runs"])
        self._line("members", f"{names}, all in {whole.parent}")
        if "members" not in result:
            self._line("means", str(whole))

    def scores(self, rows: Mapping[str, tuple[Any, Any]], measures: Sequence[str]) -> None:
        """A table of scores by split, and of their spread, by name; in two where one is too wide.

        Args:
            rows: name -> (split -> scores, the same of their spread or None); the first is ours.
            measures: to be shown, of splits where anybody has them.
        """
        everyone = [scores for scores, _ in rows.values()]
        splits = [split for split in ("val", "test") if split in everyone[0]]
        shown = [(s, m) for s in splits for m in measures if any(m in scores[s] for scores in everyone)]
        tables = [_table(rows, shown)]
        whole = self.out.measure(tables[0], options=self.out.options.update(max_width=1_000)).maximum
        if whole > self.out.width:
            tables = [_table(rows, [pair for pair in shown if pair[0] == split]) for split in splits]
        for table in tables:
            self.out.print()
            self.out.print(table)

    def _line(self, head: str, text: str) -> None:
        self.out.print(f"[bold]{head:<11}[/bold]{escape(text)}", soft_wrap=True)


def _table(rows: Mapping[str, tuple[Any, Any]], shown: Sequence[tuple[str, str]]) -> Table:
    """Scores and their spread by name, in a column for each split and measure."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for split, measure in shown:
        table.add_column(f"{split}\n{measure}", justify="right", no_wrap=True)
    for number, (name, (scores, spread)) in enumerate(rows.items()):
        cells = [spoken(m, scores[s].get(m), spread and spread[s].get(m)) for s, m in shown]
        table.add_row(name, *cells, style="" if number else "bold")
    return table


class ProgressBar(keras.callbacks.Callback):
    """Epoch, losses, throughput and time left, on a bar over all rows of all epochs."""

    def __init__(self, bar: Progress, rows: int, measures: Sequence[str]) -> None:
        super().__init__()
        self.bar, self.measures, self.values = bar, measures, ""
        self.task = bar.add_task("compiling", total=rows, values="")

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Name the epoch."""
        self.epoch = epoch
        self.bar.update(self.task, description=f"epoch {epoch + 1}/{self.params['epochs']}")

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Move on by the steps taken."""
        done = self.epoch + (batch + 1) / self.params["steps"]
        self.bar.update(self.task, completed=done * self.params["rows"], values=self.values)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Show the epoch's values."""
        self.values = _epoch_values(self.measures, logs or {})
        self.bar.update(self.task, values=self.values)


class EpochLines(keras.callbacks.Callback):
    """One plain line an epoch on stderr, for logs; of epochs shorter than a second, one a second and the last.

    Args:
        measures: of validation, to show.
    """

    def __init__(self, measures: Sequence[str]) -> None:
        super().__init__()
        self.measures, self._next = measures, 0.0

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Print it."""
        now = time.monotonic()
        if now < self._next and epoch + 1 < self.params["epochs"]:
            return
        self._next = now + 1.0
        print(f"epoch {epoch + 1}/{self.params['epochs']}  {_epoch_values(self.measures, logs or {})}", file=sys.stderr)


def _epoch_values(measures: Sequence[str], logs: Mapping[str, float]) -> str:
    shown = [f"loss {logs['loss']:.4f}"]
    shown += [f"val {m} {logs[f'val_{m}']:.4f}" for m in measures if f"val_{m}" in logs]
    return "  ".join([*shown, f"{logs['rows_per_second']:,.0f} rows/s"])


def verdict(task: Task, result: Mapping[str, Any], rows: int) -> str:
    """Whether the network beats every baseline on test, by the first headline measure, in one sentence.

    Args:
        task: the domain's.
        result: scores of the run and its baselines.
        rows: of test, that these are of.
    """
    measure = task.headline[0]
    ours = result["scores"]["test"][measure]
    others = {name: splits["test"][measure] for name, splits in result["baselines"].items()}
    if not others:
        return "no baseline was run"
    name = functools.reduce(lambda a, b: b if better(measure, others[b], others[a]) else a, others)
    best = others[name]
    against = f"{name} on test: {measure} {spoken(measure, ours)} against {spoken(measure, best)}"
    alone = not result.get("spread") or "members" in result  # a mean of p values is none
    if alone and "dm_p" in result["scores"]["test"]:
        against += f" (Diebold-Mariano p {spoken('dm_p', result['scores']['test']['dm_p'])})"
    if ours == best:
        return f"equals {against}"
    if measure == "accuracy" and differ_by_chance(ours, best, rows):  # the one measure that is a share of rows
        return f"no clear difference from {against} on {counted(rows, 'row')}"
    return f"beats every baseline, the best being {against}" if better(measure, ours, best) else f"LOSES to {against}"


def card(run: Run, result: Mapping[str, Any]) -> str:
    """The run as Markdown, which MLflow shows as the run's description."""
    measures = list(result["scores"]["test"])
    kind = "" if run.others or "members" in result else f"{run.model.builder}, "
    lines = [f"**{run.title}** ({kind}{result['parameters']:,} parameters) on test", ""]
    lines += ["| | " + " | ".join(measures) + " |", "|---" * (len(measures) + 1) + "|"]
    for name, (splits, _) in results.rows(run.title, result).items():
        lines.append(f"| {name} | " + " | ".join(spoken(m, splits["test"].get(m)) for m in measures) + " |")
    return "\n".join([*lines, "", f"Source: {run.source}" if run.source else ""])
