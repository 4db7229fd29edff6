"""`explain`: which bases decided what a model says of each sequence, and the motifs that many of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import BadInput, counted
from data.sequences import BASES, decode, encode
from data.splits import Rows
from pipelines.cli import model_and_file
from pipelines.domain import Domain
from pipelines.flags import parse, positional
from pipelines.options import did_you_mean
from pipelines.trained import open_trained

if TYPE_CHECKING:
    from pipelines.genomics.importance import Importance


@dataclass(frozen=True)
class ExplainFlags:
    """Flags of `explain`.

    Attributes:
        out: folder for figures and motifs.
        label: class or label that is explained; each sequence's own answer where empty.
        method: change each base in turn, or integrate gradients, which is quicker and less exact.
        rows: sequences of a class from which motifs are made, the surest first.
        motifs: most motifs of a class.
        width: bases of a motif, 7 or more; at most as many as sequences have.
        draw: sequences of a class that are drawn one by one.
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


def main(domain: Domain, arguments: Sequence[str], program: str) -> dict[str, Any] | None:
    """Explain a model's answers for its test rows or a file.

    Raises:
        BadInput: no such model, file, label or method, or sizes that cannot work.
    """
    names, rest = positional(arguments)
    flags = parse(
        ExplainFlags, rest, program, "explain [MODEL] [FILE]: bases that decided, and motifs that sequences share."
    )
    if Path(flags.out).is_file():
        raise BadInput("explain: a file is there", wanted="--out FOLDER", got=flags.out)
    place, file = model_and_file(names)
    export, _, model = open_trained(domain, place)
    from pipelines.genomics.importance import answers
    from pipelines.report import Report
    from pipelines.verbs import test_rows

    metadata = export.metadata
    codes = _codes_of_file(domain, file, metadata) if file else _codes(test_rows(domain, export))
    explained = Explainer(model, metadata, flags)
    asked, outputs = explained.answers(), answers(model, codes)
    told = [explained.answer(number, name, codes, outputs) for number, name in asked]
    report = Report(flags.json)
    for one in told:
        report.note(_line(one))
    return {"schema": 1, "model": export.name, "version": export.version, "answers": told}


def _codes(rows: Rows) -> np.ndarray:
    return rows["sequence"][np.arange(rows.size)]


def _codes_of_file(domain: Domain, file: str, metadata: Mapping[str, Any]) -> np.ndarray:
    length = metadata["data"]["length"]
    texts = [text for _, columns in domain.requests(file, metadata) for text in columns["sequence"]]
    return encode(texts, longest=length)[np.arange(len(texts))]


def _line(told: Mapping[str, Any]) -> str:
    motifs = ", ".join(f"{motif['consensus']} ({motif['share']:.0%})" for motif in told["motifs"]) or "no motif"
    return f"{told['answer']}: {counted(told['rows'], 'sequence')}, {motifs}; drawn in {told['folder']}"


def _check_numbers(flags: ExplainFlags) -> None:
    """Refuse sizes that no motif or figure can have, before anything is computed."""
    from pipelines.genomics.motifs import SEED

    for name, least in {"rows": 1, "motifs": 0, "draw": 0, "width": SEED}.items():
        if (value := getattr(flags, name)) < least:
            raise BadInput(f"explain: {name} cannot work", wanted=f"{least} or more", got=value)


def _name_of_folder(label: str) -> str:
    """A folder's own name for each label, which may hold what no name can, or mean another folder."""
    name = label.replace("%", "%25").replace("/", "%2F")
    return name if name.strip(".") else name.replace(".", "%2E")


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

    def answer(self, number: int, name: str, codes: np.ndarray, outputs: np.ndarray) -> dict[str, Any]:
        """Explain one answer by the sequences that have it, or by all where it is asked for by name.

        Args:
            number: of the answer among the outputs.
            name: of the answer.
            codes: (rows, length) of all sequences.
            outputs: of the model for them.
        """
        from pipelines.genomics.importance import score_of

        score = score_of(self.target, number)
        scores = np.asarray(score(outputs))
        own = self._own(outputs, number)
        rows = own[np.argsort(-scores[own], kind="stable")][: self.flags.rows]
        folder = Path(self.flags.out) / _name_of_folder(name)
        told: dict[str, Any] = {"answer": name, "rows": len(rows), "folder": str(folder), "motifs": [], "figures": []}
        if not len(rows):
            return told
        found = self.find(self.model, codes[rows], score)
        titles = [f"row {row + 1}, {name}: score {scores[row]:.2f}" for row in rows]
        tracks = self._tracks(codes[rows], found, titles, [folder / f"sequence{row + 1}.png" for row in rows])
        shared = self._motifs(codes[rows], found, name, folder)
        return {**told, **shared, "figures": [*tracks, *shared["figures"]]}

    def _tracks(self, codes: np.ndarray, found: Importance, titles: Sequence[str], paths: Sequence[Path]) -> list[str]:
        """Draw the first sequences one by one."""
        from pipelines.genomics import logos

        drawn = []
        for place, text in enumerate(decode(codes[: self.flags.draw])):
            parts = found.effects[place, : len(text)], found.contributions[place, : len(text)]
            drawn.append(str(logos.track(text, *parts, titles[place], paths[place])))
        return drawn

    def _motifs(self, codes: np.ndarray, found: Importance, name: str, folder: Path) -> dict[str, Any]:
        """Find, draw and write what the sequences share."""
        from pipelines.genomics import logos
        from pipelines.genomics.motifs import SEED, find_motifs

        bases = (codes[..., None] == BASES).astype(float)
        width = min(self.flags.width, bases.shape[1])
        motifs = find_motifs(bases, found.contributions, self.flags.motifs, width) if width >= SEED else []
        if not motifs:
            return {"motifs": [], "figures": []}
        figure = logos.motif_logos(motifs, f"What speaks for {name}", folder / "motifs.png")
        named = [(f"{name}_{i}", motif) for i, motif in enumerate(motifs, start=1)]
        return {
            "motifs": [{"consensus": m.consensus, "windows": m.windows, "share": round(m.share, 4)} for m in motifs],
            "figures": [str(figure)],
            "meme": str(logos.meme(named, folder / "motifs.meme")),
        }

    def _own(self, outputs: np.ndarray, number: int) -> np.ndarray:
        """Rows of which the model gives this answer; all where it was asked for by name, or of values."""
        if self.flags.label or self.target == "value":
            return np.arange(len(outputs))
        has = outputs.argmax(1) == number if self.target == "class" else outputs[:, number] > 0
        return np.flatnonzero(has)
