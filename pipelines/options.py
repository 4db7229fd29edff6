"""A builder's options read from its source, so that flags and help exist before Keras is imported."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import logging
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

import arch
from arch import BUILDERS
from data.errors import BadInput

_TYPES = {"Literal": Literal, "int": int, "float": float, "bool": bool, "str": str, "tuple": tuple, "None": None}


@dataclass(frozen=True)
class Option:
    """One keyword of a builder: its name, type, default and the line that its docstring gives it."""

    name: str
    type: Any
    default: Any
    help: str


@dataclass(frozen=True)
class Builder:
    """What can be known of a builder without importing it."""

    name: str
    summary: str
    source: str
    options: tuple[Option, ...]


@cache
def describe_builder(name: str) -> Builder:
    """The builder's first line, source and options, read from its file.

    Raises:
        BadInput: when no builder has this name.
    """
    import griffe

    if name not in BUILDERS:
        raise BadInput(
            f"unknown architecture{did_you_mean(name, BUILDERS)}", wanted="one of " + ", ".join(BUILDERS), got=name
        )
    logging.getLogger("griffe").setLevel(logging.ERROR)
    path = Path(arch.__file__).parent / f"{BUILDERS[name].removeprefix('arch.').replace('.', '/')}.py"
    function = griffe.visit(BUILDERS[name], filepath=path, code=path.read_text())[name]
    sections = griffe.parse(function.docstring, "google") if function.docstring else []
    helps = {p.name: " ".join(p.description.split()) for s in sections if s.kind.value == "parameters" for p in s.value}
    options = [
        Option(p.name, _type(str(p.annotation)), ast.literal_eval(str(p.default)), helps.get(p.name, ""))
        for p in function.parameters
        if p.kind is griffe.ParameterKind.keyword_only
    ]
    text = function.docstring.value if function.docstring else ""
    return Builder(name, text.split("\n")[0], _source(text), tuple(options))


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options that the builder does not have or whose type is not the builder's.

    Raises:
        BadInput: naming the builder, the option and what was wanted.
    """
    known = {o.name: o for o in describe_builder(name).options}
    for key, value in options.items():
        if key not in known:
            raise BadInput(
                f"{name} has no option {key!r}{did_you_mean(key, known)}", wanted="one of " + ", ".join(known), got=key
            )
        if not _fits(value, known[key].type):
            raise BadInput(f"{name}: {key} has the wrong type", wanted=type_name(known[key].type), got=repr(value))


def options_dataclass(name: str, options: Mapping[str, Any]) -> type:
    """A dataclass with the builder's options as fields, a recipe's values as defaults, and their help for tyro."""
    check_options(name, options)
    fields = [
        (
            o.name,
            Annotated[o.type, tyro.conf.arg(help=o.help)],
            dataclasses.field(default=options.get(o.name, o.default)),
        )
        for o in describe_builder(name).options
    ]
    return dataclasses.make_dataclass(f"{name.title().replace('_', '')}Options", fields, frozen=True)


def did_you_mean(word: str, choices: typing.Iterable[str]) -> str:
    """`, did you mean 'resnet'?` where something near exists, else nothing."""
    near = difflib.get_close_matches(word, list(choices), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def type_name(kind: Any) -> str:
    """A type as a user would write it: `int`, `one of relu, gelu`, `tuple of int`."""
    if typing.get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, typing.get_args(kind)))
    if typing.get_origin(kind) is tuple:
        return "tuple of " + type_name(typing.get_args(kind)[0])
    if typing.get_args(kind):
        return " or ".join(type_name(k) for k in typing.get_args(kind))
    return "none" if kind is type(None) else kind.__name__


def _type(annotation: str) -> Any:
    """The type that an annotation names, from a closed set of words: nothing else is ever evaluated."""
    return eval(annotation, {"__builtins__": {}}, _TYPES)


def _fits(value: Any, kind: Any) -> bool:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return value in arguments
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_fits(v, arguments[0]) for v in value)
    if arguments:
        return any(_fits(value, k) for k in arguments)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _source(docstring: str) -> str:
    """The text of a docstring's `Source:` section, on one line."""
    _, _, rest = docstring.partition("Source:")
    return " ".join(rest.split("\n\n")[0].split())
