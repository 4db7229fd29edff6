"""The named runs of economics; the first is what `train` takes."""

from __future__ import annotations

from typing import Any

from data.economics import EconomicsData
from pipelines.economics.fit import EconomicsFit
from pipelines.run import Model, Run

M3 = EconomicsData(val_share=0.2)
"""M3's quarterly series; four fifths of them are learnt from up to their test values."""
BESIDE = ("theta", "dynamic_theta", "damped_trend", "drift")


def _recipe(
    name: str, builder: str, options: dict[str, Any], fit: EconomicsFit, source: str, **further: Any
) -> tuple[str, Run]:
    fields: dict[str, Any] = {"data": M3, "source": source} | further
    return name, Run("economics", name, model=Model(builder, options), fit=fit, **fields)


def _fit(**changes: Any) -> EconomicsFit:
    """Adam along half a cosine, as many epochs as it takes, the last weights kept."""
    usual: dict[str, Any] = {
        "epochs": 15,
        "batch_size": 256,
        "learning_rate": 2e-3,
        "warmup": 0.05,
        "optimizer": "adam",
        "keep": "last",
    }
    return EconomicsFit(**(usual | changes))


RECIPES: dict[str, Run] = dict(
    [
        _recipe(
            "ensemble",
            "nbeats",
            {"blocks": 2, "width": 64, "depth": 2, "members": 24},
            _fit(beside=BESIDE),
            "the median of small N-BEATS (Oreshkin et al. 2020), averaged with that of four statistical methods",
            result="M3: sMAPE 12.37 over all points (sd 0.004, 3 seeds); Theta in the same table 13.08",
        ),
        _recipe(
            "nbeats",
            "nbeats",
            {"basis": "interpretable", "blocks": 2, "width": 64, "depth": 2, "members": 4},
            _fit(),
            "Oreshkin et al. 2020, N-BEATS: neural basis expansion analysis for interpretable forecasting",
        ),
        _recipe(
            "nhits",
            "nhits",
            {"pools": (4, 2, 1), "width": 64, "members": 4},
            _fit(),
            "Challu et al. 2023, N-HiTS: neural hierarchical interpolation for time series forecasting",
        ),
        _recipe(
            "dlinear",
            "dlinear",
            {"kernel_size": 5},
            _fit(learning_rate=1e-3),
            "Zeng et al. 2023, Are transformers effective for time series forecasting",
        ),
        _recipe(
            "tcn",
            "tcn",
            {"causal": True, "width": 32, "dilations": (1, 2, 4), "pool": "last"},
            _fit(),
            "Bai et al. 2018, causal; a line from its newest features to all steps",
        ),
        _recipe(
            "lstm",
            "recurrent",
            {"cell": "lstm", "units": (64,)},
            _fit(clip_norm=1.0),
            "Hochreiter and Schmidhuber 1997; a line from the last state to all steps",
        ),
        _recipe(
            "seq2seq",
            "seq2seq",
            {"units": 64},
            _fit(clip_norm=1.0, intervals="quantiles"),
            "Bahdanau et al. 2015: encoder, attention, decoder; quantiles as Wen et al. 2017",
        ),
        _recipe(
            "esrnn",
            "esrnn",
            {"units": 40, "dilations": (1, 2, 4, 8)},
            _fit(clip_norm=1.0),
            "after Smyl 2020, A hybrid method of exponential smoothing and recurrent neural networks",
        ),
        _recipe(
            "patchtst",
            "patchtst",
            {"patch": 4, "stride": 2, "width": 64},
            _fit(learning_rate=1e-3, weight_decay=1e-2, optimizer="adamw"),
            "Nie et al. 2023, A time series is worth 64 words",
        ),
        _recipe(
            "macrodata",
            "dlinear",
            {"kernel_size": 5},
            _fit(learning_rate=1e-3, beside=BESIDE),
            "ten series of the United States 1959 to 2009; Zeng et al. 2023 beside statistical methods",
            data=EconomicsData(name="macrodata", draws=64),
        ),
    ]
)
