"""Training steps of convolutional networks beside PyTorch's, and grouped convolution beside Keras' own.

A step is a forward pass in training mode, the loss, and the gradient of every weight, in float32; no weight changes.
Each side lives in a process of its own, PyTorch's under `--torch PYTHON`; they work in turns, some steps at a time,
and the seconds of each pair give one ratio. Compilation and warming up are over before the first pair. PyTorch runs in
both of its memory layouts, and is compared in the faster one. The networks must have equally many weights.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

from peers import Peer, in_turns, ratio_row, serve, table

# name: builder, options, batch
CASES = {
    "resnet20": ("resnet", {"shortcut": "padding"}, 128),
    "resnet18": ("resnet", {"blocks": (2, 2, 2, 2), "width": 64}, 32),
    "mobilenet_v2": ("mobilenet_v2", {}, 32),
    "densenet_bc100": ("densenet", {}, 32),
    "resnext29": ("resnext", {}, 8),
}
LAYOUTS = ("channels_last", "contiguous_format")


def peer(network: str, batch: int, threads: int) -> None:
    """Our side: steps of a network, as many as each line of standard input asks for."""
    import os

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    from arch import builder, heads

    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    name, options, _ = CASES[network]
    model = keras.Model(inputs, heads.multi_class(builder(name)(inputs, **options), 10))
    x = tf.constant(np.random.default_rng(0).normal(size=(batch, 32, 32, 3)).astype("float32"))
    labels = tf.range(batch) % 10

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, model(x, training=True))
            loss = tf.reduce_mean(losses)
        return tape.gradient(loss, model.trainable_variables)

    serve(step, {"parameters": sum(int(tf.size(weight)) for weight in model.trainable_variables)})


def grouped_peer(kind: str, threads: int) -> None:
    """Forward and backward passes of one grouped convolution: 32 groups, 256 channels, 32 x 32, batch 32."""
    import os

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    from arch.kernels.convolution import GroupedConv2D

    kinds = {"ours": GroupedConv2D, "keras": keras.layers.Conv2D}
    layer = kinds[kind](256, 3, groups=32, padding="same", use_bias=False)
    x = tf.constant(np.random.default_rng(0).normal(size=(32, 32, 32, 256)).astype("float32"))
    layer.build(x.shape)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        return y, tape.gradient(y, [x, layer.kernel.value], y)

    serve(step, {"parameters": int(tf.size(layer.kernel))})


def against_torch(case: str, options: argparse.Namespace) -> list[str]:
    """Rows of one network."""
    batch = options.batch or CASES[case][2]
    sizes = {"network": case, "batch": batch, "threads": options.threads}
    ours = Peer(__file__, sizes)
    script = str(Path(__file__).with_name("torch_convnets.py"))
    theirs = {name: Peer(script, {**sizes, "layout": name}, python=options.torch) for name in LAYOUTS}
    try:
        warm = {name: _seconds(peer, options) for name, peer in theirs.items()}
        layout = min(warm, key=warm.__getitem__)
        measured = in_turns(ours, theirs[layout], options.pairs, options.steps, options.steps)
    finally:
        for one in (ours, *theirs.values()):
            one.close()
    weights = {side["parameters"] for pair in measured for side in pair}
    assert len(weights) == 1, f"{case}: the networks differ: {weights}"
    return [ratio_row(f"{case}, batch {batch}, {layout}", measured, what) for what in ("wall", "cpu")]


def _seconds(one: Peer, options: argparse.Namespace) -> float:
    """Of a measurement behind one that warms up."""
    one.epochs(options.steps)
    return statistics.median(one.epochs(options.steps)["wall"] for _ in range(3))


def against_keras(options: argparse.Namespace) -> list[str]:
    """Rows of the grouped convolution."""
    one, other = (Peer(__file__, {"kind": kind, "threads": options.threads}) for kind in ("ours", "keras"))
    try:
        measured = in_turns(one, other, min(options.pairs, 3), 1, 1)
    finally:
        one.close()
        other.close()
    return [ratio_row("grouped convolution against Keras'", measured, what) for what in ("wall", "cpu")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", default="", help="interpreter that has PyTorch; without it, Keras' own alone")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--steps", type=int, default=3, help="in each measurement")
    parser.add_argument("--batch", type=int, default=0, help="instead of each network's own")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cases", nargs="+", default=[*CASES, "grouped"], choices=[*CASES, "grouped"])
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        sizes = json.loads(options.peer)
        return grouped_peer(**sizes) if "kind" in sizes else peer(**sizes)
    rows = []
    for case in options.cases:
        if case == "grouped":
            rows += against_keras(options)
        elif options.torch:
            rows += against_torch(case, options)
        print("\n".join(rows[-2:]), file=sys.stderr)
    print(table("ours", "peer", rows))
    return None


if __name__ == "__main__":
    main()
