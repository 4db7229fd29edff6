"""What a person sees of a run in the terminal and, as a card, in MLflow."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from data.splits import Splits
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
        self.out = Console(file=stream, highlight=False, width=None if stream.isatty() else 150)
        self.live = Console(stderr=True, highlight=False)

    def note(self, text: str) -> None:
        """One line by the way."""
        self.out.print(text, markup=False)

    def data(self, meta: Mapping[str, Any]) -> None:
        """What was read, and what was found in it."""
        rows = ", ".join(f"{meta['rows'][name]:,} {name}" for name in COUNTS)
        self._line("data", f"{meta['name']}: {rows}; {len(meta['classes'])} classes; {meta['split_rule']}")
        found = meta["duplicates"]
        repeats, gone = sum(found["repeats"].values()), sum(found["removed"].values())
        shared = "".join(f", {count:,} {pair}" for pair, count in found["shared"].items() if count)
        clashes = found["contradictory"]["contents"]
        if repeats or shared or clashes:
            self._line(
                "", f"{repeats:,} repeated rows{shared}, {clashes:,} sequences under two labels: {gone:,} rows removed"
            )

    def model(self, run: Run, counts: Account) -> None:
        """What will be trained."""
        millions = counts.multiply_adds / 1e6
        text = f"{run.recipe}: {counts.parameters:,} parameters, {millions:.2f} M multiply-adds a row"
        self._line("model", text)

    def member(self, number: int, total: int, meta: Mapping[str, Any]) -> None:
        """Which of several runs begins."""
        kind = "fold" if "fold" in meta else "seed"
        self._line(f"{kind} {number + 1}/{total}", ", ".join(f"{meta['rows'][name]:,} {name}" for name in COUNTS))

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """A line that stands while something takes its time."""
        with self.live.status(f"{what} ..."):
            yield

    @contextmanager
    def progress(self, run: Run, splits: Splits) -> Iterator[keras.callbacks.Callback]:
        """A progress bar as a Keras callback; one line an epoch where stderr is no terminal."""
        if not self.live.is_terminal:
            yield EpochLines()
            return
        columns = ("{task.description}", BarColumn(), "{task.fields[values]}", TimeRemainingColumn(compact=True))
        with Progress(*(TextColumn(c) if isinstance(c, str) else c for c in columns), console=self.live) as bar:
            yield ProgressBar(bar, run.fit.epochs * splits.train.size)

    def result(self, task: Task, result: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        """The table of scores, the verdict, and where everything lies."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("", no_wrap=True)
        for split in ("val", "test"):
            for measure in task.headline:
                table.add_column(f"{split}\n{measure}", justify="right", no_wrap=True)
        rows = {result["recipe"]: (result["scores"], result["spread"].get("scores"))}
        spreads = result["spread"].get("baselines", {})
        rows |= {name: (scores, spreads.get(name)) for name, scores in result["baselines"].items()}
        for name, (scores, spread) in rows.items():
            cells = [
                spoken(m, scores[s].get(m), spread and spread[s].get(m)) for s in ("val", "test") for m in task.headline
            ]
            table.add_row(name, *cells, style="bold" if name == result["recipe"] else "")
        self.out.print()
        self.out.print(table)
        self.out.print()
        self._line("verdict", verdict(task, result))
        self._line("run", result["run_dir"])
        self._line("export", result["export"])
        self._line("serve", f"python -m pipelines.serve {result['run_dir']}")

    def _line(self, head: str, text: str) -> None:
        self.out.print(f"[bold]{head:<11}[/bold]{escape(text)}", soft_wrap=True)


class ProgressBar(keras.callbacks.Callback):
    """Epoch, losses, throughput and time left, on a bar over all rows of all epochs."""

    def __init__(self, bar: Progress, rows: int) -> None:
        super().__init__()
        self.bar, self.values = bar, ""
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
        self.values = _epoch_values(logs or {})
        self.bar.update(self.task, values=self.values)


class EpochLines(keras.callbacks.Callback):
    """One plain line an epoch on stderr, for logs."""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Print it."""
        print(f"epoch {epoch + 1}/{self.params['epochs']}  {_epoch_values(logs or {})}", file=sys.stderr)


def _epoch_values(logs: Mapping[str, float]) -> str:
    shown = [f"loss {logs['loss']:.4f}"]
    shown += [f"val {m} {logs[f'val_{m}']:.4f}" for m in ("nll", "accuracy") if f"val_{m}" in logs]
    return "  ".join([*shown, f"{logs['rows_per_second']:,.0f} rows/s"])


def spoken(measure: str, value: float | None, spread: float | None = None) -> str:
    """A score as people write it: fractions that count hits in percent, others with three digits."""
    if value is None or value != value:
        return "-"
    percent = measure in ("accuracy", "balanced_accuracy", "mcc")
    text = f"{100 * value:.1f}" if percent else f"{value:.3f}"
    if spread is None or spread != spread:
        return text
    return text + (f" ± {100 * spread:.1f}" if percent else f" ± {spread:.3f}")


def verdict(task: Task, result: Mapping[str, Any]) -> str:
    """Whether the network beats every baseline on test, by the first headline measure, in one sentence."""
    measure = task.headline[0]
    ours = result["scores"]["test"][measure]
    others = {name: splits["test"][measure] for name, splits in result["baselines"].items()}
    if not others:
        return "no baseline was run"
    name, best = max(others.items(), key=lambda item: item[1])
    against = f"{name} on test: {measure} {spoken(measure, ours)} against {spoken(measure, best)}"
    if ours == best:
        return f"equals {against}"
    return f"beats every baseline, the best being {against}" if ours > best else f"LOSES to {against}"


def card(run: Run, result: Mapping[str, Any]) -> str:
    """The run as Markdown, which MLflow shows as the run's description."""
    measures = list(result["scores"]["test"])
    lines = [f"**{run.recipe}** ({run.model.builder}, {result['parameters']:,} parameters) on test", ""]
    lines += ["| | " + " | ".join(measures) + " |", "|---" * (len(measures) + 1) + "|"]
    rows = {run.recipe: result["scores"], **result["baselines"]}
    for name, splits in rows.items():
        lines.append(f"| {name} | " + " | ".join(spoken(m, splits["test"].get(m)) for m in measures) + " |")
    return "\n".join([*lines, "", f"Source: {run.source}" if run.source else ""])
