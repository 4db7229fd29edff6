"""`explain`: which bases decided what a model says of each sequence, and the motifs that many of them share."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from data.errors import BadInput, counted
from data.genome import COLUMNS
from data.sequences import BASES, encode
from data.tables import Table
from pipelines.cli import model_and_file
from pipelines.domain import Domain
from pipelines.flags import parse, positional
from pipelines.options import did_you_mean
from pipelines.trained import open_trained

if TYPE_CHECKING:
    from pipelines.genomics.importance import Some
    from pipelines.genomics.motifs import Motif
    from pipelines.serve.folder import Export

ABOUT = """explain [MODEL] [FILE]: bases that decided, and motifs that sequences share.

FILE is what predict takes: a table with the column of sequences, FASTA, or BED intervals of the run's genome. Without
it the run's own test rows are explained. What is explained is a score: the log odds of a class against all others, the
log odds of a label, or the value in its own unit; a base contributes what it adds to it."""
OWN = re.compile(r"sequence\d+\.png|motifs(_lowering)?\.png|motifs\.meme|contributions\.csv|motif_places\.csv")
LONGEST = 120  # bytes of a folder's name; a file system takes 255, other names stand beside it


@dataclass(frozen=True)
class ExplainFlags:
    """Flags of `explain`.

    Attributes:
        out: folder for figures, motifs and tables, with a folder for each answer.
        label: class or label that is explained; each sequence's own answer where empty.
        method: change each base in turn, or integrate gradients, which is quicker and less exact.
        rows: sequences of a class from which motifs are made, the surest first; of labels and values as many of the
            highest and of the lowest.
        motifs: most motifs of a class; of labels and values as many that raise and that lower them.
        width: bases of a motif, 7 or more; at most as many as sequences have.
        draw: sequences of a class that are drawn one by one; of labels and values as many of the highest and of the
            lowest.
        json: print one JSON object on stdout, everything else on stderr.
    """

    out: str = "explained"
    label: str = ""
    method: str = "mutagenesis"
    rows: int = 200
    motifs: int = 3
    width: int = 15
    draw: int = 4
    json: bool = False


class Asked(NamedTuple):
    """Sequences that are explained.

    Attributes:
        names: by which a reader finds them again.
        codes: (rows, length).
    """

    names: Sequence[str]
    codes: np.ndarray


class Side(NamedTuple):
    """Sequences at one end of the scores, and what is looked for in them.

    Attributes:
        effect: `raises` or `lowers`.
        rows: of the sequences, the furthest first.
    """

    effect: str
    rows: np.ndarray

    @property
    def sign(self) -> int:
        """Of the contributions that are looked for."""
        return 1 if self.effect == "raises" else -1


class Named(NamedTuple):
    """A motif by its name in MEME's form, and whether it raises or lowers the score."""

    name: str
    effect: str
    motif: Motif

    @property
    def told(self) -> dict[str, Any]:
        """What `--json` says of it."""
        motif = self.motif
        about = {"consensus": motif.consensus, "windows": motif.windows, "share": round(motif.share, 4)}
        return {"name": self.name, "effect": self.effect, **about}


def main(domain: Domain, arguments: Sequence[str], program: str) -> dict[str, Any] | None:
    """Explain a model's answers for its test rows or a file.

    Raises:
        BadInput: no such model, file, label or method, sizes that cannot work, or nowhere to write.
    """
    names, rest = positional(arguments)
    flags = parse(ExplainFlags, rest, program, ABOUT)
    _check_folder(Path(flags.out))
    place, file = model_and_file(names)
    export, _, model = open_trained(domain, place)
    from pipelines.genomics.importance import answers
    from pipelines.report import Report

    explained = Explainer(model, export.metadata, flags)
    wanted = explained.answers()
    _check_apart([explained.folder(name) for _, name in wanted], file, export)
    asked = _of_file(domain, file, export.metadata) if file else _of_run(domain, export)
    outputs = answers(model, asked.codes)
    told = [explained.answer(number, name, asked, outputs) for number, name in wanted]
    report = Report(flags.json)
    for one in told:
        report.note(_line(one))
    return {"schema": 1, "model": export.name, "version": export.version, "answers": told}


def _of_run(domain: Domain, export: Export) -> Asked:
    from pipelines.verbs import test_rows

    rows = test_rows(domain, export)
    return Asked([f"test row {row + 1}" for row in range(rows.size)], rows["sequence"][np.arange(rows.size)])


def _of_file(domain: Domain, file: str, metadata: Mapping[str, Any]) -> Asked:
    names, texts = list[str](), list[str]()
    for table, columns in domain.requests(file, metadata):
        names += _names(table, len(names) + 1)
        texts += columns["sequence"]
    return Asked(names, encode(texts, longest=metadata["data"]["length"])[np.arange(len(texts))])


def _names(table: Table, first: int) -> list[str]:
    """Intervals by their place as bedtools writes it, other rows by their name or, without one, by their number.

    Args:
        table: rows as read.
        first: number of its first row in the file, counted from 1.
    """
    if table.header[: len(COLUMNS)] == COLUMNS:
        places = zip(*(table.cells(column) for column in ("chromosome", "start", "end", "strand")), strict=True)
        return [f"{name}:{start}-{end}" + "(-)" * (strand == "-") for name, start, end, strand in places]
    named = table.cells("name") if "name" in table.header else [""] * len(table.rows)
    return [name or f"row {row}" for row, name in enumerate(named, start=first)]


def _line(told: Mapping[str, Any]) -> str:
    if not told["rows"]:
        return f"{told['answer']}: no sequence has it"
    parts = [f"{told['answer']}: {counted(told['rows'], 'sequence')}"]
    for effect, verb in {"raises": "raised", "lowers": "lowered"}.items():
        motifs = [f"{m['consensus']} ({m['share']:.0%})" for m in told["motifs"] if m["effect"] == effect]
        parts += [f"{verb} by {', '.join(motifs)}"] if motifs else []
    parts += [] if told["motifs"] else ["no motif"]
    parts += [f"drawn in {told['folder']}"] if told["figures"] else []
    return "; ".join(parts)


def _check_numbers(flags: ExplainFlags) -> None:
    """Refuse sizes that no motif or figure can have, before anything is computed."""
    from pipelines.genomics.motifs import SEED

    for name, least in {"rows": 1, "motifs": 0, "draw": 0, "width": SEED}.items():
        if (value := getattr(flags, name)) < least:
            raise BadInput(f"explain: {name} cannot work", wanted=f"{least} or more", got=value)


def _check_folder(folder: Path) -> None:
    """Refuse what can be no folder to write in, before anything is computed."""
    try:
        folder.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass  # its parents say whether it can be made
    except OSError as error:
        raise BadInput("explain: no folder can be there", wanted="--out FOLDER", got=error.strerror) from None
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        raise BadInput("explain: a file is there", wanted="--out FOLDER", got=str(there))
    if not os.access(there, os.W_OK | os.X_OK):
        raise BadInput("explain: no permission to write", wanted="--out FOLDER", got=str(there))


def _check_apart(folders: Sequence[Path], file: str, export: Export) -> None:
    """Refuse folders that cannot be written in, or where a figure or table would take the place of what is read."""
    from pipelines.verbs import files_of

    read = [Path(name).resolve() for name in (file, *files_of(export)) if name]
    for folder in folders:
        _check_folder(folder)
        if same := [path for path in read if path.parent == folder.resolve() and OWN.fullmatch(path.name)]:
            raise BadInput("explain: the output would take the place of what is read", wanted="another --out FOLDER",
                           got=str(same[0]))  # fmt: skip


def _name_of_folder(label: str) -> str:
    """A folder's own name for each label, which may hold what no name can, mean another folder, or be too long."""
    name = label.replace("%", "%25").replace("/", "%2F")
    name = name if name.strip(".") else name.replace(".", "%2E")
    written = os.fsencode(name)
    if len(written) <= LONGEST:
        return name
    return f"{written[: LONGEST - 20].decode(errors='ignore')}-{blake2b(written, digest_size=4).hexdigest()}"


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Make a folder to write in; of those that are made none stays in which nothing was written.

    Raises:
        BadInput: it cannot be made or written in.
    """
    made = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        wanted = "a folder with space"
        raise BadInput("explain: cannot write", wanted=wanted, got=error.strerror, where=str(folder)) from None
    finally:
        for place in made:
            with suppress(OSError):
                place.rmdir()


def _clear(folder: Path, kept: Sequence[str]) -> None:
    """Remove what an earlier `explain` wrote there and this one has not written anew, and nothing else."""
    names = {Path(path).name for path in kept}
    for path in folder.iterdir() if folder.is_dir() else ():
        if OWN.fullmatch(path.name) and path.name not in names and path.is_file():
            path.unlink()


class Explainer:
    """A trained model, and how its answers are explained.

    Args:
        model: codes to outputs.
        metadata: of its export.
        flags: what is asked for.

    Raises:
        BadInput: an unknown method, or one that this model cannot be explained by.
    """

    def __init__(self, model: Any, metadata: Mapping[str, Any], flags: ExplainFlags) -> None:
        from pipelines.genomics.importance import METHODS

        if flags.method not in METHODS:
            raise BadInput("explain: unknown method", wanted=f"one of {', '.join(METHODS)}", got=flags.method)
        _check_numbers(flags)
        fixed = metadata["data"]["shortest"] == metadata["data"]["length"]
        if flags.method == "gradients" and not (fixed and any(layer.name == "bases" for layer in model.layers)):
            wanted = "mutagenesis for sequences of different lengths and for ensembles"
            raise BadInput("explain: gradients need one length and one network", wanted=wanted, got=flags.method)
        self.model, self.flags, self.find = model, flags, METHODS[flags.method]
        self.target = metadata["data"].get("target", "class")
        self.names: list[str] = list(metadata.get("classes") or ["value"])

    def answers(self) -> list[tuple[int, str]]:
        """Number and name of what is explained.

        Raises:
            BadInput: a label that the model does not know.
        """
        wanted = self.flags.label
        if wanted and wanted not in self.names:
            what = f"explain: unknown label{did_you_mean(wanted, self.names)}"
            raise BadInput(what, wanted=f"one of {', '.join(self.names)}", got=wanted)
        return [(number, name) for number, name in enumerate(self.names) if not wanted or name == wanted]

    def folder(self, name: str) -> Path:
        """Where what is told of an answer is written."""
        return Path(self.flags.out) / _name_of_folder(name)

    def answer(self, number: int, name: str, asked: Asked, outputs: np.ndarray) -> dict[str, Any]:
        """Explain one answer by the sequences that have it, or by all where it is asked for by name.

        Args:
            number: of the answer among the outputs.
            name: of the answer.
            asked: all sequences.
            outputs: of the model for them.

        Raises:
            BadInput: the folder cannot be written in.
        """
        from pipelines.genomics.importance import Some, score_of

        score, folder = score_of(self.target, number), self.folder(name)
        scores = np.asarray(score(outputs))
        sides = self._sides(scores, self._own(outputs, number))
        rows = np.unique(np.concatenate([side.rows for side in sides]))
        told: dict[str, Any] = {"answer": name, "rows": len(rows), "folder": str(folder), "motifs": []}
        if not len(rows):
            _clear(folder, [])
            return {**told, "figures": [], "tables": []}
        codes = asked.codes[rows]
        some = Some(rows, [asked.names[row] for row in rows], codes, scores[rows], self.find(self.model, codes, score))
        named = [motif for side in sides for motif in self._motifs(name, side, some)]
        with _in_folder(folder):
            written = self._write(folder, name, sides, some, named)
            _clear(folder, [*written["figures"], *written["tables"], *([written["meme"]] if named else [])])
        return {**told, "motifs": [motif.told for motif in named], **written}

    def _own(self, outputs: np.ndarray, number: int) -> np.ndarray:
        """Rows of which the model gives this answer; all where it was asked for by name, or of values."""
        if self.flags.label or self.target == "value":
            return np.arange(len(outputs))
        has = outputs.argmax(1) == number if self.target == "class" else outputs[:, number] > 0
        return np.flatnonzero(has)

    def _sides(self, scores: np.ndarray, own: np.ndarray) -> list[Side]:
        """The rows with the highest scores and, but for classes, where another class tells it, with the lowest."""
        order, count = own[np.argsort(-scores[own], kind="stable")], self.flags.rows
        highest, lowest = Side("raises", order[:count]), Side("lowers", order[::-1][:count])
        return [highest] if self.target == "class" else [highest, lowest]

    def _motifs(self, answer: str, side: Side, some: Some) -> list[Named]:
        """What the sequences of a side share, by name."""
        from pipelines.genomics.motifs import SEED, find_motifs

        codes, contributions = some.codes[some.at(side.rows)], some.found.contributions[some.at(side.rows)]
        width = min(self.flags.width, codes.shape[1])
        if width < SEED:
            return []
        bases = (codes[..., None] == BASES).astype(float)
        found = find_motifs(bases, side.sign * contributions, self.flags.motifs, width)
        word = "_".join(answer.split())  # what stands behind a blank is another name in MEME's form
        prefix = f"{word}_" if side.effect == "raises" else f"{word}_{side.effect}_"
        return [Named(prefix + str(i), side.effect, _of_side(motif, side)) for i, motif in enumerate(found, start=1)]

    def _write(
        self, folder: Path, answer: str, sides: Sequence[Side], some: Some, named: Sequence[Named]
    ) -> dict[str, Any]:
        """Figures and tables of the sequences at the ends and of all motifs, and their paths."""
        from pipelines.genomics import logos

        ends = list(dict.fromkeys(int(row) for side in sides for row in side.rows[: self.flags.draw]))
        figures = self._tracks(folder, answer, some, ends) + self._logos(folder, answer, named)
        tables = self._tables(folder, some, ends, named)
        told: dict[str, Any] = {"figures": list(map(str, figures)), "tables": list(map(str, tables))}
        if named:
            told["meme"] = str(logos.meme([(one.name, one.motif) for one in named], folder / "motifs.meme"))
        return told

    def _tables(self, folder: Path, some: Some, drawn: Sequence[int], named: Sequence[Named]) -> list[Path]:
        """Write the numbers of the sequences that are drawn, and where the motifs are."""
        from pipelines.genomics import logos

        tables, changed = list[Path](), self.flags.method == "mutagenesis"
        if drawn:
            sequences = [some.sequence(row) for row in drawn]
            tables.append(logos.contributions_table(sequences, changed, folder / "contributions.csv"))
        if named:
            motifs = [(one.name, one.motif) for one in named]
            all_rows = {int(row): some.sequence(int(row)) for row in some.rows}
            tables.append(logos.places_table(motifs, all_rows, folder / "motif_places.csv"))
        return tables

    def _tracks(self, folder: Path, answer: str, some: Some, rows: Sequence[int]) -> list[Path]:
        """Draw sequences one by one."""
        from pipelines.genomics import logos
        from pipelines.plots import shown

        score = shown(answer) if self.target == "value" else f"log odds of {shown(answer)}"
        drawn = []
        for row in rows:
            (at,) = some.at([row])
            said = f"{score}: {some.scores[at]:.4g}"
            drawn.append(logos.track(some.sequence(row), said, folder / f"sequence{row + 1}.png"))
        return drawn

    def _logos(self, folder: Path, answer: str, named: Sequence[Named]) -> list[Path]:
        """Draw the motifs of each side."""
        from pipelines.genomics import logos
        from pipelines.plots import shown

        value = self.target == "value"
        titles = {
            "raises": ("What raises" if value else "What speaks for", "motifs.png"),
            "lowers": ("What lowers" if value else "What speaks against", "motifs_lowering.png"),
        }
        drawn = []
        for effect, (title, file) in titles.items():
            if motifs := [one.motif for one in named if one.effect == effect]:
                drawn.append(logos.motif_logos(motifs, f"{title} {shown(answer)}", folder / file))
        return drawn


def _of_side(motif: Motif, side: Side) -> Motif:
    """The motif of some rows by the numbers of these, and below 0 what lowers."""
    places = [p._replace(row=int(side.rows[p.row]), strength=side.sign * p.strength) for p in motif.places]
    return motif._replace(contributions=side.sign * motif.contributions, places=places)
