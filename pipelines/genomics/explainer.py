"""How the answers of a model are explained: the sequences that have them, the motifs of these, figures and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from data.errors import BadInput
from data.sequences import BASES
from pipelines.genomics import logos, motif_tables
from pipelines.genomics.alignment import SEED
from pipelines.genomics.answer_folder import clear, in_folder, name_of_folder
from pipelines.genomics.importance import METHODS, Some, score_of
from pipelines.genomics.motifs import Motif, find_motifs
from pipelines.options import did_you_mean
from pipelines.plots import shown

if TYPE_CHECKING:
    from pipelines.genomics.explain import Asked, ExplainFlags


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
        return Path(self.flags.out) / name_of_folder(name)

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
        score, folder = score_of(self.target, number), self.folder(name)
        scores = np.asarray(score(outputs))
        sides = self._sides(scores, self._own(outputs, number))
        rows = np.unique(np.concatenate([side.rows for side in sides]))
        told: dict[str, Any] = {"answer": name, "rows": len(rows), "folder": str(folder), "motifs": []}
        if not len(rows):
            clear(folder, [])
            return {**told, "figures": [], "tables": []}
        codes = asked.codes[rows]
        some = Some(rows, [asked.names[row] for row in rows], codes, scores[rows], self.find(self.model, codes, score))
        named = [motif for side in sides for motif in self._motifs(name, side, some)]
        with in_folder(folder):
            written = self._write(folder, name, sides, some, named)
            clear(folder, [*written["figures"], *written["tables"], *([written["meme"]] if named else [])])
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
        ends = list(dict.fromkeys(int(row) for side in sides for row in side.rows[: self.flags.draw]))
        figures = self._tracks(folder, answer, some, ends) + self._logos(folder, answer, named)
        motifs = [(one.name, one.motif) for one in named]
        tables = self._tables(folder, some, ends, motifs)
        told: dict[str, Any] = {"figures": list(map(str, figures)), "tables": list(map(str, tables))}
        if motifs:
            told["meme"] = str(motif_tables.meme(motifs, folder / "motifs.meme"))
        return told

    def _tables(
        self, folder: Path, some: Some, drawn: Sequence[int], motifs: Sequence[tuple[str, Motif]]
    ) -> list[Path]:
        """Write the numbers of the sequences that are drawn, and where the motifs are."""
        tables, changed = list[Path](), self.flags.method == "mutagenesis"
        if drawn:
            sequences = [some.sequence(row) for row in drawn]
            tables.append(motif_tables.contributions_table(sequences, changed, folder / "contributions.csv"))
        if motifs:
            all_rows = {int(row): some.sequence(int(row)) for row in some.rows}
            tables.append(motif_tables.places_table(motifs, all_rows, folder / "motif_places.csv"))
        return tables

    def _tracks(self, folder: Path, answer: str, some: Some, rows: Sequence[int]) -> list[Path]:
        """Draw sequences one by one."""
        score = shown(answer) if self.target == "value" else f"log odds of {shown(answer)}"
        drawn = []
        for row in rows:
            (at,) = some.at([row])
            said = f"{score}: {some.scores[at]:.4g}"
            drawn.append(logos.track(some.sequence(row), said, folder / f"sequence{row + 1}.png"))
        return drawn

    def _logos(self, folder: Path, answer: str, named: Sequence[Named]) -> list[Path]:
        """Draw the motifs of each side."""
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


def _check_numbers(flags: ExplainFlags) -> None:
    """Refuse sizes that no motif or figure can have, before anything is computed."""
    for name, least in {"rows": 1, "motifs": 0, "draw": 0, "width": SEED}.items():
        if (value := getattr(flags, name)) < least:
            raise BadInput(f"explain: {name} cannot work", wanted=f"{least} or more", got=value)
