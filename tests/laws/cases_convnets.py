"""A tiny instance of every builder and layer of the convnet families, for the laws over the whole table."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.laws.case import Case

# Widths of a twentieth: every family rounds them to the least that it allows.
_NARROW = {"widen": 0.05, "dropout": 0.2}
_SCALED = ({"widen": 0.0}, {"widen": -1.0}, {"dropout": 1.0}, {"stem": "imagenet"})


class Bytes(Case):
    """Numbers are those of pixels, and a side is as long as the network wants it."""

    def symbols(self, side: int | None = None) -> tuple[Any, Any]:
        """Of the smallest pictures, whatever is asked for."""
        return super().symbols(max(32, side) if side else None)

    def rows(self, count: int, seed: int = 1) -> Any:
        """Pictures of noise."""
        return np.random.default_rng(seed).integers(0, 256, (count, *self.shape)).astype("float32")


CASES: dict[str, Case] = {
    "lenet": Case(
        (19, 17, 1),
        {"widths": (3, 5), "units": (7,), "kernel_size": 3},
        ({"widths": ()}, {"widths": (3, 0)}, {"kernel_size": 0}, {"kernel_size": 7}, {"units": (7, 0)}),
    ),
    "alexnet": Case(
        (11, 13, 3),
        {"widths": (3, 5, 7, 5, 3), "units": (11,)},
        ({"widths": (3, 5)}, {"widths": (3, 5, 7, 5, 0)}, {"units": (0,)}, {"dropout": 1.0}, {"stem": "imagenet"}),
    ),
    "vgg": Case(
        (11, 13, 3),
        {"blocks": (1, 2), "width": 5, "units": (7,)},
        ({"blocks": ()}, {"blocks": (1, 0)}, {"width": 0}, {"units": (-1,)}, {"dropout": -0.1}, {"blocks": (1,) * 4}),
    ),
    "gated_resnet": Case(
        (11, 13, 3),
        {"blocks": (1, 1), "width": 5, "dropout": 0.2, "drop_path": 0.2},
        ({"blocks": ()}, {"width": 0}, {"dropout": 1.0}, {"drop_path": -0.1}, {"blocks": (1,) * 5}),
    ),
    "shake_shake": Case(
        (11, 13, 3),
        {"blocks": (1, 1), "width": 5, "stem_width": 3},
        ({"blocks": (0,)}, {"width": 0}, {"stem_width": 0}, {"blocks": (1,) * 5}),
    ),
    "densenet": Case(
        (11, 13, 3),
        {"blocks": (1, 2), "growth_rate": 3, "width": 5, "dropout": 0.2},
        (
            {"blocks": ()},
            {"growth_rate": 0},
            {"width": -2},
            {"expansion": -1},
            {"compression": 0.0},
            {"compression": 1.5},
            {"compression": 0.01},
            {"dropout": 1.0},
            {"blocks": (1,) * 5},
        ),
    ),
    "inception": Case(
        (11, 13, 3),
        {"modules": (1, 1, 1), **_NARROW},
        ({"modules": (1, 1)}, {"modules": (1, -1, 1)}, *_SCALED),
    ),
    "inception_v4": Case(
        (11, 3),
        {"modules": (1, 1, 1), **_NARROW},
        ({"modules": ()}, {"modules": (1, 1, -1)}, *_SCALED),
    ),
    "mobilenet": Case(
        (11, 13, 3),
        {"blocks": (1, 1, 2), **_NARROW},
        ({"blocks": ()}, {"blocks": (1, 0)}, {"blocks": (1,) * 7}, {"widen": 0.0}, {"dropout": 1.0}),
    ),
    "mobilenet_v2": Case(
        (11, 13, 3),
        {"blocks": (1, 1, 2, 1, 1, 1, 1), "expansion": 2, **_NARROW},
        ({"blocks": (1, 1)}, {"blocks": (1, 1, 1, 1, 1, 1, 0)}, {"expansion": 0}, *_SCALED),
    ),
    "mobilenet_v3": Case((11, 13, 3), {"size": "small", **_NARROW}, _SCALED),
    "efficientnet": Case(
        (11, 13, 3),
        {"deepen": 0.5, "drop_path": 0.2, **_NARROW},
        ({"phi": -1.0}, {"deepen": 0.0}, {"drop_path": 1.0}, *_SCALED),
    ),
    "pretrained": Bytes(
        (33, 37, 3),
        {"backbone": "resnet50"},
        ({"backbone": "inception_v3"}, {"backbone": "lenet"}, {"weights": "nowhere.weights.h5"}),
    ),
    "mixnet": Case((11, 13, 3), {"drop_path": 0.2, **_NARROW}, ({"drop_path": 1.0}, *_SCALED)),
    "dilated_cnn": Case(
        (11, 13, 3),
        {"width": 5, "dilations": (1, 2), "dropout": 0.2},
        ({"width": 0}, {"dilations": ()}, {"dilations": (1, 0)}, {"kernel_size": 0}, {"dropout": 1.0}),
    ),
    "deformable_cnn": Case(
        (7, 11, 3),
        {"widths": (3, 5), "deformed": 1, "dropout": 0.2},
        ({"widths": ()}, {"widths": (3, 0)}, {"deformed": 3}, {"deformed": -1}, {"kernel_size": 0}, {"dropout": 1.0}),
    ),
    "locally_connected": Case(
        (7, 11, 3),
        {"widths": (3, 5), "dropout": 0.2},
        ({"widths": ()}, {"widths": (0,)}, {"kernel_size": 0}, {"strides": 0}, {"dropout": 1.0}),
    ),
    "whitened_cnn": Case(
        (11, 13, 3),
        {"widths": (5, 7), "depth": 3, "dropout": 0.2},
        (
            {"widths": ()},
            {"widths": (3, 0)},
            {"depth": 0},
            {"patch": 0},
            {"stem_pool": -1},
            {"stem_pool": 7},
            {"dropout": 1.0},
        ),
    ),
    "vit": Case(
        (7, 11, 3),
        {"patch_size": 3, "depth": 2, "width": 20, "heads": 5, "expansion": 2},
        (
            {"patch_size": 0},
            {"depth": 0},
            {"width": 7, "heads": 3},
            {"heads": 0},
            {"expansion": 0},
            {"dropout": 1.0},
        ),
    ),
}

LAYERS: dict[str, dict[str, Any]] = {
    "arch.deformable.DeformableConv": {"filters": 7, "kernel_size": 5},
    "arch.gates.HighwaySum": {"bias": -1.0},
    "arch.gates.ScalarGate": {},
    "arch.inverted.ChannelShares": {"shares": 3},
    "arch.kernels.convolution.GroupedConv1D": {"filters": 6, "kernel_size": (5,), "groups": 3},
    "arch.kernels.convolution.GroupedConv2D": {"filters": 6, "kernel_size": (5, 3), "groups": 3},
    "arch.kernels.convolution.GroupedConv3D": {"filters": 6, "kernel_size": (5, 3, 1), "groups": 3},
    "arch.shake_shake.Shifted": {},
    "arch.untied.LocallyConnected": {"filters": 7, "kernel_size": 5, "strides": 3},
    "arch.vit.ClassToken": {},
    "arch.vit.TakeToken": {},
    "arch.whitened.WhitenedPatches": {"kernel_size": 3},
}
