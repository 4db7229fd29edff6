"""Sequences into train, val and test: as given, by chromosome, or at random with kin kept together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from data import folds as folding
from data.errors import BadInput, counted
from data.given import PARTS
from data.kmers import kmer_groups
from data.splits import Rows
from data.targets import strata


class Rule(NamedTuple):
    """How rows that are not given as parts are divided.

    Attributes:
        fractions: part -> share that is held out at random.
        chromosomes: part -> chromosomes that are held out; none: at random.
        shared_kmers: rows that share a k-mer of this length stay together; 0 does not group.
        seed: decides what is random.
    """

    fractions: Mapping[str, float]
    chromosomes: Mapping[str, Sequence[str]]
    shared_kmers: int
    seed: int


def divide(parts: Mapping[str, Rows], places: np.ndarray, rule: Rule) -> tuple[dict[str, Rows], str]:
    """The three parts: those given, and what is missing held out of what there is to learn from.

    Args:
        parts: `all`, or `train` with or without `val` and `test`.
        places: (rows,) chromosome of each row of `all` or `train`.
        rule: how.

    Returns:
        The parts, and the rule in words.

    Raises:
        BadInput: shares that leave nothing, chromosomes that no row is on, rules that exclude each other.
    """
    _check_rule(parts, rule)
    missing = [part for part in ("val", "test") if part not in parts]
    if not missing:
        return {part: parts[part] for part in PARTS}, "files as given"
    whole = parts["all"] if "all" in parts else parts["train"]
    if any(rule.chromosomes.values()):
        pieces, told = _by_chromosome(places, {part: rule.chromosomes[part] for part in missing})
    else:
        pieces, told = _at_random(whole, {part: rule.fractions[part] for part in missing}, rule)
    given = f"; given: {', '.join(parts)}" if "all" not in parts else ""
    found = {**parts, **{part: folding.subset(whole, rows) for part, rows in pieces.items()}}
    return {part: found[part] for part in PARTS}, told + given


def _check_rule(parts: Mapping[str, Rows], rule: Rule) -> None:
    """Refuse a rule that would not be followed, since what it holds apart would be learnt from."""
    for part in ("val", "test"):
        if part in parts and rule.chromosomes[part]:
            wanted = f"data.{part} or data.{part}_chromosomes"
            raise BadInput(f"{part} is both a file and chromosomes", wanted=wanted, got="both")
    if rule.shared_kmers and any(rule.chromosomes.values()):
        wanted = "data.shared_kmers, or chromosomes that are held out"
        raise BadInput("one split by two rules", wanted=wanted, got="both")


def _at_random(whole: Rows, shares: Mapping[str, float], rule: Rule) -> tuple[dict[str, np.ndarray], str]:
    groups = kmer_groups(whole["sequence"], rule.shared_kmers) if rule.shared_kmers else None
    pieces, told = folding.carved(strata(whole["label"]), shares, seed=rule.seed, groups=groups)
    if groups is None:
        return pieces, told
    for part, rows in pieces.items():
        if not len(rows):
            what = f"rows that share a {rule.shared_kmers}-mer stay together, and leave none for {part}"
            raise BadInput(what, wanted="a longer data.shared_kmers", got=counted(len(np.unique(groups)), "group"))
    return pieces, told + f", rows that share a {rule.shared_kmers}-mer on either strand kept together"


def _by_chromosome(places: np.ndarray, chromosomes: Mapping[str, Sequence[str]]) -> tuple[dict[str, np.ndarray], str]:
    """Rows of the named chromosomes, and of all others to learn from."""
    unnamed = [part for part, names in chromosomes.items() if not names]
    if unnamed:
        wanted = " and ".join(f"data.{part}_chromosomes" for part in chromosomes)
        raise BadInput(f"no chromosome is named for {unnamed[0]}", wanted=wanted, got="the other alone")
    known = sorted(set(places.tolist()) - {""})
    if not known:
        wanted = "names as chr1:100-200 in FASTA, a column chromosome, or BED"
        raise BadInput("rows without a chromosome cannot be split by it", wanted=wanted)
    for name in (name for names in chromosomes.values() for name in names):
        if name not in known:
            raise BadInput("a chromosome without rows", wanted=f"one of {', '.join(known)}", got=repr(name))
    if both := {*chromosomes.get("val", ())} & {*chromosomes.get("test", ())}:
        raise BadInput("a chromosome in val and in test", wanted="one of them", got=", ".join(sorted(both)))
    held = {part: np.flatnonzero(np.isin(places, list(names))) for part, names in chromosomes.items()}
    rest = np.setdiff1d(np.arange(len(places)), np.concatenate(list(held.values())))
    told = ", ".join(f"{part} {' '.join(names)}" for part, names in chromosomes.items())
    nowhere = int((places == "").sum())
    placeless = f"; {counted(nowhere, 'row')} without a chromosome to learn from" if nowhere else ""
    return {"train": rest, **held}, f"by chromosome, held out: {told}{placeless}"
