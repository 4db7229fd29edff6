"""A tiny instance of every forecaster and layer of arch.forecast, for the laws over the whole table."""

from __future__ import annotations

from typing import Any

from tests.laws.case import Case

CASES: dict[str, Case] = {
    "nbeats": Case(
        (13, 3),
        {"horizon": 5, "basis": "interpretable", "blocks": 1, "width": 11, "depth": 2, "members": 2, "lookbacks": (7,)},
        (
            {"horizon": 0},
            {"blocks": 0},
            {"width": -1},
            {"depth": 0},
            {"members": 0},
            {"lookbacks": (14,)},
            {"lookbacks": (0,)},
        ),
    ),
    "nhits": Case(
        (13, 3),
        {"horizon": 5, "pools": (3, 2), "width": 11, "depth": 1, "members": 2, "lookbacks": (7, 13)},
        ({"horizon": 0}, {"pools": ()}, {"pools": (2, 0)}, {"width": 0}, {"members": -1}, {"lookbacks": (17,)}),
    ),
    "dlinear": Case((13, 3), {"horizon": 5, "kernel_size": 3}, ({"horizon": 0}, {"kernel_size": 0})),
    "nlinear": Case((13, 3), {"horizon": 5}, ({"horizon": -1},)),
    "seq2seq": Case((7, 3), {"horizon": 3, "units": 5, "cell": "lstm"}, ({"horizon": 0}, {"units": 0})),
    "esrnn": Case(
        (7, 3), {"horizon": 3, "units": 5, "dilations": (1, 2)}, ({"horizon": 0}, {"units": 0}, {"dilations": (2, 0)})
    ),
    "patchtst": Case(
        (13, 3),
        {"horizon": 5, "patch": 3, "stride": 2, "depth": 1, "width": 10, "heads": 2},
        ({"patch": 0}, {"patch": 17}, {"stride": 0}, {"width": 7}, {"heads": 0}, {"depth": 0}, {"dropout": 1.0}),
    ),
}

LAYERS: dict[str, dict[str, Any]] = {
    "arch.forecast.answers.Blend": {"shares": (0.25, 0.75), "average": "mean"},
    "arch.forecast.answers.Intervals": {"levels": (0.1, 0.7)},
    "arch.forecast.answers.Unit": {"period": 3},
    "arch.forecast.answers.Unscaled": {"horizon": 5},
    "arch.forecast.covariates.Seasons": {"period": 5, "steps": 7, "first": -3},
    "arch.forecast.covariates.Standardised": {"mean": (1.0, 2.0), "deviation": (0.5, 3.0), "lags": (0, 2)},
    "arch.forecast.esrnn.SkippingLSTM": {"units": 5, "dilation": 3},
    "arch.forecast.heads.Distances": {"levels": (0.1, 0.5, 0.7), "steps": 5, "shape": "normal"},
    "arch.forecast.linear.Trend": {"kernel_size": 3},
    "arch.forecast.members.MemberDense": {"units": 7, "activation": "relu"},
    "arch.forecast.members.Spread": {"members": 3, "seen": (5, 2)},
    "arch.forecast.nbeats.Basis": {"kind": "trend", "steps": 7, "horizon": 5, "past": True},
    "arch.forecast.nhits.Interpolate": {"steps": 7},
    "arch.forecast.nhits.PoolValues": {"size": 3},
    "arch.forecast.patchtst.Patches": {"size": 3, "stride": 2},
    "arch.forecast.scaling.Deseasonalise": {"period": 3, "horizon": 5},
    "arch.forecast.scaling.ScaledWindow": {"window": 7, "unit": "change"},
    "arch.forecast.transforms.Restored": {"kind": "log"},
    "arch.forecast.transforms.Transformed": {"kind": "growth_difference"},
    "arch.forecast.seq2seq.AttentionDecoder": {"units": 5, "horizon": 3, "cell": "lstm"},
    "arch.forecast.statistical.Statistical": {"methods": ("theta", "drift"), "horizon": 5, "period": 3},
}
