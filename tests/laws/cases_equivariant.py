"""A tiny instance of every builder and layer of the equivariant families, and of the layers that only regularise."""

from __future__ import annotations

from typing import Any

from tests.laws.case import Case

CASES: dict[str, Case] = {}

LAYERS: dict[str, dict[str, Any]] = {
    "arch.regularisation.AlternatingFlip": {"seed": 5},
    "arch.regularisation.Cutout": {"size": 3, "seed": 5},
    "arch.regularisation.ShakeShake": {"seed": 5},
}
