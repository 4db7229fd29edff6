"""A tiny instance of every builder and layer for the laws. Sizes are different primes: no axis mix-up passes."""

from __future__ import annotations

from typing import Any

from tests.laws import cases_convnets, cases_equivariant, cases_forecast, cases_graphs
from tests.laws.case import Case

CASES: dict[str, Case] = {
    "mlp": Case(
        (7, 3),
        {"widths": (5, 11), "norm": "batch", "dropout": 0.2},
        ({"widths": ()}, {"widths": (5, 0)}, {"dropout": 1.0}, {"dropout": -0.1}),
    ),
    "cnn": Case(
        (11, 13, 3),
        {"widths": (5, 7), "depth": 2, "kernel_size": (3, 5), "dropout": 0.2},
        (
            {"widths": (0,)},
            {"depth": 0},
            {"kernel_size": (3, 3, 3, 3)},
            {"kernel_size": ()},
            {"pool_size": 0},
            {"pool_size": 5, "widths": (3, 3, 3)},
            {"dropout": 1.5},
        ),
    ),
    "resnet": Case(
        (11, 13, 3),
        {"blocks": (1, 2), "width": 5, "block": "bottleneck", "se_ratio": 0.25, "drop_path": 0.2},
        (
            {"blocks": ()},
            {"blocks": (1, 0)},
            {"width": -3},
            {"se_ratio": -0.5},
            {"drop_path": 1.0},
            {"stem": "imagenet", "blocks": (1, 1, 1)},
        ),
    ),
    "resnext": Case(
        (17, 3),
        {"blocks": (1, 1), "cardinality": 3, "group_width": 2, "width": 5},
        ({"cardinality": 0}, {"group_width": -2}, {"width": 0}, {"blocks": (1, 1, 1, 1, 1, 1)}),
    ),
    "wide_resnet": Case(
        (11, 7, 3),
        {"blocks": (1, 1), "widen": 2, "width": 5, "dropout": 0.2},
        ({"widen": 0}, {"width": 0}, {"dropout": -0.2}, {"drop_path": 2.0}, {"se_ratio": 1.5}),
    ),
    "tcn": Case(
        (11, 3),
        {"width": 5, "dilations": (1, 2), "activation": "gated", "dropout": 0.2},
        ({"width": 0}, {"dilations": ()}, {"dilations": (1, 0)}, {"kernel_size": 4}, {"dropout": 1.0}),
    ),
    "recurrent": Case(
        (7, 3),
        {"cell": "gru", "units": (5, 2), "bidirectional": True, "dropout": 0.2, "pool": "average"},
        ({"units": ()}, {"units": (5, -1)}, {"dropout": 1.0}),
    ),
    "transformer_encoder": Case(
        (7, 3),
        {"depth": 2, "width": 20, "heads": 5, "expansion": 2},
        ({"depth": 0}, {"width": 7, "heads": 3}, {"heads": 0}, {"expansion": 0}, {"dropout": -0.1}),
    ),
    "positional_cnn": Case(
        (11, 4),
        {"width": 5, "kernel_size": 3, "blocks": 2, "window": 3, "reads": 2, "units": 7, "dropout": 0.2},
        (
            {"width": 0},
            {"kernel_size": 0},
            {"blocks": -1},
            {"window": 0},
            {"reads": 0},
            {"units": 0},
            {"dropout": 1.0},
        ),
    ),
    "spectrum": Case(
        (11, 4),
        {"letters": 3, "span": 5, "units": 7, "dropout": 0.2},
        (
            {"letters": 1},
            {"span": 2},
            {"span": 13},
            {"units": 0},
            {"scale": 0.0},
            {"dropout": 1.0},
        ),
    ),
    "kmer_deep": Case(
        (11, 4),
        {"kmers": (1, 2), "gaps": (3,), "widths": (5,), "kernel_size": 3, "units": 7, "dropout": 0.2},
        (
            {"kmers": ()},
            {"kmers": (2, 2)},
            {"kmers": (13,)},
            {"gaps": (0,)},
            {"gaps": (2, 2)},
            {"gaps": (7,)},
            {"widths": ()},
            {"kernel_size": 0},
            {"units": 0},
            {"dropout": 1.0},
            {"wide_dropout": -0.1},
        ),
    ),
    "wide_deep": Case(
        (11, 4),
        {"kmers": (1, 2), "widths": (5,), "kernel_size": 3, "pool_size": 3, "units": 7, "dropout": 0.2},
        (
            {"kmers": ()},
            {"kmers": (2, 2)},
            {"kmers": (13,)},
            {"widths": (0,)},
            {"kernel_size": 0},
            {"pool_size": 0},
            {"units": 0},
            {"wide_dropout": 1.0},
        ),
    ),
    "regulatory_cnn": Case(
        (11, 3),
        {"widths": (5, 7), "kernel_size": (5, 3), "pool_size": (2, 1), "dense": (5, 7), "dropout": 0.2},
        (
            {"widths": (5,)},
            {"widths": (0, 1), "kernel_size": (3, 3), "pool_size": (2, 2)},
            {"kernel_size": (3,)},
            {"pool_size": (2, 2, 13), "widths": (5, 5, 5), "kernel_size": (3, 3, 3)},
            {"dense": ()},
            {"dropout": 1.0},
        ),
    ),
    "conv_lstm": Case(
        (13, 3),
        {
            **{"filters": 7, "kernel_size": 5, "pool_size": 3, "units": 2, "dense": 5},
            **{"dropout": 0.2, "recurrent_dropout": 0.3},
        },
        (
            {"filters": 0},
            {"kernel_size": 0},
            {"pool_size": 17},
            {"units": 0},
            {"dense": -1},
            {"dropout": 1.0},
            {"recurrent_dropout": -0.1},
        ),
    ),
    "gated_branches": Case(
        (13, 3),
        {"width": 5, "dilations": (1, 2), "kernel_size": 3, "dropout": 0.2},
        ({"width": 0}, {"dilations": ()}, {"dilations": (1, 0)}, {"kernel_size": 0}, {"dropout": 1.0}),
    ),
    **cases_convnets.CASES,
    **cases_equivariant.CASES,
    **cases_forecast.CASES,
    **cases_graphs.CASES,
}

LAYERS: dict[str, dict[str, Any]] = {
    # layer class: one value for each of its own arguments, none of them the default
    "arch.blocks.Unmask": {},
    "arch.kernels.normalization.BatchNormalization": {"momentum": 0.7, "epsilon": 0.01},
    "arch.dna.KMers": {"k": 3},
    "arch.kmer_deep.WordCounts": {"k": 3, "gap": 2},
    "arch.kmer_deep.SteadyRoot": {},
    "arch.spectrum.GappedWordCounts": {"k": 3, "span": 5},
    "arch.dna.OneHotBases": {"masked": True},
    "arch.dna.ReverseComplement": {},
    "arch.ensemble.Mixture": {"shares": (0.25, 0.75), "outputs": "values"},
    "arch.residual.PaddedShortcut": {"filters": 7, "strides": 3},
    "arch.sequences.SequenceConv1D": {"filters": 7, "kernel_size": (5,), "padding": "causal"},
    "arch.sequences.SequenceMaxPool1D": {"pool_size": (3,), "padding": "same"},
    "arch.sequences.SequencePool": {"kind": "max"},
    "arch.tcn.GatedActivation": {},
    "arch.transformer.LearnedPositions": {},
    "arch.transformer.SelfAttention": {"heads": 3, "rotary": True},
    "arch.transformer.SinusoidalPositions": {},
    **cases_convnets.LAYERS,
    **cases_equivariant.LAYERS,
    **cases_forecast.LAYERS,
    **cases_graphs.LAYERS,
}
