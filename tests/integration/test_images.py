"""Images from files to answers: one network on a folder of photographs, its figures, served functions and verbs."""

import base64
import csv
import io
import json
import math
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data.errors import BadInput
from data.image_decoding import decode
from data.image_fitting import encode_png
from data.images import ImagesData, load
from pipelines import engine, verbs
from pipelines.images import DOMAIN
from pipelines.images.figures import figures
from pipelines.images.fit import ImagesFit
from pipelines.run import Model, Run
from pipelines.serve.model import load as load_served
from pipelines.serve.wire import Refusal, read_question
from pipelines.task import build

from .conftest import python

TASK = DOMAIN.task
FIT = ImagesFit(epochs=6, batch_size=16, learning_rate=5e-3, optimizer="muon", keep="last", shift=0.1, views="moved")


def picture(kind, seed):
    """A bright disk, at the left of a dim picture with a gradient or at its top; colours and sizes differ."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(24, 61, 2)
    y, x = np.mgrid[:height, :width]
    centre = (height / 2, width / 4) if kind == "left" else (height / 4, width / 2)
    inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < (min(height, width) / 6) ** 2
    base = rng.integers(0, 90, (height, width, 3)) + (rng.integers(0, 40, 3))
    return np.where(inside[..., None], rng.integers(150, 256, 3), base).astype(np.uint8)


def jpeg(pixels, **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A user's folder of 120 photographs of many sizes in two unbalanced classes."""
    folder = tmp_path_factory.mktemp("photographs")
    for kind, count in (("left", 80), ("top", 40)):
        (folder / kind).mkdir()
        for i in range(count):
            (folder / kind / f"{i:03}.jpg").write_bytes(jpeg(picture(kind, i + 1000 * (kind == "top"))))
    (folder / "top" / "empty.jpg").touch()
    return folder


@pytest.fixture(scope="module")
def trained(folder):
    """A small network on the user's folder: its Run, splits, what `train` answered, its export and the Keras model."""
    from pipelines.outcome import Session
    from pipelines.report import Report
    from pipelines.train import train

    data = ImagesData(path=str(folder), size=16, val_fraction=0.2, test_fraction=0.2)
    run = Run("images", "small", data, Model("whitened_cnn", {"widths": (8, 16)}), FIT)
    result = train(Session(DOMAIN, Report(json=True), "images"), run)
    export = Path(result["export"])
    model = keras.saving.load_model(export / "model.keras", compile=False)
    splits = load(data, 0)
    return SimpleNamespace(run=run, result=result, export=export, model=model, splits=splits)


@pytest.fixture(scope="module")
def served(trained):
    from pipelines.serve.folder import open_export

    return load_served(open_export(str(trained.export)))


def test_training_alone_augments(trained):
    run = trained.run.with_(fit=replace(FIT, shift=0.5))
    batch = {k: tf.constant(v) for k, v in trained.splits.train.batch(np.arange(8), 0, 0).items()}
    still = [np.asarray(TASK.objective(trained.model, batch, own, False).losses) for own in (run, trained.run)]
    np.testing.assert_array_equal(*still)
    copy = build(TASK, trained.run, trained.splits.meta)  # training moves the averages of its normalization
    moved = [np.asarray(TASK.objective(copy, batch, own, True).losses) for own in (run, trained.run)]
    assert not np.allclose(*moved)


def test_pictures_that_must_not_be_mirrored_have_no_mirrored_view(trained):
    for mirror, count in ((True, 6), (False, 3)):
        model = build(TASK, trained.run, {**trained.splits.meta, "mirror": mirror})
        assert model.get_layer("views").count == count


# Recipes, a run, its figures


def test_the_fast_recipe_whitens_its_first_layer_by_training_pictures(trained):
    prepared = engine.prepare(trained.run, TASK, trained.splits)
    stem = prepared.model.get_layer("stem")
    np.testing.assert_array_equal(stem.kernel, trained.model.get_layer("stem").kernel)  # which is not learnt
    half = stem.kernel.shape[-1] // 2
    np.testing.assert_array_equal(stem.kernel[..., :half], -stem.kernel[..., half:])


def test_a_folder_alone_is_learnt_and_told(trained, folder):
    scores, meta = trained.result["scores"], trained.splits.meta
    assert scores["test"]["accuracy"] > 0.75  # 0.67 are of the larger class
    assert set(trained.result["baselines"]) == {"pixel_svm", "pixel_regression"}
    assert meta["found"] == {"resized": 120}
    assert "\n".join(DOMAIN.about(meta)).count("empty.jpg: empty file") == 1
    plots = {path.stem for path in (Path(trained.result["run_dir"]) / "plots").iterdir()}
    assert plots >= {"examples", "confusion", "reliability", "learning_curves", "filters"}


def test_mistakes_are_drawn_in_as_many_rows_as_they_fill_and_listed_by_file(trained, tmp_path):
    test, meta = trained.splits.test, trained.splits.meta
    right = np.eye(2)[test["label"]] * 0.6 + 0.2
    wrong = np.eye(2)[1 - test["label"]] * 0.8 + 0.1
    probabilities = np.where(np.arange(test.size)[:, None] < 3, wrong, right)  # the first three are mistaken
    figures({"probabilities": probabilities}, test, meta, tmp_path)
    with (tmp_path / "mistakes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["picture"] for row in rows] == test.kept["places"][:3]
    assert all(Path(row["picture"]).parent.name == row["label"] != row["taken_for"] for row in rows)
    assert {(row["probability"], row["probability_of_label"]) for row in rows} == {("0.9000", "0.1000")}
    assert {row["label_may_be_wrong"] for row in rows} == {"1"}  # 0.9 is more than the 0.8 of those that are right
    heights = {name: Image.open(tmp_path / f"{name}.png").height for name in ("examples", "mistakes")}
    assert heights["mistakes"] < heights["examples"] / 2  # one row against three
    figures({"probabilities": right}, test, meta, tmp_path / "none")
    assert not (tmp_path / "none" / "mistakes.csv").exists()


def test_names_that_are_no_utf_8_are_written_with_their_bytes_and_shown_with_backslashes(trained, tmp_path):
    (tmp_path / "in").mkdir()
    place = tmp_path / "in" / os.fsdecode(b"caf\xe9.png")
    place.write_bytes(encode_png(picture("top", 1)))
    verbs.predict(DOMAIN, str(trained.export), str(place.parent), str(tmp_path / "out.csv"))
    assert os.fsencode(place) in (tmp_path / "out.csv").read_bytes()
    test = trained.splits.test.take(np.arange(3))
    test.kept["places"] = [str(place)] * 3
    figures({"probabilities": np.eye(2)[1 - test["label"]]}, test, trained.splits.meta, tmp_path / "plots")
    assert os.fsencode(place) in (tmp_path / "plots" / "mistakes.csv").read_bytes()
    code = f"from pipelines.report import Report; Report().note({str(place)!r})"
    assert python("-c", code).stdout.rstrip().endswith(r"caf\udce9.png")


def test_a_figure_that_cannot_be_drawn_costs_neither_the_others_nor_the_export(trained, monkeypatch, caplog):
    from pipelines import outcome
    from pipelines.report import Report
    from pipelines.runs import RunFolder

    def fail(*arguments):
        raise RuntimeError("no such glyph")

    session = outcome.Session(replace(DOMAIN, task_name=lambda data: "BROKEN"), Report(json=True), "images")
    monkeypatch.setattr("pipelines.images.task.BROKEN", replace(TASK, plots=fail), raising=False)
    folder = RunFolder(Path(trained.result["run_dir"]))
    fitted = engine.Fitted(trained.model, [{"loss": 1.0, "learning_rate": 0.1}], 0.0, 0.0)
    done = outcome.Outcome(trained.run, trained.splits, folder, None, trained.result, fitted)
    drawn, path = outcome._draw_and_export(session, done)
    assert [figure.stem for figure in drawn] == ["filters", "learning_curves"]
    assert (path / "saved_model.pb").exists()
    told = "figures of the test rows are not drawn: RuntimeError: no such glyph"
    assert folder.last("warning")["values"] == {"what": told}
    assert told in caplog.text


def test_fine_tuning_starts_from_another_run_keeps_what_is_frozen_and_slows_what_lies_below(trained):
    fit = replace(FIT, start=str(trained.export), frozen=0.5, layer_decay=0.5, optimizer="sgd", schedule="constant")
    run = trained.run.with_(fit=replace(fit, epochs=1, batch_size=1000, learning_rate=1e-3, warmup=0.0, shift=0.0))
    few = replace(trained.splits, train=trained.splits.train.take(np.arange(40)))
    before = engine.prepare(run, TASK, few)
    assert before.start == f"10 of 10 layers from {trained.export}"
    start = {v.path: np.array(v) for v in before.model.variables}
    for ours, theirs in zip(before.model.get_weights(), trained.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    frozen = [layer.name for layer in before.model.layers if layer.weights and not layer.trainable]
    assert frozen == ["stem", "block0_conv0", "block0_norm0", "block0_conv1"]  # the first half of nine, the head aside
    model = engine.fit(before, run, TASK, few).model
    moved = {v.path: np.abs(np.array(v) - start[v.path]).max() > 0 for v in model.variables if v.path in start}
    assert not any(moved[v.path] for name in frozen for v in model.get_layer(name).weights)
    assert all(moved[v.path] for v in model.trainable_variables)


def test_the_rate_of_a_layer_is_halved_for_each_layer_above_it(trained):
    steps = {}
    for decay in (1.0, 0.5):
        fit = replace(FIT, layer_decay=decay, optimizer="sgd", schedule="constant", warmup=0.0, learning_rate=1e-3)
        prepared = engine.prepare(trained.run.with_(fit=fit), TASK, trained.splits)
        model, optimizer = prepared.model, prepared.model.optimizer
        start = [np.array(v) for v in model.trainable_variables]
        optimizer.apply([tf.ones(v.shape) for v in model.trainable_variables], model.trainable_variables)
        steps[decay] = {
            v.path.rpartition("/")[0].rpartition("/")[2]: np.abs(np.array(v) - old).max()
            for v, old in zip(model.trainable_variables, start, strict=True)
        }
    layers = list(steps[1.0])
    for place, name in enumerate(reversed(layers)):
        # Steps are differences of float32 numbers of about 1, some 1e-4 or more each.
        np.testing.assert_allclose(steps[0.5][name], steps[1.0][name] * 0.5**place, rtol=0.02, atol=2e-7)


def test_a_start_that_does_not_fit_or_exist_is_refused(trained):
    other = trained.run.with_(model=Model("mlp", {}), fit=replace(FIT, start=str(trained.export)))
    with pytest.raises(BadInput, match=r"fit.start: no such folder; wanted an export or run folder, got nowhere"):
        engine.prepare(trained.run.with_(fit=replace(FIT, start="nowhere")), TASK, trained.splits)
    small = replace(other.model, builder="whitened_cnn", options={"widths": (3,), "patch": 3})
    digits = load(ImagesData(), 0)
    with pytest.raises(
        BadInput, match=r"fit.start: no layer of that model fits; wanted a run of the same architecture"
    ):
        engine.prepare(other.with_(model=small), TASK, digits)


def test_the_same_seed_trains_the_same_weights_again(trained):
    again = engine.fit(engine.prepare(trained.run, TASK, trained.splits), trained.run, TASK, trained.splits).model
    for ours, theirs in zip(again.get_weights(), trained.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


# Serving


def bomb():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def ask(signature, *pictures):
    rows = [{"b64": base64.b64encode(data).decode()} for data in pictures]
    return signature(read_question({"instances": rows}, signature.fields, 100).arrays)


def jpeg_bomb():
    data = bytearray(jpeg(picture("left", 0)))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65_000, 65_000)
    return bytes(data)


def variants():
    """Pictures that have to be converted, as a client may send them."""
    base = picture("left", 3)
    grey = Image.fromarray(base).convert("L")
    exif = {tag: Image.Exif() for tag in range(2, 9)}
    for tag, own in exif.items():
        own[0x0112] = tag
    cmyk, palette, alpha, deep = io.BytesIO(), io.BytesIO(), io.BytesIO(), io.BytesIO()
    Image.fromarray(base).save(tagged := io.BytesIO(), "PNG", exif=exif[6])
    Image.fromarray(base).convert("CMYK").save(cmyk, "JPEG")
    Image.fromarray(base).convert("P").save(palette, "PNG")
    Image.fromarray(base).convert("RGBA").save(alpha, "PNG")
    Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(deep, "PNG")
    return {
        "JPEG": jpeg(base),
        "PNG": encode_png(base),
        "grey": jpeg(np.asarray(grey)),
        "CMYK": cmyk.getvalue(),
        "palette": palette.getvalue(),
        "alpha": alpha.getvalue(),
        "16 bits": deep.getvalue(),
        "small": encode_png(base[:7, :5]),
        "PNG with a tag": tagged.getvalue(),
        **{f"turned {tag}": jpeg(base, exif=own.tobytes()) for tag, own in exif.items()},
        # EXIF of the other byte order, which Pillow does not write.
        "little endian": jpeg(base, exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
    }


def test_served_pictures_are_prepared_as_those_of_training_were(trained):
    from pipelines.images.serving import _decoded

    graph = tf.function(lambda data: _decoded(data, tf.constant(0), (16, 16, 3)), autograph=False)
    for name, data in variants().items():
        wanted = decode([data], (16, 16, 3)).pixels[0].astype(int)
        difference = np.abs(np.asarray(graph(tf.constant(data))).astype(int) - wanted)
        # Pillow resizes with integers, TensorFlow with floats: what lies half-way may be rounded either way.
        assert difference.max() <= 1, name
        assert difference.mean() < 0.03, name


def test_the_server_takes_files_of_any_size_and_answers_as_the_model_does(trained, served):
    pictures = [jpeg(picture("left", 5)), encode_png(picture("top", 6))]
    answer = ask(served["serving_default"], *pictures)
    pixels = decode(pictures, (16, 16, 3)).pixels
    wanted = tf.nn.softmax(trained.model({"image": pixels}, training=False)).numpy()
    # A grey level more or less in a pixel of a hundred, which whitening makes larger.
    np.testing.assert_allclose(answer["probabilities"], wanted, atol=0.01)
    assert [label.decode() for label in answer["label"]] == [("left", "top")[i] for i in wanted.argmax(1)]


def test_pixels_of_any_size_have_a_signature_of_their_own(trained, served):
    test = trained.splits.test["image"][:5]
    answer = served["pixels"]({"image": test})
    wanted = tf.nn.softmax(trained.model({"image": test}, training=False)).numpy()
    np.testing.assert_allclose(answer["probabilities"], wanted, atol=1e-5)
    assert served["pixels"]({"image": np.zeros((2, 31, 57, 3), np.uint8)})["probabilities"].shape == (2, 2)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no picture", "row 2: not a JPEG or PNG picture"),
        (b"", "row 2: not a JPEG or PNG picture"),
        (bomb(), "row 2: a picture of more than 64,000,000 pixels"),
        (jpeg_bomb(), "row 2: a picture of more than 64,000,000 pixels"),
        (encode_png(picture("left", 0))[:60], "row 2: a picture that cannot be decoded"),
        (jpeg(picture("left", 0))[:200], "row 2: a picture that cannot be decoded"),
        (jpeg(picture("left", 0))[:700], "row 2: a picture that cannot be decoded"),
    ],
    ids=["text", "nothing", "bomb", "JPEG bomb", "truncated PNG", "truncated head", "truncated JPEG"],
)
def test_what_is_no_picture_or_a_bomb_is_refused_in_words(served, data, reason):
    with pytest.raises(Refusal, match=reason) as refusal:
        ask(served["serving_default"], encode_png(picture("left", 0)), data)
    assert refusal.value.status == 400


def test_the_export_s_own_example_is_a_picture_in_base64(trained):
    example = json.loads((trained.export / "metadata.json").read_text())["example"]["inputs"]["image_bytes"]
    assert base64.b64decode(example[0]["b64"]).startswith(b"\x89PNG")


# Verbs


def test_predict_answers_every_readable_picture_of_a_folder_in_order(trained, folder, tmp_path):
    out = tmp_path / "answers.csv"
    told = verbs.predict(DOMAIN, str(trained.export), str(folder), str(out))
    rows = list(csv.DictReader(out.open()))
    names = [str(p) for p in sorted(folder.rglob("*.jpg")) if p.name != "empty.jpg"]
    assert [row["path"] for row in rows] == names
    assert told["rows"] == 120
    assert all(
        math.isclose(float(r["probabilities_left"]) + float(r["probabilities_top"]), 1, abs_tol=1e-4) for r in rows
    )


def test_evaluate_judges_the_run_s_own_test_pictures_or_a_folder(trained, folder):
    own = verbs.evaluate(DOMAIN, str(trained.export), "", json=True)
    assert own["scores"]["test"]["accuracy"] == pytest.approx(trained.result["scores"]["test"]["accuracy"])
    assert verbs.evaluate(DOMAIN, str(trained.export), str(folder), json=True)["rows"] == 120


def test_the_command_line_takes_a_folder_for_data_unless_it_holds_a_model(folder, trained):
    from pipelines.cli import model_and_file

    assert model_and_file([str(folder)]) == ("", str(folder))
    assert model_and_file([str(trained.export)]) == (str(trained.export), "")


def test_a_batch_that_does_not_fit_is_refused_before_the_first_step(trained):
    run = trained.run.with_(fit=replace(FIT, batch_size=10**9))
    with pytest.raises(BadInput, match=r"fit.batch_size: a step needs .* wanted at most"):
        engine.prepare(run, TASK, trained.splits)


# Looking inside, and worse pictures


def test_contributions_of_the_pixels_sum_to_what_the_picture_adds_to_the_logit(trained):
    from pipelines.images.saliency import Salience

    salience, pixels = Salience(trained.model), trained.splits.test["image"][:3]
    answers = salience.logits(pixels).argmax(1)
    parts, gap = salience.integrated_gradients(pixels, answers, steps=256)
    assert parts.shape == (3, 16, 16)
    assert gap < 0.05 * np.abs(parts).sum((1, 2)).max()  # ReLUs bend the way, so that a mean over 256 steps is near
    maps = salience.grad_cam(pixels, answers)
    assert maps.shape == (3, 4, 4)  # 16 pixels halved by two blocks
    assert maps.min() >= 0


def test_explain_draws_each_picture_and_tells_its_label(trained, folder, tmp_path):
    from pipelines.images import explain

    picked = [str(folder / "left" / f"{i:03}.jpg") for i in range(2)]
    told = explain.main(DOMAIN, [str(trained.export), *picked, "--out", str(tmp_path), "--steps", "3"], "explain")
    assert [one["path"] for one in told["explanations"]] == picked
    assert all(Path(one["figure"]).stat().st_size > 1000 for one in told["explanations"])
    with pytest.raises(BadInput, match="explain: no picture"):
        explain.main(DOMAIN, [], "explain")


def test_an_ensemble_is_not_explained_as_if_it_were_one_network(trained):
    from arch.ensemble import ensemble
    from pipelines.images.saliency import Salience

    members = [build(TASK, trained.run, trained.splits.meta, f"member{i}") for i in range(2)]
    with pytest.raises(BadInput, match="no single network; wanted a single network"):
        Salience(ensemble(members, [0.5, 0.5], TASK.outputs))


def test_corruptions_keep_form_and_get_worse(trained):
    from pipelines.images.robustness import CORRUPTIONS

    pixels = trained.splits.test["image"][:5]
    for name, corrupt in CORRUPTIONS.items():
        worse = [corrupt(pixels, severity) for severity in (1, 2, 3)]
        distances = [np.abs(one.astype(float) - pixels).mean() for one in worse]
        assert all(one.shape == pixels.shape and one.dtype == np.uint8 for one in worse), name
        assert distances == sorted(distances), name
        assert distances[0] > 0, name


def test_robustness_judges_the_run_s_test_pictures(trained):
    from pipelines.images import robustness

    told = robustness.main(DOMAIN, [str(trained.export), "--json"], "robustness")
    assert told["clean"] == pytest.approx(trained.result["scores"]["test"]["accuracy"])
    assert {len(values) for values in told["corrupted"].values()} == {3}
