"""`describe` for people: a table of blocks or layers, what it comes to, and two architectures side by side."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.describe import Flags
from pipelines.describe.resources import WAYS, unit
from pipelines.memory import spoken

_FEW = 40  # so many lines can be looked over
_BLOCKS = re.compile(r"^(?:.*/)?([a-z]+\d*(?:_(?:block|layer|unit|module|branch)\d+)?)")
_STAGES = re.compile(r"^(?:.*/)?([a-z]+\d*)")

Answer = Mapping[str, Any]


def show(answers: Sequence[Answer], flags: Flags) -> None:
    """Print one answer, or two side by side."""
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
    if len(answers) == 2:
        _title(out, *answers)
        out.print(_side_by_side(*answers))
        return
    (answer,) = answers
    _title(out, answer)
    out.print(_layers(answer, flags))
    out.print()
    for head, line in _lines(answer):
        out.print(f"[bold]{head:<17}[/bold]{escape(line)}")
    out.print()
    out.print(_memory(answer))
    if "laws" in answer:
        out.print()
        out.print(_laws(answer["laws"]))


def _title(out: Console, *answers: Answer) -> None:
    for answer in answers:
        out.print(f"[bold]{answer['name']}[/bold]  {escape(answer['summary'])}")
        out.print(f"source: {escape(answer['source'])}", style="dim")
        options = ", ".join(f"{key} {_spoken_option(value)}" for key, value in answer["options"].items())
        head = f", {answer['classes']} classes" if answer["classes"] else ""
        out.print(
            escape(f"{answer['builder']}: {options or 'defaults'}; input {_shape(answer['input'])}{head}"), style="dim"
        )
        out.print()


def _table(*columns: str) -> Table:
    """A table without lines whose first column is text and whose others are numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", no_wrap=True, overflow="ellipsis")
    return table


def _layers(answer: Answer, flags: Flags) -> Table:
    table = _table("layer" if flags.layers else "block", "output", "parameters", "mult-adds", "kept", "sees")
    rows = [(row["name"], [row]) for row in answer["layers"]] if flags.layers else _blocks(answer["layers"])
    for name, part in rows:
        table.add_row(name, *_cells(part))
    whole = {"output_shape": answer["layers"][-1]["output_shape"], "receptive_field": answer["receptive_field"]}
    table.add_row("total", *_cells(answer["layers"], whole), style="bold")
    return table


def _blocks(layers: Sequence[Answer]) -> list[tuple[str, list[Answer]]]:
    """Layers that follow each other and belong to one block; to one stage where there are too many blocks."""
    found: list[tuple[str, list[Answer]]] = []
    for pattern in (_BLOCKS, _STAGES):
        found = [(name, list(part)) for name, part in groupby(layers, partial(_part, pattern))]
        if len(found) <= _FEW:
            break
    return found


def _part(pattern: re.Pattern[str], layer: Answer) -> str:
    match = pattern.match(layer["name"])
    return match[1] if match else layer["name"]


def _cells(rows: Sequence[Answer], last: Answer | None = None) -> list[str]:
    """Output, parameters, multiply-adds, kept bytes and receptive field of some layers together."""
    last = last or rows[-1]
    parameters = sum(row["trainable"] + row["frozen"] for row in rows)
    work = sum(row["multiply_adds"] or 0 for row in rows)
    uncounted = any(row["multiply_adds"] is None for row in rows)
    return [
        _shape(last["output_shape"]),
        f"{parameters:,}" if parameters else "",
        (scaled(work) if work else "") + ("?" if uncounted else ""),
        spoken(kept) if (kept := sum(row["activation_bytes"] for row in rows)) else "",
        _field(last["receptive_field"]),
    ]


def _lines(answer: Answer) -> list[tuple[str, str]]:
    """What it comes to, in words."""
    one = unit(answer["builder"])
    lines = [
        (
            "parameters",
            f"{answer['parameters']:,} trainable, {answer['frozen']:,} frozen, {answer['buffers']:,} in buffers",
        ),
        ("work", f"{scaled(answer['multiply_adds'])} multiply-adds, {scaled(answer['flops'])} FLOPs for one {one}"),
        ("receptive field", _reach(answer)),
    ]
    for name, figure in answer["published"].items():
        word = name.replace("_", "-")
        equal = "equal" if figure["equal"] else f"NOT equal to ours, {answer[name]:,}"
        lines.append(("published", f"{figure['published']:,} {word}: {equal}"))
    if answer["uncounted"]:
        lines.append(("not counted", ", ".join(answer["uncounted"])))
    return lines


def _reach(answer: Answer) -> str:
    field, size = answer["receptive_field"], answer["input"][:-1]
    if field is None:
        return "everything"
    if not field:
        return "no axes to see along"
    whole = all(seen >= there for seen, there in zip(field, size, strict=True))
    return f"{_shape(field)} positions of {_shape(size)}" + (", the whole input" if whole else "")


def _memory(answer: Answer) -> Table:
    told = answer["memory"]
    table = _table(
        f"a step with batch {told['batch_size']:,}, {told['optimizer']}", *(w.replace("_", "\n") for w in WAYS)
    )
    for part in ("weights", "optimizer", "gradients", "activations", "peak"):
        style = "bold" if part == "peak" else ""
        table.add_row(part, *(spoken(told[way][part]) for way in WAYS), style=style)
    largest = [told[way]["largest_batch"] for way in WAYS]
    table.add_row(f"largest batch in {spoken(told['machine'])}", *(f"{batch:,}" for batch in largest))
    return table


def _side_by_side(one: Answer, other: Answer) -> Table:
    table = _table("", one["name"], other["name"], "ratio")
    for name, words in (
        ("parameters", "trainable parameters"),
        ("frozen", "frozen parameters"),
        ("buffers", "numbers in buffers"),
        ("multiply_adds", "multiply-adds"),
        ("flops", "FLOPs"),
        ("activation_bytes", "kept for one example"),
    ):
        speak = spoken if "bytes" in name else "{:,}".format
        table.add_row(words, speak(one[name]), speak(other[name]), _ratio(one[name], other[name]))
    table.add_row("layers", *(f"{len(answer['layers']):,}" for answer in (one, other)), "")
    table.add_row("sees", *(_field(answer["receptive_field"]) for answer in (one, other)), "")
    batch = one["memory"]["batch_size"]
    for way in WAYS:
        peaks = [answer["memory"][way]["peak"] for answer in (one, other)]
        table.add_row(f"peak with batch {batch}, {way.replace('_', ' ')}", *map(spoken, peaks), _ratio(*peaks))
    largest = [answer["memory"]["float32"]["largest_batch"] for answer in (one, other)]
    machine = spoken(one["memory"]["machine"])
    table.add_row(f"largest batch in {machine}", *(f"{batch:,}" for batch in largest), _ratio(*largest))
    return table


def _laws(laws: Answer) -> Table:
    table = _table("law", "number", "which means")
    table.columns[2].justify = "left"
    table.columns[2].no_wrap = False
    for law in laws["rows"]:
        table.add_row(law["law"], f"{law['number']:.3g}", law["means"])
    return table


def scaled(count: float) -> str:
    """A count with three or four digits: `4.089 G`."""
    for letter in ("", " k", " M", " G"):
        if count < 1000:
            return f"{count:,.4g}{letter}"
        count /= 1000
    return f"{count:,.4g} T"


def _ratio(one: float, other: float) -> str:
    return f"{other / one:.3g}" if one and other else ""


def _shape(shape: Sequence[Any]) -> str:
    if shape and isinstance(shape[0], Sequence):
        return "; ".join(map(_shape, shape))
    return " x ".join(map(str, shape))


def _field(field: Sequence[int] | None) -> str:
    if field is None:
        return "all"
    return f"{field[0]}" if len(set(field)) == 1 else _shape(field)


def _spoken_option(value: Any) -> str:
    return (
        " ".join(map(str, value))
        if isinstance(value, tuple | list)
        else f"{value:.4g}"
        if isinstance(value, float)
        else str(value)
    )
