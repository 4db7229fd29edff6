"""The named runs of genomics; the first is what `train` takes."""

from __future__ import annotations

from typing import Any

from data.genomics import GenomicsData
from pipelines.run import Fit, Model, Run


def _recipe(
    name: str, builder: str, options: dict[str, Any], fit: Fit, source: str, result: str = ""
) -> tuple[str, Run]:
    return name, Run("genomics", name, GenomicsData(), Model(builder, options), fit, source=source, result=result)


RECIPES: dict[str, Run] = dict(
    [
        _recipe(
            "wide_deep",
            "wide_deep",
            {},
            Fit(epochs=20, batch_size=64, learning_rate=2e-3, weight_decay=0.2, warmup=0.05, keep="last"),
            "after Cheng et al. 2016, Wide & Deep Learning; here the wide path reads positional k-mers",
            "splice junctions, --folds 10: test accuracy 96.67 % (sd 1.23), positional regression 95.34 (1.40)",
        ),
        _recipe(
            "cnn",
            "cnn",
            {},
            Fit(epochs=30, batch_size=64, learning_rate=2e-3, weight_decay=1e-2),
            "Zeng et al. 2016, Convolutional neural network architectures for predicting DNA-protein binding",
        ),
        _recipe(
            "resnet",
            "resnet",
            {},
            Fit(epochs=30, batch_size=64, learning_rate=2e-3, weight_decay=1e-2),
            "He et al. 2016 on one axis; residual convnets on DNA as in Jaganathan et al. 2019 (SpliceAI)",
        ),
        _recipe(
            "tcn",
            "tcn",
            {},
            Fit(epochs=30, batch_size=64, learning_rate=2e-3, weight_decay=1e-2),
            "Bai et al. 2018, not causal: a sequence is known whole",
        ),
        _recipe(
            "lstm",
            "recurrent",
            {"cell": "lstm", "bidirectional": True},
            Fit(epochs=30, batch_size=64, learning_rate=3e-3, clip_norm=1.0),
            "Hochreiter and Schmidhuber 1997; both directions as in Graves and Schmidhuber 2005",
        ),
        _recipe(
            "gru",
            "recurrent",
            {"cell": "gru", "bidirectional": True},
            Fit(epochs=30, batch_size=64, learning_rate=3e-3, clip_norm=1.0),
            "Cho et al. 2014; both directions",
        ),
        _recipe(
            "transformer",
            "transformer_encoder",
            {},
            Fit(epochs=40, batch_size=64, learning_rate=1e-3, weight_decay=1e-2, warmup=0.2),
            "Vaswani et al. 2017, pre-norm as in Xiong et al. 2020",
        ),
    ]
)
