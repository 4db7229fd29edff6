"""`summary`: one run on one page of HTML that needs nothing beside it, for a colleague without this project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import BadInput
from pipelines.flags import parse, positional
from pipelines.runs import RunFolder
from pipelines.summary_page import PAGE, write


@dataclass(frozen=True)
class SummaryFlags:
    """Flags of `summary`.

    Attributes:
        out: HTML file; RUN/summary.html where empty.
        json: print one JSON object on stdout, everything else on stderr.
    """

    out: str = ""
    json: bool = False


def summary(arguments: Sequence[str], program: str) -> dict[str, Any] | None:
    """Write the page of a run.

    Raises:
        BadInput: no such run, one without scores, or a page that cannot be written.
    """
    names, rest = positional(arguments)
    flags = parse(SummaryFlags, rest, f"{program} RUN", "One run on one page of HTML that needs nothing beside it.")
    if len(names) != 1:
        raise BadInput("summary: one run is needed", wanted="its folder", got=" ".join(names) or "nothing")
    folder = RunFolder(Path(names[0]))
    if not folder.record.is_file():
        raise BadInput("summary: no run", wanted="a folder with record.jsonl", where=names[0])
    page = Path(flags.out) if flags.out else folder.path / PAGE
    write(folder, page)
    if flags.json:
        return {"page": str(page)}
    print(f"wrote {page}")
    return None
