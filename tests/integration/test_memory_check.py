"""A batch that does not fit is refused before the first step, with the largest that does."""

import dataclasses
import re

import keras
import pytest

from data.errors import BadInput
from pipelines import memory
from pipelines.memory import Room, check_memory, machine_bytes, spoken
from pipelines.run import Fit

from .conftest import files_below, small_run, train_in_process

MIB = 2**20


@pytest.fixture(scope="module")
def model():
    """16 KiB of values an example, next to no weights."""
    inputs = keras.Input((64, 16))
    x = keras.layers.Conv1D(64, 3, padding="same", activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(x)))


def refused(model, fit, room):
    with pytest.raises(BadInput) as told:
        check_memory(model, fit, room)
    return told.value


def test_the_batch_that_is_named_fits_and_one_more_does_not(model):
    told = refused(model, Fit(batch_size=100_000), Room(device_bytes=64 * MIB))
    assert re.fullmatch(r"fit.batch_size: a step needs [\d.]+ GiB of memory, and 64.0 MiB are there for it", told.what)
    assert told.got == "100,000"
    largest = int(re.match(r"at most ([\d,]+), or --fit.accumulate \d+", told.wanted)[1].replace(",", ""))
    assert 1_000 < largest < 4_000
    check_memory(model, Fit(batch_size=largest), Room(device_bytes=64 * MIB))
    refused(model, Fit(batch_size=largest + 1), Room(device_bytes=64 * MIB))


def test_the_parts_that_are_named_fit(model):
    told = refused(model, Fit(batch_size=20_000), Room(device_bytes=64 * MIB))
    parts = int(told.wanted.split()[-1])
    check_memory(model, Fit(batch_size=20_000, accumulate=parts), Room(device_bytes=64 * MIB))
    refused(model, Fit(batch_size=20_000, accumulate=parts - 1), Room(device_bytes=64 * MIB))


def test_replicas_share_the_batch(model):
    one = refused(model, Fit(batch_size=100_000), Room(device_bytes=64 * MIB))
    four = refused(model, Fit(batch_size=100_000), Room(4, 4, device_bytes=64 * MIB))
    sizes = [int(re.match(r"at most ([\d,]+)", told.wanted)[1].replace(",", "")) for told in (one, four)]
    assert sizes[1] == 4 * sizes[0]


def test_not_one_row_may_fit(model):
    told = refused(model, Fit(batch_size=2), Room(device_bytes=1000))
    assert told.wanted == "a smaller model, since not one row fits"


def test_a_processor_has_what_the_machine_has_less_what_is_held(model, monkeypatch):
    check_memory(model, Fit(batch_size=64), Room())
    held = memory.psutil.Process().memory_info().rss
    monkeypatch.setattr(memory, "machine_bytes", lambda: held + 64 * MIB)
    told = refused(model, Fit(batch_size=100_000), Room())
    assert float(re.search(r"and ([\d.]+) MiB are there", told.what)[1]) == pytest.approx(64, rel=0.2)


def test_the_machine_has_memory_and_a_control_group_may_leave_less(monkeypatch, tmp_path):
    whole = machine_bytes()
    assert whole > 500 * MIB
    for text, expected in (("max", whole), (str(7 * MIB), 7 * MIB)):
        (tmp_path / "memory.max").write_text(text + "\n")
        monkeypatch.setattr(memory, "_GROUP_LIMITS", (str(tmp_path / "memory.max"), str(tmp_path / "gone")))
        assert machine_bytes() in (expected, memory.psutil.virtual_memory().total)
        assert text == "max" or machine_bytes() == expected


def test_sizes_are_spoken():
    sizes = (12, 2048, 1.5 * MIB, 3e12)
    assert [spoken(size) for size in sizes] == ["12 bytes", "2.0 KiB", "1.5 MiB", "2,794.0 GiB"]


def test_training_refuses_before_anything_is_written(own_runs, monkeypatch):
    monkeypatch.setattr(memory, "machine_bytes", lambda: memory.psutil.Process().memory_info().rss + 1000)
    run = small_run()
    run = run.with_(fit=dataclasses.replace(run.fit, batch_size=512))
    with pytest.raises(BadInput, match=r"fit.batch_size: a step needs"):
        train_in_process(run)
    assert not files_below(own_runs)
