"""M3, Tourism, exchange rates and speed: the default ensemble, its networks alone, and the baselines beside them.

    python benchmarks/forecasting.py m3 [--seeds 3] [--keep FOLDER]
    python benchmarks/forecasting.py tourism [--seeds 1] [--keep FOLDER]
    python benchmarks/forecasting.py exchange [--seeds 3] [--horizons 96 192 336 720]
    python benchmarks/forecasting.py speed

Settings are those of the recipe, of EPOCHS and of SETTINGS, chosen on validation rows alone. `m3` and `tourism` fit
one ensemble a frequency and seed; what is scored is the model that is served; apart, the median of its networks; and,
of `m3`, where statsforecast is installed, the ensemble with ETS and CES among its statistical members. With `--keep`
each fit's forecasts are kept, and a benchmark that was cut short goes on behind the last one. `exchange` scales each
series by its training part and judges every window of the last 20 %, none left out.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from fits import kept

from data.economics import EconomicsData, load
from data.splits import Splits
from pipelines.quiet import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from pipelines import engine  # noqa: E402
from pipelines.economics import DOMAIN  # noqa: E402
from pipelines.economics.baselines import BASELINES, statistical  # noqa: E402
from pipelines.economics.fit import fit_of  # noqa: E402
from pipelines.economics.graph import parts  # noqa: E402
from pipelines.economics.recipes import RECIPES  # noqa: E402
from pipelines.economics.scores import coverages, mape, mase, smape  # noqa: E402
from pipelines.economics.statistics import of_statsforecast  # noqa: E402
from pipelines.run import Model, Run  # noqa: E402

FREQUENCIES = {"m3": ("yearly", "quarterly", "monthly", "other"), "tourism": ("yearly", "quarterly", "monthly")}
PERIODS = {"yearly": 1, "quarterly": 4, "monthly": 12, "other": 1}
EPOCHS = {"yearly": 15, "quarterly": 30, "monthly": 20, "other": 60}
PERCENT = {"loss": "mape"}  # what Tourism is judged by
SETTINGS: dict[tuple[str, str], tuple[dict, dict, dict]] = {  # what differs in data, fit and model
    ("tourism", "yearly"): ({}, PERCENT | {"beside": ("naive", "drift", "theta", "dynamic_theta"), "share": 0.75}, {}),
    ("tourism", "monthly"): (
        {"history": 96, "draws": 24},  # seasons of 25 years ago are not those of today
        PERCENT | {"beside": (), "epochs": 30},
        {"width": 128, "blocks": 3},
    ),
}
EXCHANGE = Path(__file__).parents[2] / "shared" / "data" / "economics" / "exchange_rate.txt.gz"
REPEAT_LAST = {96: 0.0811, 192: 0.1671, 336: 0.3057, 720: 0.8101}


def run_of(name: str, kind: str, seed: int) -> Run:
    """The default recipe on the series of one frequency, with that one's settings."""
    recipe, (data, fit, options) = RECIPES["ensemble"], SETTINGS.get((name, kind), ({}, {}, {}))
    return recipe.with_(
        data=replace(recipe.data, name=name, frequency=kind, constant="keep", **data),
        model=replace(recipe.model, options={**recipe.model.options, **options}),
        fit=replace(recipe.fit, **({"epochs": EPOCHS[kind]} | fit)),
        seed=seed,
    )


def fitted(run: Run, splits: Splits) -> keras.Model:
    """Trained and calibrated, as `train` does it."""
    keras.utils.clear_session()
    model = engine.fit(engine.prepare(run, DOMAIN.task, splits), run, DOMAIN.task, splits).model
    DOMAIN.task.calibrate(model, run, splits)
    return model


def forecast(run: Run) -> dict[str, Any]:
    """Outputs of the ensemble and the median of its networks for the official test rows, and what came."""
    start = time.process_time()
    splits = load(run.data, run.seed)
    model = fitted(run, splits)
    batch = splits.test.batch(np.arange(splits.test.size))
    members = parts(model).predict({"history": batch["history"]}, batch_size=256, verbose=0)["members"]
    return {
        "outputs": engine.predict(model, splits.test),
        "networks": np.median(members, axis=1),
        "validation": engine.evaluate(model, DOMAIN.task, splits.val, splits.meta)["smape"],
        "seconds": time.process_time() - start,
        **batch,
    }


def competition(name: str, seeds: int, keep: str) -> None:
    """The table of one competition."""
    shown: dict[str, list[list[float]]] = {}
    for seed in range(seeds):
        runs = {kind: run_of(name, kind, seed) for kind in FREQUENCIES[name]}
        found = {kind: kept(keep, run, partial(forecast, run)) for kind, run in runs.items()}
        for who in ("ensemble", "networks"):
            means = {kind: f["outputs"][..., 0] if who == "ensemble" else f["networks"] for kind, f in found.items()}
            shown.setdefault(who, []).append(_row(name, means, found))
        if name == "m3" and find_spec("statsforecast") is not None:
            means = {kind: with_smoothing(runs[kind], f, keep) for kind, f in found.items()}
            shown.setdefault("ensemble + ETS/CES", []).append(_row(name, means, found))
        covered = {kind: coverages(f["outputs"][..., 1:], f["target"]) for kind, f in found.items()}
        seconds = sum(float(f["seconds"]) for f in found.values())
        print(f"seed {seed}: {seconds:.0f} s of CPU; coverage of 80 and 95 %:", end=" ")
        print(", ".join(f"{k} {100 * c['coverage_80']:.1f} {100 * c['coverage_95']:.1f}" for k, c in covered.items()))
    for method in BASELINES:
        means = {kind: _baseline(method, kind, f) for kind, f in found.items()}
        shown[method] = [_row(name, means, found)]
    names = [*FREQUENCIES[name], "all points", "series"]
    measure = "sMAPE and MASE" if name == "m3" else "MAPE and MASE"
    print(f"\n{name}, test, {measure}; n = {seeds} seeds, ± standard deviation\n")
    print("| | " + " | ".join(names) + " |\n|---" + "|--:" * len(names) + "|")
    for who, rows in shown.items():
        mean, spread = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) if len(rows) > 1 else np.zeros((6, 2))
        cells = [_cell(m, s, len(rows) > 1) for m, s in zip(mean, spread, strict=False)]
        print(f"| {who} | " + " | ".join(cells) + " |")


def with_smoothing(run: Run, found: dict[str, np.ndarray], keep: str) -> np.ndarray:
    """The ensemble with AutoETS and CES among its statistical members; these are too slow to be served."""
    history, period = found["history"], PERIODS[run.data.frequency]
    ours = statistical(fit_of(run).beside, history, found["target"].shape[1], period)

    def smoothed() -> dict[str, np.ndarray]:
        instead = _baseline("naive2", run.data.frequency, found)
        return {name: of_statsforecast(name)(history, instead, period) for name in ("sf_ets", "sf_ces")}

    theirs = kept(keep, run.with_(recipe="ets_and_ces", seed=0), smoothed)
    members = np.concatenate([ours, np.stack(list(theirs.values()), axis=1)], axis=1)
    return (found["networks"] + np.median(members, axis=1)) / 2


def _row(name: str, means: dict[str, np.ndarray], found: dict[str, dict[str, np.ndarray]]) -> list[list[float]]:
    """(percentage error, MASE) of each frequency, then over all points and over all series."""
    percent = smape if name == "m3" else mape
    cells = []
    for kind, f in found.items():
        target = f["target"].astype(float)
        cells.append([percent(means[kind].astype(float), target), mase(means[kind], target, f["scale"].astype(float))])
    points = [f["target"].size for f in found.values()]
    series = [len(f["target"]) for f in found.values()]
    return [*cells, *(np.average(cells, axis=0, weights=weights).tolist() for weights in (points, series))]


def _cell(mean: np.ndarray, spread: np.ndarray, several: bool) -> str:
    told = [f"{m:.{d}f}" + (f" ± {s:.{d}f}" if several else "") for m, s, d in zip(mean, spread, (2, 3), strict=True)]
    return " / ".join(told)


def _baseline(method: str, kind: str, found: dict[str, np.ndarray]) -> np.ndarray:
    return statistical((method,), found["history"], found["target"].shape[1], PERIODS[kind])[:, 0]


def exchange(horizons: list[int], seeds: int) -> None:
    """Mean squared errors of a linear forecaster on eight exchange rates, beside repeating the last value."""
    print(f"n = {seeds} seeds, ± standard deviation\n")
    print("| steps | nlinear | repeat last, ours | repeat last, published | CPU seconds a seed |")
    print("|--:|--:|--:|--:|--:|")
    for horizon in horizons:
        start = time.process_time()
        found = np.array([exchange_errors(horizon, seed) for seed in range(seeds)])
        mean, spread = found.mean(0), found[:, 0].std(ddof=1) if seeds > 1 else 0.0
        cells = [f"{mean[0]:.4f} ± {spread:.4f}", f"{mean[1]:.4f}", f"{REPEAT_LAST[horizon]:.4f}"]
        seconds = (time.process_time() - start) / seeds
        print(f"| {horizon} | {' | '.join(cells)} | {seconds:.0f} |", flush=True)


def exchange_errors(horizon: int, seed: int) -> list[float]:
    """Errors of the forecaster and of the last value, each series in units of its training part's deviation."""
    recipe = RECIPES["dlinear"]
    data = EconomicsData(path=str(EXCHANGE), frequency="daily", split="fractions", horizon=horizon, stride=1,
                         history=128, window=96, draws=1500, seasons="none")  # fmt: skip
    fit = replace(recipe.fit, epochs=5, loss="mase", learning_rate=1e-4, batch_size=256)
    run = recipe.with_(data=data, fit=fit, model=Model("nlinear", {}), seed=seed)
    splits = load(data, seed)
    panel = splits.test.around.panel
    trained = [panel.series(i)[: int(0.7 * panel.lengths[i])] for i in range(len(panel))]
    spread = np.array([part.std() for part in trained])[splits.test["series"]][:, None]
    mean = engine.predict(fitted(run, splits), splits.test)[..., 0]
    batch = splits.test.batch(np.arange(splits.test.size))
    return [float(np.mean(((f - batch["target"]) / spread) ** 2)) for f in (mean, batch["history"][:, -1:])]


def speed() -> None:
    """Seconds of all baselines over M3, and of `nbeats` for 100,000 series of 60 values."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    start = time.process_time()
    for kind in FREQUENCIES["m3"]:
        splits = load(EconomicsData(frequency=kind), 0)
        batch = splits.test.batch(np.arange(splits.test.size))
        statistical(BASELINES, batch["history"], splits.meta["horizon"], splits.meta["period"])
    print(f"all {len(BASELINES)} baselines over M3's 3,003 series: {time.process_time() - start:.1f} s of CPU")
    recipe = RECIPES["nbeats"]
    splits = load(recipe.data, 0)
    model = engine.prepare(recipe, DOMAIN.task, splits).model
    history = np.random.default_rng(0).normal(size=(100_000, splits.meta["length"])).cumsum(1).astype("float32") + 100
    history[:, :-60] = np.nan
    call = tf.function(lambda x: model({"history": x}), autograph=False)
    call(history[:2_000])
    start, wall = time.process_time(), time.perf_counter()
    for first in range(0, len(history), 2_000):
        call(history[first : first + 2_000])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    seconds = time.process_time() - start, time.perf_counter() - wall
    print(f"nbeats, 100,000 series of 60: {seconds[0]:.1f} s of CPU, {seconds[1]:.1f} s, {peak:.2f} GiB at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("m3", "tourism", "exchange", "speed"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", default="")
    parser.add_argument("--horizons", type=int, nargs="+", default=list(REPEAT_LAST))
    flags = parser.parse_args()
    if flags.what in FREQUENCIES:
        competition(flags.what, flags.seeds, flags.keep)
    elif flags.what == "exchange":
        exchange(flags.horizons, flags.seeds)
    else:
        speed()


if __name__ == "__main__":
    main()
