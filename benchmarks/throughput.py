"""Pictures a second that training takes, and the share of the chip's arithmetic that they use.

    python benchmarks/throughput.py [fast_colour resnet18 wide_resnet] [--precision mixed_bfloat16] [--batch_size 1024]
    KERAS_BACKEND=jax python benchmarks/throughput.py --precision mixed_bfloat16 --steps 200     # on a GPU

The engine's own loop trains on random pictures of 32 x 32 in colour, input and augmentation included; told is the
difference of a longer and a shorter fit, by the clock, so that compiling is no part of it. A step computes three times
the multiply-adds of the forward pass, at two operations each. Two peaks stand beside: of a large matrix product in the
precision of the run, measured on the spot, and of the chip's data sheet where its name is known here (dense, without
sparsity).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from images import rate

sys.path.insert(0, str(Path(__file__).parent.parent))

from arch.account import account
from data.images import ImagesData, load
from data.splits import Splits
from pipelines import engine
from pipelines.images import DOMAIN
from pipelines.images.recipes import RECIPES
from pipelines.run import Run

SIDE, CLASSES = 32, 10
# bfloat16 on tensor cores, in 10 ** 12 operations a second, by a part of the device's name
DATA_SHEETS = {"H200": 989, "H100": 989, "A100": 312, "L40S": 362, "L4": 121, "A10": 125, "RTX 4090": 165}


def pictures(rows: int) -> Splits:
    """Random ones, read from a file as a user's are."""
    rng = np.random.default_rng(0)
    counts = {"train": rows, "val": CLASSES, "test": CLASSES}
    image = {f"x_{part}": rng.integers(256, size=(n, SIDE, SIDE, 3), dtype=np.uint8) for part, n in counts.items()}
    label = {f"y_{part}": np.arange(n) % CLASSES for part, n in counts.items()}
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/random.npz", **image, **label)
        return load(ImagesData(path=f"{folder}/random.npz"), 0)


def product(dtype: str, size: int) -> float:
    """Operations a second of a product of two square matrices."""
    matrix = keras.ops.cast(keras.random.normal((size, size), seed=0), dtype)
    turns, best = 8, float("inf")
    for _ in range(5):
        start, result = time.perf_counter(), matrix
        for _ in range(turns):
            result = keras.ops.matmul(result, matrix) * size**-0.5
        keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.sum(result), "float32"))  # waits for all of them
        best = min(best, time.perf_counter() - start)
    return 2 * turns * size**3 / best


def run_of(recipe: str, flags: argparse.Namespace) -> Run:
    own = RECIPES[recipe]
    fit = replace(own.fit, batch_size=flags.batch_size, precision=flags.precision)
    return own.with_(data=ImagesData(), fit=fit)


def row(recipe: str, splits: Splits, flags: argparse.Namespace, peak: float, sheet: float) -> str:
    run = run_of(recipe, flags)
    forward = account(engine.prepare(run, DOMAIN.task, splits).model).multiply_adds
    speed = rate(run, splits, flags.steps, "clock")
    used = 6 * forward * speed
    told = f"{used / sheet:.0%}" if sheet else "not known"
    return f"| {recipe} | {forward / 1e6:,.0f} M | {speed:,.0f} | {used / 1e12:.2f} | {used / peak:.0%} | {told} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=["fast_colour", "resnet18", "wide_resnet"])
    parser.add_argument("--precision", default="float32", choices=["float32", "mixed_bfloat16"])
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=20, help="of the shorter fit; more on a GPU")
    parser.add_argument("--product", type=int, default=2048, help="side of the matrices of the measured peak")
    flags = parser.parse_args()
    kind = ", ".join(sorted(set(engine.backend().device_names())))
    peak = product("bfloat16" if "bfloat16" in flags.precision else "float32", flags.product)
    sheet = 1e12 * next((told for name, told in DATA_SHEETS.items() if name in kind), 0)
    print(f"{kind}, {os.cpu_count()} cores; {keras.backend.backend()}, {flags.precision}, batch {flags.batch_size}; "
          f"a product of {flags.product} x {flags.product}: {peak / 1e12:.2f} T operations/s")  # fmt: skip
    print("| recipe | multiply-adds forward | pictures/s | T operations/s | of that product | of the data sheet |")
    print("|---|--:|--:|--:|--:|--:|", flush=True)
    splits = pictures(flags.steps * flags.batch_size)
    for recipe in flags.recipes:
        print(row(recipe, splits, flags, peak, sheet), flush=True)


if __name__ == "__main__":
    main()
