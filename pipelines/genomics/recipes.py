"""The named runs of genomics; the first is what `train` takes."""

from __future__ import annotations

from typing import Any

from data.genomics import GenomicsData
from pipelines.run import FineTuning, Model, Run


def _recipe(
    name: str, builder: str, options: dict[str, Any], fit: FineTuning, source: str, result: str = "", **further: Any
) -> tuple[str, Run]:
    fields: dict[str, Any] = {"source": source, "result": result} | further
    return name, Run("genomics", name, GenomicsData(), Model(builder, options), fit, **fields)


RECIPES: dict[str, Run] = dict(
    [
        _recipe(
            "wide_deep",
            "wide_deep",
            {},
            FineTuning(epochs=20, batch_size=64, learning_rate=2e-3, weight_decay=0.2, warmup=0.05, keep="last"),
            "after Cheng et al. 2016, Wide & Deep Learning; here the wide path reads positional k-mers",
            "splice junctions, --folds 10: test accuracy 96.67 % (sd 1.23), positional regression 95.34 (1.40)",
        ),
        _recipe(
            "positional_cnn",
            "positional_cnn",
            {},
            FineTuning(epochs=12, batch_size=256, learning_rate=2e-3, weight_decay=0.2, warmup=0.05, keep="last"),
            "residual convolutions of He et al. 2016b, read out by weights of each place as in LeCun 1989",
            "GUE prom_300_tata, 5 seeds: MCC x 100 on test 82.9 (sd 1.4), wide_deep 77.7, DNABERT-2 71.6",
        ),
        _recipe(
            "cnn",
            "cnn",
            {},
            FineTuning(epochs=30, batch_size=64, learning_rate=2e-3, weight_decay=1e-2),
            "Zeng et al. 2016, Convolutional neural network architectures for predicting DNA-protein binding",
        ),
        _recipe(
            "basset",
            "regulatory_cnn",
            {
                **{"widths": (300, 200, 200), "kernel_size": (19, 11, 7), "pool_size": (3, 4, 4)},
                **{"dense": (1000, 1000), "dropout": 0.3},
            },
            FineTuning(epochs=30, batch_size=128, learning_rate=1e-3, weight_decay=1e-2),
            "Kelley, Snoek and Rinn 2016, Basset: learning the regulatory code of the accessible genome",
        ),
        _recipe(
            "deepstarr",
            "regulatory_cnn",
            {},
            FineTuning(epochs=30, batch_size=128, learning_rate=2e-3, optimizer="adam", patience=10),
            "de Almeida et al. 2022, DeepSTARR predicts enhancer activity from DNA sequence",
        ),
        _recipe(
            "danq",
            "conv_lstm",
            {},
            FineTuning(epochs=20, batch_size=100, learning_rate=1e-3, clip_norm=1.0),
            "Quang and Xie 2016, DanQ: a hybrid convolutional and recurrent deep neural network",
        ),
        _recipe(
            "gated_branches",
            "gated_branches",
            {},
            FineTuning(epochs=30, batch_size=64, learning_rate=1e-3, weight_decay=1e-2),
            "after Bo et al. 2025, Revisiting convolution architecture in the realm of DNA foundation models",
        ),
        _recipe(
            "kmer_deep",
            "kmer_deep",
            {},
            FineTuning(epochs=12, batch_size=128, learning_rate=1e-3, weight_decay=0.1, keep="last"),
            "after Cheng et al. 2016 and Ghandi et al. 2014 (gkm-SVM): counts of words beside a convnet",
            "GUE tf_0, both strands, one seed: MCC x 100 on dev 60.6, k-mer regression 58.8, plain convnets 46 to 54",
        ),
        _recipe(
            "spectrum",
            "spectrum",
            {},
            FineTuning(epochs=20, batch_size=128, learning_rate=1e-3, weight_decay=0.3, keep="last"),
            "the words of Leslie et al. 2002, The spectrum kernel, read by a dense layer",
            "GUE tf_0, of words of five, with gapped_spectrum and kmer_deep, 5 seeds: MCC x 100 on test 67.0 (sd 0.8)",
        ),
        _recipe(
            "gapped_spectrum",
            "spectrum",
            {"span": 8},
            FineTuning(epochs=20, batch_size=128, learning_rate=1e-3, weight_decay=0.3, keep="last"),
            "the words of Ghandi et al. 2014 (gkm-SVM), six letters of eight, read by a dense layer",
            "GUE mouse_0 with spectrum and kmer_deep, 5 seeds: MCC x 100 on test 60.9 (sd 0.9), DNABERT-2 56.8",
        ),
        _recipe(
            "resnet",
            "resnet",
            {},
            FineTuning(epochs=30, batch_size=64, learning_rate=2e-3, weight_decay=1e-2),
            "He et al. 2016 on one axis; residual convnets on DNA as in Jaganathan et al. 2019 (SpliceAI)",
        ),
        _recipe(
            "tcn",
            "tcn",
            {},
            FineTuning(epochs=30, batch_size=64, learning_rate=2e-3, weight_decay=1e-2),
            "Bai et al. 2018, not causal: a sequence is known whole",
        ),
        _recipe(
            "lstm",
            "recurrent",
            {"cell": "lstm", "bidirectional": True},
            FineTuning(epochs=30, batch_size=64, learning_rate=3e-3, clip_norm=1.0),
            "Hochreiter and Schmidhuber 1997; both directions as in Graves and Schmidhuber 2005",
        ),
        _recipe(
            "gru",
            "recurrent",
            {"cell": "gru", "bidirectional": True},
            FineTuning(epochs=30, batch_size=64, learning_rate=3e-3, clip_norm=1.0),
            "Cho et al. 2014; both directions",
        ),
        _recipe(
            "transformer",
            "transformer_encoder",
            {},
            FineTuning(epochs=40, batch_size=64, learning_rate=1e-3, weight_decay=1e-2, warmup=0.2),
            "Vaswani et al. 2017, pre-norm as in Xiong et al. 2020",
        ),
        _recipe(
            "ensemble",
            "wide_deep",
            {},
            FineTuning(epochs=20, batch_size=64, learning_rate=2e-3, weight_decay=0.2, warmup=0.05, keep="last"),
            "five wide and deep networks from different seeds, averaged: Lakshminarayanan et al. 2017",
            seeds=5,
            combine="mean",
        ),
    ]
)
