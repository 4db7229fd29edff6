"""Images: pictures to classes. Light: names, flags and recipes; the work is in `task`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from data.errors import counted
from data.image_requests import labelled_rows, requests
from data.images import ImagesData, folds, load
from data.splits import Splits
from pipelines.domain import Domain, Verb
from pipelines.images.fit import ImagesFit
from pipelines.images.recipes import RECIPES
from pipelines.run import Run

SHOWN = 5  # broken files that are named
NAMED = 12  # classes; more would fill the terminal


def _folds(run: Run, splits: Splits, k: int) -> Iterator[Splits]:
    return folds(splits, k, seed=run.seed, val_fraction=run.data.val_fraction)


def _about(meta: Mapping[str, Any]) -> list[str]:
    kind = "colour" if meta["channels"] == 3 else "grey"
    mirror = "mirror images keep their label" if meta["mirror"] else "never mirrored"
    lines = ["classes: " + ", ".join(meta["classes"])] if len(meta["classes"]) <= NAMED else []
    lines += [f"{meta['height']} x {meta['width']} pixels, {kind}, {mirror} (--data.mirror)"]
    for key, told in (("found", "converted"), ("others", "not looked at")):
        if found := meta[key]:
            lines.append(f"{told}: " + ", ".join(f"{count:,} {what}" for what, count in found.items()))
    found = meta["duplicates"]
    repeats, gone = sum(found["repeats"].values()), sum(found["removed"].values())
    shared = "".join(f", {count:,} {pair}" for pair, count in found["shared"].items() if count)
    clashes = found["contradictory"]["contents"]
    if repeats or shared or clashes:
        under = f", {counted(clashes, 'picture')} under two labels" if clashes else ""
        stand = f"{counted(repeats, 'picture')} {'stands' if repeats == 1 else 'stand'} twice"
        lines.append(f"{stand}{shared}{under}: {gone:,} removed")
    if corrupt := meta["corrupt"]:
        lines.append(f"left out, since they cannot be read: {len(corrupt):,}")
        lines += [f"  {line}" for line in corrupt[:SHOWN]]
        lines += [f"  and {len(corrupt) - SHOWN:,} more, listed in the run's record.jsonl"] if corrupt[SHOWN:] else []
    return lines


DOMAIN = Domain(
    name="images",
    summary="pictures to classes: digits, published sets, folders of photographs",
    data=ImagesData,
    load=load,
    folds=_folds,
    rows=labelled_rows,
    requests=requests,
    recipes=RECIPES,
    task_module="pipelines.images.task",
    about=_about,
    facts=("height", "width", "channels", "mirror"),
    fit=ImagesFit,
    verbs={
        "explain": Verb(
            "explain [MODEL] PICTURE_OR_FOLDER ... [--out FOLDER] [--json]    which places of a picture decided",
            "pipelines.images.explain",
        ),
        "robustness": Verb(
            "robustness [MODEL] [FOLDER] [--json]    accuracy on pictures that are noisy, blurred, dark ...",
            "pipelines.images.robustness",
        ),
        "describe": Verb(
            "describe [RECIPE] [--json]    parameters, layer by layer, on the recipe's data",
            "pipelines.describe.recipe",
        ),
    },
)
