"""Equivariant networks by their papers' names; the last layer's ten filters are the logits."""

from __future__ import annotations

from arch.variants.published import Variant


def _all_cnn(group: str, first: int, second: int, source: str) -> Variant:
    """All-CNN-C of Springenberg et al. 2015 over a group: three and five layers, and the logits."""
    widths = (first,) * 3 + (second,) * 5 + (10,)
    options = {"group": group, "widths": widths, "pointwise": 2, "pool_after": (3, 6)}
    return Variant("group_cnn", options, (32, 32, 3), 0, "none", source)


VARIANTS: dict[str, Variant] = {
    "p4_all_cnn": _all_cnn("p4", 48, 96, "Cohen 2016, table 2: 1.37 M parameters"),
    "p4m_all_cnn": _all_cnn("p4m", 32, 64, "Cohen 2016, table 2: 1.22 M parameters"),
}
