"""Published sets of DNA by their names: the embedded splice junctions, and those of tensorflow-datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data.dna_files import Form
from data.errors import BadInput
from data.labelled import Labelled, read_labelled
from data.public_sets import opened, rows_of
from data.sequences import Sequences, encode

EMBEDDED = Path(__file__).parent / "embedded"
SPLICE = {
    "name": "splice",
    "source": "UCI Machine Learning Repository, primate splice junctions (Noordewier, Towell, Shavlik 1991)",
    "licence": "CC BY 4.0",
}
SEQUENCE = "seq"  # how tensorflow-datasets call it
PARTS = {"train": "train", "val": "validation", "test": "test"}
CHUNK = 20_000  # rows held as text at a time


def published(name: str, form: Form) -> tuple[dict[str, Labelled], dict[str, str]]:
    """The parts of a set, and what is known of where it comes from.

    Args:
        name: `splice`, or a set of tensorflow-datasets with the features `seq` and `label`, such as `genomics_ood`.
        form: how an embedded file is read.

    Raises:
        BadInput: no such set, not one of sequences with labels, or it cannot be had.
    """
    if name == SPLICE["name"]:
        return {"all": read_labelled(str(EMBEDDED / "splice.csv.gz"), form)}, SPLICE
    builder = opened(name, (SEQUENCE, "label"), "splice, genomics_ood or a name of tensorflow-datasets")
    names = builder.info.features["label"].names
    parts = {part: _part(rows_of(builder, split), names, f"{name}:{split}") for part, split in PARTS.items()}
    source = f"tensorflow-datasets {builder.info.full_name}"
    return parts, {"name": name, "source": source, "licence": "that of the set, see its page"}


def _part(rows: Any, names: list[str], path: str) -> Labelled:
    """One part, encoded piece by piece; rows are counted from 1 where a file would have lines.

    Raises:
        BadInput: a row that is not bases, or none at all.
    """
    places = np.array([f"{path}:{row}" for row in range(1, len(rows) + 1)])
    codes, labels = list[Sequences](), list[int]()
    for start in range(0, len(rows), CHUNK):
        some = [rows[row] for row in range(start, min(start + CHUNK, len(rows)))]
        codes.append(encode([_text(row[SEQUENCE]) for row in some], place=places[start:].__getitem__))
        labels += [int(row["label"]) for row in some]
    if not codes:
        raise BadInput("a part without rows", wanted="sequences with labels", where=path)
    return Labelled(path, "label", Sequences.concat(codes), np.array(names)[labels], np.full(len(rows), ""), places)


def _text(value: str | bytes) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
