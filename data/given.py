"""What a user gives, in every domain: files for the parts, options that an export remembers, bytes to be known by."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import file_digest
from typing import Any, TypeVar

from data.errors import BadInput

PARTS = ("train", "val", "test")
Options = TypeVar("Options")


def given_parts(options: Any, what: str) -> dict[str, str]:
    """The files that are given for train, val and test, by part; empty where the source is another.

    Args:
        options: with path, name, train, val and test.
        what: files are called in errors, such as "a file".

    Raises:
        BadInput: several sources, or nothing to learn from beside what is to be judged on.
    """
    given = {part: path for part in PARTS if (path := getattr(options, part))}
    if sum(map(bool, (options.path, options.name, given))) > 1:
        got = ", ".join([*filter(None, (options.path, options.name)), *given.values()])
        raise BadInput("data: several sources", wanted="one of path, name, or train with val and test", got=got)
    if given and "train" not in given:
        what = f"data: {what} to judge on and none to learn from"
        raise BadInput(what, wanted="train beside it", got=", ".join(given))
    return given


def options_of(kind: type[Options], metadata: Mapping[str, Any]) -> Options:
    """The data options that an export was trained with; lists of its JSON become the tuples that they were."""
    stored = metadata["run"]["data"]
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()})


def legible(name: object) -> str:
    r"""A file's name as text that can be shown and sent; bytes that are no UTF-8 as `\xe9`, as Python writes them."""
    return os.fsencode(str(name)).decode("utf-8", "backslashreplace")


def digest_of_file(path: str) -> str:
    """sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()
