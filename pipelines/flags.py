"""Flags: from dataclasses by tyro, refused in its words and in the house's error."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from data.errors import BadInput


def flag(kind: Any, text: str, default: Any) -> Any:
    """A dataclass field that is a flag with this help."""
    return Annotated[kind, tyro.conf.arg(help=text)], dataclasses.field(default=default)


def parse(kind: type, arguments: Sequence[str], program: str, about: str) -> Any:
    """Flags into a dataclass.

    Raises:
        BadInput: for flags that do not exist or values that do not fit, in tyro's words.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(kind, args=list(arguments), prog=program, description=about, use_underscores=True)
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise Usage(said.getvalue()) from None


def with_command(kind: type, arguments: Sequence[str], program: str, about: str) -> tuple[Any, list[str]]:
    """The flags before `--` and the command behind it."""
    split = list(arguments).index("--") if "--" in arguments else len(arguments)
    return parse(kind, arguments[:split], program, about), list(arguments[split + 1 :])


def positional(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The leading words and the flags after them."""
    first = next((i for i, a in enumerate(arguments) if a.startswith("-")), len(arguments))
    return list(arguments[:first]), list(arguments[first:])


class Usage(BadInput):
    """Flags that cannot be read; `text` is the help that goes with it, drawn for a terminal."""

    def __init__(self, text: str) -> None:
        lines = [re.sub("^[│╭╰─ ]+|[│╮╯─ ]+$", "", line).strip() for line in text.splitlines()]
        words = " ".join(line for line in lines if line and not line.startswith("For full helptext"))
        super().__init__(words, wanted="flags as --help lists them", got=" ".join(sys.argv[1:]))
        self.text = text
