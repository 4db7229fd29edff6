"""Numbers that look random and are a pure function of others: SplitMix64 (Steele, Lea and Flood 2014)."""

from __future__ import annotations

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden section, the step of SplitMix64
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))


def mixed(values: np.ndarray) -> np.ndarray:
    """The mixing of 64-bit numbers, in place: every bit depends on every bit."""
    for shift, factor in zip(_SHIFTS, _FACTORS, strict=False):
        values ^= values >> shift
        values *= factor
    values ^= values >> _SHIFTS[2]
    return values
