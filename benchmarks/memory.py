"""Memory of a training step, measured against what is told before it: `python benchmarks/memory.py`.

Each case trains in a process of its own with the engine's loop. Measured is the most that TensorFlow's allocator holds
at one moment of the third to fifth step, on a GPU where there is one; told is `arch.memory`. Tensors below 256 KiB,
which TensorFlow keeps elsewhere on CPUs, are not in the measured figure: cases are large enough not to mind.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parent.parent))

STEPS = 3
CASES = (
    # variant or builder's small network, rows a step, fields of the Fit
    ("cifar_resnet20", 128, {}),
    ("cifar_resnet18", 32, {}),
    ("cifar_resnet18", 32, {"optimizer": "sgd"}),
    ("cifar_resnet18", 32, {"precision": "mixed_bfloat16"}),
    ("cifar_resnet18", 32, {"ema": 0.99}),
    ("cifar_resnet18", 128, {"accumulate": 4}),
    ("wide_resnet16_8", 16, {}),
    ("densenet_bc100_12", 16, {}),
    ("cifar_vgg16_bn", 64, {}),
    ("alexnet", 16, {}),
    ("mobilenet_v2", 8, {}),
    ("mobilenet_v3_small", 8, {}),
    ("efficientnet_b0", 8, {}),
    ("inception_v3", 4, {}),
    ("resnet50", 8, {}),
    ("vit_ti16", 8, {}),
    ("lstm128_on_64", 1024, {}),
    ("gru128_on_64", 1024, {}),
    ("tensor_field", 64, {}),
    ("group_cnn", 64, {}),
    ("mlp", 512, {}),
)
SMALL = {  # builders without variants: input, options
    "tensor_field": ((32, 6), {"width": 8}),
    "group_cnn": ((28, 28, 1), {}),
    "mlp": ((1000,), {"widths": (4096, 4096)}),
}


def measure(name: str, rows: int, changes: dict) -> dict:
    """Bytes told and measured of one case, and the seconds that telling took."""
    import keras
    import numpy as np
    import tensorflow as tf

    from arch.account import outline
    from arch.memory import training_step
    from arch.uses import uses
    from arch.variants import VARIANTS, Variant, model
    from data.splits import Rows
    from pipelines.classify import cross_entropy, equal_weights
    from pipelines.optimizers import make_optimizer
    from pipelines.run import Fit, Model, Run
    from pipelines.tensorflow_backend import TrainLoop, place

    fit = Fit(batch_size=rows, **changes)
    keras.config.set_dtype_policy(fit.precision)
    shape, options = SMALL.get(name, ((), {}))
    chosen = VARIANTS[name] if name in VARIANTS else Variant(name, options, shape, 10, "multi_class", "")
    chosen = chosen if chosen.classes else dataclasses.replace(chosen, classes=10, head="multi_class")
    started = time.process_time()
    half = fit.precision != "float32"
    step = training_step(
        uses(outline(lambda: model(chosen))),
        half=half,
        optimizer=fit.optimizer,
        ema=fit.ema > 0,
        accumulate=fit.accumulate,
    )
    seconds = time.process_time() - started
    strategy = place(fit)
    functional = model(chosen)
    trained = keras.Model({"inputs": functional.input}, functional.output)
    trained.compile(optimizer=make_optimizer(fit, 100))
    trained.optimizer.build(trained.trainable_variables)
    random = np.random.default_rng(0)
    data = {
        "inputs": random.normal(size=(2 * rows, *chosen.input_shape)).astype("float32"),
        "label": random.integers(0, chosen.classes, 2 * rows).astype("int32"),
    }
    task = SimpleNamespace(objective=cross_entropy, weights=equal_weights, measures=("accuracy",))
    loop = TrainLoop(Run("none", name, None, Model(chosen.builder), fit), task, trained, strategy)
    loop.start(Rows(data), 0)
    loop(1), loop(1)
    device = "GPU:0" if tf.config.list_physical_devices("GPU") else "CPU:0"
    before = tf.config.experimental.get_memory_info(device)["current"]
    tf.config.experimental.reset_memory_stats(device)
    loop(STEPS)
    peak = tf.config.experimental.get_memory_info(device)["peak"] - before + step.weights + step.optimizer
    told = step.memory(rows // fit.accumulate)
    return {"told": told.peak, "measured": peak, "kept": told.activations, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=[], help="names of cases; all where empty")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        from pipelines.quiet import start_tensorflow

        start_tensorflow()
        print(json.dumps(measure(*json.loads(options.case))))
        return
    started, ratios = time.perf_counter(), []
    print("| network | rows | fit | told, MiB | measured, MiB | told / measured | of which activations |")
    print("|---|--:|---|--:|--:|--:|--:|")
    for case in CASES:
        if options.cases and case[0] not in options.cases:
            continue
        command = [sys.executable, __file__, "--case", json.dumps(case)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        found = json.loads(done.stdout.splitlines()[-1])
        told, measured, kept = (found[key] / 2**20 for key in ("told", "measured", "kept"))
        ratios.append(told / measured)
        fit = ", ".join(f"{key} {value}" for key, value in case[2].items())
        print(
            f"| {case[0]} | {case[1]} | {fit} | {told:,.0f} | {measured:,.0f} | {ratios[-1]:.2f} | {kept:,.0f} |",
            flush=True,
        )
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}, median {statistics.median(ratios):.2f}"
    print(f"\n{len(ratios)} cases, {spread}; {time.perf_counter() - started:.0f} s")
    print(f"`python {' '.join(sys.argv)}`")


if __name__ == "__main__":
    main()
