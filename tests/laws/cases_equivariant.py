"""A tiny instance of every builder and layer of the equivariant families, and of the layers that only regularise."""

from __future__ import annotations

from typing import Any

from tests.laws.case import Case

CASES: dict[str, Case] = {
    "group_cnn": Case(
        (11, 13, 3),
        {"group": "p4", "widths": (5, 2, 7), "kernel_size": (5, 5), "pointwise": 1, "pool_after": (1,), "dropout": 0.2},
        (
            {"widths": ()},
            {"widths": (5, 0)},
            {"kernel_size": (3, 5)},
            {"kernel_size": (4, 4)},
            {"kernel_size": (3,)},
            {"pointwise": 3},
            {"pool_after": (4,)},
            {"pool_after": (1, 2, 3), "kernel_size": (3, 3), "widths": (2,) * 4, "pointwise": -1},
            {"dropout": 1.0},
        ),
    ),
    "steerable_cnn": Case(
        (11, 13, 3),
        {"orders": 2, "widths": (5, 7), "kernel_size": (3, 3), "pool_after": (1,), "dropout": 0.2},
        (
            {"orders": 0},
            {"widths": (0,)},
            {"kernel_size": (5, 3)},
            {"kernel_size": (1, 1)},
            {"pool_after": (3,)},
            {"pool_after": (-1,)},
            {"dropout": -0.1},
        ),
    ),
    "tensor_field": Case(
        (7, 5),
        {"depth": 2, "width": 11, "radial": 3, "cutoff": 3.0, "dropout": 0.2},
        ({"depth": 0}, {"width": 0}, {"highest": 3}, {"highest": -1}, {"radial": 0}, {"cutoff": 0.0}, {"dropout": 1.0}),
    ),
}

LAYERS: dict[str, dict[str, Any]] = {
    "arch.planar_groups.GroupBatchNormalization": {"group": "p4"},
    "arch.planar_groups.GroupConv2D": {"filters": 7, "kernel_size": (5, 5), "group": "p4", "use_bias": True},
    "arch.planar_groups.GroupPooling2D": {"group": "p4"},
    "arch.planar_groups.LiftingConv2D": {"filters": 7, "kernel_size": (5, 5), "group": "p4", "use_bias": True},
    "arch.regularisation.AlternatingFlip": {"seed": 5},
    "arch.regularisation.Cutout": {"size": 3, "seed": 5},
    "arch.regularisation.ShakeShake": {"seed": 5},
    "arch.steerable.Magnitudes": {"orders": 3},
    "arch.steerable.Remodulate": {"orders": 3},
    "arch.steerable.SteerableConv2D": {"filters": 7, "kernel_size": (5, 5), "orders": 3, "given": 2},
    "arch.tensor_field.DegreeGate": {"highest": 1},
    "arch.tensor_field.Invariants": {"highest": 1},
    "arch.tensor_field.Scalars": {"highest": 1},
    "arch.tensor_field.TensorFieldConv": {"filters": 7, "highest": 1, "radial": 5, "cutoff": 3.0},
}
