"""`summary`: one run on one page of HTML that needs nothing beside it, for a colleague without this project."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from data.errors import BadInput
from pipelines.flags import parse, positional
from pipelines.measures import spoken
from pipelines.runs import RunFolder

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #22313f; max-width: 76rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: 0 } h2 { font-size: 1.05rem; margin-top: 2rem }
p.verdict { font-size: 1.1rem } .quiet { color: #6c757d }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .2rem .8rem .2rem 0; text-align: right; border-bottom: 1px solid #d5dbe1 }
td:first-child, th:first-child { text-align: left } tr.ours { font-weight: 600 }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(30rem, 1fr)); gap: 1rem; align-items: start }
img { max-width: 100% } code { font-size: .9em; overflow-wrap: anywhere }
"""


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
    from pipelines.verbs import whole_file

    page = Path(flags.out) if flags.out else folder.path / "summary.html"
    text = "\n".join(lines(folder))
    with whole_file(str(page), str(folder.record)) as target:
        target.write(text)
    if flags.json:
        return {"page": str(page)}
    print(f"wrote {page}")
    return None


def lines(folder: RunFolder) -> Iterator[str]:
    """The page, piece by piece.

    Raises:
        BadInput: the run has no scores.
    """
    told = {name: event["values"] for name in ("start", "data", "scores", "export") if (event := folder.last(name))}
    if "scores" not in told:
        raise BadInput("summary: the run has no scores yet", wanted="one that has been trained", where=str(folder.path))
    start, scores = told["start"], told["scores"]
    params, facts = start["params"], start["facts"]
    title = f"{params['recipe']} on {told['data']['name']}"
    yield f"<!doctype html><meta charset='utf-8'><title>{escape(title)}</title><style>{STYLE}</style>"
    yield f"<h1>{escape(title)}</h1>"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime((folder.last("start") or {"time": 0})["time"]))
    yield f"<p class='quiet'>{escape(params['domain'])}, {when}, run {escape(folder.name)}</p>"
    yield f"<p class='verdict'>{escape(str(scores.get('verdict', '')))}</p>"
    yield from _scores(params["recipe"], scores)
    yield from _pictures(folder)
    yield from _data(told["data"])
    yield "<h2>How it was made</h2>"
    yield f"<p>{escape(params.get('source', ''))}</p><p><code>{escape(facts.get('command', ''))}</code></p>"
    yield _pairs(
        {k: v for k, v in params.items() if k.startswith(("model.", "fit.")) or k in ("seed", "seeds", "folds")}
    )
    yield "<h2>Where it ran</h2>"
    yield _pairs({k: v for k, v in facts.items() if k not in ("command", "pid", "born", "host")})


def _scores(recipe: str, scores: Mapping[str, Any]) -> Iterator[str]:
    """A table for test and one for validation: the run and its baselines."""
    rows = {recipe: scores["scores"], **scores["baselines"]}
    measures = list(scores["scores"]["test"])
    for split, title in (("test", "Scores on test"), ("val", "Scores on validation")):
        yield f"<h2>{title}</h2><table><tr><th></th>{''.join(f'<th>{escape(m)}</th>' for m in measures)}</tr>"
        for name, own in rows.items():
            cells = "".join(f"<td>{spoken(m, own[split].get(m))}</td>" for m in measures)
            yield f"<tr{' class=ours' if name == recipe else ''}><td>{escape(name)}</td>{cells}</tr>"
        yield "</table>"


def _pictures(folder: RunFolder) -> Iterator[str]:
    pictures = sorted((folder.path / "plots").glob("*.png"))
    if not pictures:
        return
    yield "<h2>Figures</h2><div class='figures'>"
    for picture in pictures:
        code = base64.b64encode(picture.read_bytes()).decode()
        yield f"<img alt='{escape(picture.stem.replace('_', ' '))}' src='data:image/png;base64,{code}'>"
    yield "</div>"


def _data(data: Mapping[str, Any]) -> Iterator[str]:
    rows = ", ".join(f"{count:,} {part}" for part, count in data["rows"].items())
    yield f"<h2>Data</h2><p>{escape(str(data['name']))}: {rows}; {escape(str(data.get('split_rule', '')))}</p>"
    yield f"<p class='quiet'>{escape(str(data.get('source', '')))}; licence: {escape(str(data.get('licence', '')))}</p>"
    yield _pairs(data.get("sha256") or {})


def _pairs(values: Mapping[str, Any]) -> str:
    cells = "".join(
        f"<tr><td>{escape(str(k))}</td><td><code>{escape(str(v))}</code></td></tr>" for k, v in values.items()
    )
    return f"<table>{cells}</table>"
