"""Genomics: sequences of bases to classes. Light: names, flags and recipes; the work is in `task`."""

from __future__ import annotations

from collections.abc import Iterator

from data.genomics import GenomicsData, folds, labelled_rows, load, requests
from data.splits import Splits
from pipelines.domain import Domain
from pipelines.genomics.recipes import RECIPES
from pipelines.run import Run


def _folds(run: Run, splits: Splits, k: int) -> Iterator[Splits]:
    return folds(splits, k, seed=run.seed, val_fraction=run.data.val_fraction, shared_kmers=run.data.shared_kmers)


DOMAIN = Domain(
    name="genomics",
    summary="DNA sequences to classes: splice junctions, promoters, binding sites",
    data=GenomicsData,
    load=load,
    folds=_folds,
    rows=labelled_rows,
    requests=requests,
    recipes=RECIPES,
    task_module="pipelines.genomics.task",
)
