"""The page of a run: one file of HTML that needs nothing beside it, made from the run's folder alone."""

from __future__ import annotations

import base64
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from data.errors import BadInput
from pipelines import results
from pipelines.domain import domain
from pipelines.measures import MEASURES, spoken
from pipelines.output import whole_file
from pipelines.run import COUNTS, Run
from pipelines.runs import RunFolder, clean
from pipelines.stored_run import read_run

PAGE = "summary.html"  # in the run's folder
WIDE = 860  # pixels; a figure that is wider, as of several panels, takes the whole width, so that letters have one size
NAMED = 50  # classes of a table; more are counted
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #22313f; max-width: 76rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: 0 } h2 { font-size: 1.05rem; margin: 2rem 0 .4rem }
p.verdict { font-size: 1.1rem } .quiet { color: #6c757d }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .4rem 0 }
td, th { padding: .2rem .8rem .2rem 0; text-align: right; border-bottom: 1px solid #d5dbe1; vertical-align: top }
td:first-child, th:first-child, .words td, .words th { text-align: left } tr.ours { font-weight: 600 }
.figures { display: grid; grid-template-columns: 1fr 1fr; grid-auto-flow: dense; gap: 1rem; align-items: start }
.figures .wide { grid-column: 1 / -1 } img { max-width: 100% }
.words td { overflow-wrap: anywhere } .words td:first-child { min-width: 10rem }
code { font-size: .9em; overflow-wrap: anywhere }
@media (max-width: 50rem) { .figures { grid-template-columns: 1fr } }
"""


def write(folder: RunFolder, page: Path) -> None:
    """Write the page of a run, whole or not at all.

    Raises:
        BadInput: as `lines`; or the page cannot be written, or would take the place of a file of the run.
    """
    text = "\n".join(lines(folder))
    with whole_file(str(page), *(str(file) for file in folder.path.rglob("*") if file.name != PAGE)) as target:
        target.write(text)


def lines(folder: RunFolder) -> Iterator[str]:
    """The page, piece by piece.

    Raises:
        BadInput: the run has no scores, or its run.json cannot be read.
    """
    told = {name: event["values"] for name in ("start", "data", "scores") if (event := folder.last(name))}
    if "scores" not in told:
        raise BadInput("summary: the run has no scores yet", wanted="one that has been trained", where=str(folder.path))
    scores, data, facts = told["scores"], told["data"], told["start"]["facts"]
    run = read_run(folder.path / "run.json", domain(told["start"]["domain"]))
    title = f"{run.title} on {data['name']}"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(next(folder.events())["time"]))
    yield f"<!doctype html><meta charset='utf-8'><title>{escape(title)}</title><style>{STYLE}</style>"
    yield f"<h1>{escape(title)}</h1>"
    yield f"<p class='quiet'>{escape(run.domain)}, {when}, run {escape(folder.name)}</p>"
    yield f"<p class='verdict'>{escape(str(scores.get('verdict', '')))}</p>"
    yield from _scores(run, scores)
    yield from _members(run, scores)
    yield from _legend(scores["scores"]["test"])
    yield from _figures(folder)
    yield from _data(run, data)
    yield from _making(run, facts)
    yield "<h2>Where it ran</h2>"
    yield _pairs({k: v for k, v in facts.items() if k not in ("command", "pid", "born", "host")})


def _scores(run: Run, scores: Mapping[str, Any]) -> Iterator[str]:
    """A table for test and one for validation: the run and its baselines."""
    measures = list(scores["scores"]["test"])
    for split, title in (("test", "Scores on test"), ("val", "Scores on validation")):
        rows = [
            [name, *(spoken(m, own[split].get(m), spread and spread[split].get(m)) for m in measures)]
            for name, (own, spread) in results.rows(run.title, scores).items()
        ]
        yield f"<h2>{title}</h2>"
        yield _table(["", *measures], rows, ours=True)


def _members(run: Run, scores: Mapping[str, Any]) -> Iterator[str]:
    """The trainings that it stands for, with their scores on test."""
    if not run.several or "runs" not in scores:
        return
    measures = list(scores["scores"]["test"])
    shares = scores.get("shares") or [None] * len(scores["runs"])
    rows = [
        [
            member.recipe,
            str(told["seed"]) if told["fold"] is None else f"{told['seed']}, fold {told['fold'] + 1}",
            f"{told['parameters']:,}",
            *([] if share is None else [f"{share:.2f}"]),
            *(spoken(m, told["scores"]["test"].get(m)) for m in measures),
        ]
        for member, told, share in zip(run.members(), scores["runs"], shares, strict=True)
    ]
    yield f"<h2>Members, on test</h2><p>{COMBINED[run.combine]}</p>"
    yield _table(["", "seed", "parameters", *(["share"] if scores.get("shares") else []), *measures], rows)


COMBINED = {
    "best": "Scores above are means over these; the one that is best on validation is exported.",
    "mean": "One model: the mean of what these answer.",
    "stacking": "One model: the mean of what these answer, by shares that were chosen on validation.",
}


def _legend(measures: Sequence[str]) -> Iterator[str]:
    """What the columns of scores are."""
    rows = [
        [name, told.about, f"×\N{NO-BREAK SPACE}{told.scale:g}" if told.scale != 1 else "", told.best]
        for name, told in MEASURES.items()
        if name in measures
    ]
    yield "<h2>Measures</h2>"
    yield _table(["", "what it is", "told", "better"], rows, words=True)


def _figures(folder: RunFolder) -> Iterator[str]:
    """In the order in which they were drawn."""
    events = [event["values"]["path"] for event in folder.events() if event["event"] == "artifact"]
    pictures = [path for name in dict.fromkeys(events) if (path := folder.path / name).suffix == ".png"]
    if not (there := [path for path in pictures if path.is_file()]):
        return
    yield "<h2>Figures</h2><div class='figures'>"
    yield from map(_figure, there)
    yield "</div>"


def _figure(path: Path) -> str:
    content = path.read_bytes()
    (width,) = struct.unpack(">I", content[16:20])  # where a PNG has it
    kind = " class='wide'" if width > WIDE else ""
    code = base64.b64encode(content).decode()
    return f"<img{kind} alt='{escape(path.stem.replace('_', ' '))}' src='data:image/png;base64,{code}'>"


def _data(run: Run, data: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2>Data</h2><p>{escape(str(data['name']))}: {escape(_divided(run, data))}</p>"
    for line in domain(run.domain).about(data):
        yield f"<p>{escape(line)}</p>"
    licence = data.get("licence") or "not stated"  # which is so of who reads files of his own
    told = [str(data.get("source", "")), *([] if licence == "not stated" else [f"licence: {licence}"])]
    yield f"<p class='quiet'>{escape('; '.join(told))}</p>"
    yield from _classes({} if _of_folds(run) else data.get("class_counts") or {})
    chosen = run.differences(run.with_(data=type(run.data)()))
    if options := {name: ours for name, (ours, _) in chosen.items()}:
        yield "<p>Options that are not the defaults:</p>"
        yield _pairs(options)
    files = data.get("files") or {}
    yield _pairs({f"sha256 of {files.get(part, part)}": code for part, code in (data.get("sha256") or {}).items()})


def _of_folds(run: Run) -> bool:
    """Whether it stands for all folds, none of which is divided as its data was read."""
    return run.folds > 0 and run.fold < 0


def _divided(run: Run, data: Mapping[str, Any]) -> str:
    if _of_folds(run):
        return f"{sum(data['rows'].values()):,} rows, each tested once in {run.folds} folds"
    rows = ", ".join(f"{count:,} {part}" for part, count in data["rows"].items())
    return f"{rows}; {data.get('split_rule', '')}"


def _classes(counts: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Rows of each class in each split; of values their mean and deviation."""
    if not counts:
        return
    names = list(next(iter(counts.values())))
    rows = [[name, *(_number(counts[split][name]) for split in counts)] for name in names[:NAMED]]
    yield _table(["", *counts], rows)
    if len(names) > NAMED:
        yield f"<p class='quiet'>and {len(names) - NAMED:,} further classes</p>"


def _making(run: Run, facts: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>How it was made</h2>"
    yield f"<p>{escape(run.source)}</p><p><code>{escape(facts.get('command', ''))}</code></p>"
    values = {k: v for k, v in run.flat().items() if k.startswith(("model.", "fit."))}
    others = {f"beside it: {other.name}": {"builder": other.builder, **other.options} for other in run.others}
    counts = {n: value for n in COUNTS if (value := getattr(run, n)) != getattr(Run, n)}
    yield _pairs(clean({"seed": run.seed} | counts | values | others))


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _pairs(values: Mapping[str, Any]) -> str:
    cells = "".join(
        f"<tr><td>{escape(str(k))}</td><td><code>{escape(_told(v))}</code></td></tr>" for k, v in values.items()
    )
    return f"<table class='words'>{cells}</table>"


def _told(value: Any) -> str:
    """A value as a flag takes it: several with spaces between them, options by their names."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_told(one)}" for name, one in value.items())
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], ours: bool = False, words: bool = False) -> str:
    """A table of texts.

    Args:
        head: of each column.
        rows: a text for each column.
        ours: whether the first row is the run's own.
        words: whether columns behind the first are words, and no numbers.
    """
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = [
        f"<tr{' class=ours' if ours and not number else ''}>{''.join(f'<td>{escape(c)}</td>' for c in row)}</tr>"
        for number, row in enumerate(rows)
    ]
    return f"<table{' class=words' if words else ''}><tr>{cells}</tr>{''.join(body)}</table>"
