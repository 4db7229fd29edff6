"""How much each base of a sequence does for an answer: by changing it, or by gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from arch.attribution import integrated_gradients
from arch.kernels import compiled
from data.sequences import BASES, decode

NUMBERS = 1 << 21  # bases that are computed at a time


class Importance(NamedTuple):
    """What was found of some sequences for one answer.

    Attributes:
        effects: (rows, length, 4) change of the score when A, C, G or T comes in place of what stands there; of
            gradients, what each base would contribute there.
        contributions: (rows, length) of the bases that stand there; 0 in the padding.
    """

    effects: np.ndarray
    contributions: np.ndarray


class Explained(NamedTuple):
    """A sequence and what its bases do.

    Attributes:
        row: counted from 0.
        name: by which a reader finds it again.
        text: its bases.
        contributions: (length,) of the bases that stand there.
        effects: (length, 4) of A, C, G, T in their place.
    """

    row: int
    name: str
    text: str
    contributions: np.ndarray
    effects: np.ndarray


class Some(NamedTuple):
    """Sequences of which it was found what their bases do.

    Attributes:
        rows: of all sequences, rising.
        names: of each.
        codes: (rows, length).
        scores: (rows,).
        found: what their bases do.
    """

    rows: np.ndarray
    names: Sequence[str]
    codes: np.ndarray
    scores: np.ndarray
    found: Importance

    def at(self, rows: Any) -> np.ndarray:
        """Where rows of all sequences stand among these."""
        return np.searchsorted(self.rows, rows)

    def sequence(self, row: int) -> Explained:
        """One of them."""
        at = int(self.at(row))
        (text,) = decode(self.codes[at : at + 1])
        contributions, effects = self.found.contributions[at, : len(text)], self.found.effects[at, : len(text)]
        return Explained(row, self.names[at], text, contributions, effects)


def score_of(target: str, answer: int) -> Callable[[Any], Any]:
    """Outputs of the model to (rows,): log odds of a class against all others, the logit of a label, or the value."""
    if target != "class":
        return lambda outputs: outputs[:, answer]

    def log_odds(logits: Any) -> Any:
        others = [c for c in range(logits.shape[-1]) if c != answer]
        return logits[:, answer] - ops.logsumexp(ops.take(logits, others, axis=1), axis=1)

    return log_odds


def mutagenesis(model: keras.Model, codes: np.ndarray, score: Callable[[Any], Any]) -> Importance:
    """Each base of each sequence is changed into the three others, in the model.

    A base contributes what is lost, on average, by the three changes (Zhou and Troyanskaya 2015, DeepSEA).

    Args:
        model: codes to outputs.
        codes: (rows, length) uint8.
        score: outputs -> (rows,).
    """
    rows, length = codes.shape
    scored = compiled(lambda batch: score(model({"sequence": batch}, training=False)))
    size = max(1, NUMBERS // length)
    before = _in_batches(scored, codes, size)
    effects = np.zeros((rows, length, 4), np.float32)
    changes = np.nonzero((codes != 0)[..., None] & (codes[..., None] != BASES))
    for start in range(0, len(changes[0]), size):
        row, place, base = (numbers[start : start + size] for numbers in changes)
        changed = codes[row]
        changed[np.arange(len(row)), place] = BASES[base]
        effects[row, place, base] = _in_batches(scored, changed, size) - before[row]
    return Importance(effects, -effects.sum(2) / 3 * (codes != 0))


def _in_batches(scored: Callable[[Any], Any], codes: np.ndarray, size: int) -> np.ndarray:
    """Scores of all rows; the last batch is filled up, so that one shape alone is compiled."""
    found = []
    for start in range(0, len(codes), size):
        batch = codes[start : start + size]
        whole = np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), axis=0)]) if start else batch
        found.append(ops.convert_to_numpy(scored(ops.convert_to_tensor(whole)))[: len(batch)])
    return np.concatenate(found)


def gradients(model: keras.Model, codes: np.ndarray, score: Callable[[Any], Any]) -> Importance:
    """Integrated gradients from a sequence of which nothing is known, a quarter of each base, to the one that stands.

    Args:
        model: with a layer `bases` that makes of codes probabilities of bases, (rows, length, 4).
        codes: (rows, length) uint8, without padding.
        score: outputs -> (rows,).
    """
    bases = model.get_layer("bases")
    tail = keras.Model(bases.output, model.output)
    x = ops.convert_to_numpy(bases(codes))
    found = integrated_gradients(lambda x: score(tail(x, training=False)), x, np.full(x.shape[1:], 0.25, np.float32))
    per_base = np.divide(found, x - 0.25, out=np.zeros_like(found), where=x != 0.25)  # the mean gradient
    return Importance(per_base - per_base.mean(2, keepdims=True), found.sum(2))


METHODS: Mapping[str, Callable[..., Importance]] = {"mutagenesis": mutagenesis, "gradients": gradients}


def answers(model: keras.Model, codes: np.ndarray, size: int = 512) -> np.ndarray:
    """The model's outputs for all rows."""
    run: Callable[[Any], Any] = compiled(lambda batch: model({"sequence": batch}, training=False))
    parts: Sequence[Any] = [run(codes[start : start + size]) for start in range(0, len(codes), size)]
    return np.concatenate([ops.convert_to_numpy(part) for part in parts])
