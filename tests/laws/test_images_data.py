"""Pictures from files and archives to rows: what is converted and counted, what is broken and told, how it is split."""

import gzip
import io
import itertools
import json
import os
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from data.errors import BadInput
from data.image_decoding import LARGEST_AS_IS, MOST_PIXELS, USUAL_SIDE, decode
from data.image_draws import NUMBERS, Draws
from data.image_fitting import centre, encode_png
from data.image_requests import labelled_rows, requests
from data.images import ImagesData, folds, load

SHARED = Path(__file__).parents[3] / "shared" / "data" / "images"


def noise(height=11, width=13, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def encoded(picture, form="PNG", **options):
    out, image = io.BytesIO(), picture
    if isinstance(picture, np.ndarray):
        image = Image.fromarray(picture[..., 0] if picture.ndim == 3 and picture.shape[-1] == 1 else picture)
    image.save(out, form, **options)
    return out.getvalue()


def decoded(*pictures, **options):
    return decode(pictures, **options)


def bomb(side):
    """A PNG of some bytes that says to be side x side pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.fixture
def folder(tmp_path):
    """Two classes of 23 and 17 colour pictures of different sizes."""
    for name, count in (("cat", 23), ("dog", 17)):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(count):
            data = encoded(noise(20 + i, 31, seed=i + (name == "dog") * 100))
            (tmp_path / "set" / name / f"{i:02}.png").write_bytes(data)
    return tmp_path / "set"


# Decoding


def test_what_was_encoded_without_loss_comes_back():
    pictures = [noise(seed=seed) for seed in range(5)]
    found = decoded(*map(encode_png, pictures))
    np.testing.assert_array_equal(found.pixels, pictures)
    assert (found.broken, found.found, found.kept.tolist()) == ([], {}, [0, 1, 2, 3, 4])


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "WEBP"])
def test_every_form_is_read(form):
    flat = np.full((11, 13, 3), (200, 100, 50), np.uint8)
    found = decoded(encoded(flat, form), shape=(11, 13, 3))
    assert np.abs(found.pixels[0].astype(int) - flat).max() <= 4  # JPEG and WebP round colours


def test_pictures_of_one_small_size_stay_as_they_are_others_become_squares_of_64():
    assert decoded(*[encode_png(noise(11, 13))] * 3).pixels.shape == (3, 11, 13, 3)
    assert decoded(encode_png(noise(11, 13)), encode_png(noise(13, 11))).pixels.shape == (2, 64, 64, 3)
    large = encode_png(noise(LARGEST_AS_IS + 1, 7))
    assert decoded(large).pixels.shape == (1, USUAL_SIDE, USUAL_SIDE, 3)
    assert decoded(large, side=29).pixels.shape == (1, 29, 29, 3)


def test_conversions_are_made_and_counted():
    colour, grey = noise(), noise(channels=1)
    animated = [Image.fromarray(noise(seed=seed)) for seed in range(3)]
    pictures = {
        "grey": encode_png(grey),
        "transparent": encoded(np.concatenate([colour, grey], -1)),
        "CMYK": encoded(Image.fromarray(colour).convert("CMYK"), "JPEG"),
        "of 16 bits": encoded(grey[..., 0].astype(np.uint16) * 257),
        "of several frames": encoded(animated[0], "GIF", save_all=True, append_images=animated[1:]),
        "enlarged": encode_png(noise(5, 7)),
        "resized": encode_png(noise(22, 26)),
    }
    found = decoded(*pictures.values(), shape=(11, 13, 3))
    assert found.found == {name: 2 if name == "grey" else 1 for name in pictures}  # 16 bits are grey as well
    np.testing.assert_array_equal(found.pixels[1], colour)
    np.testing.assert_array_equal(found.pixels[3], np.repeat(grey, 3, -1))
    assert decoded(encode_png(colour), shape=(11, 13, 1)).found == {"coloured": 1}


@pytest.mark.parametrize("tag", range(1, 9))
def test_a_turned_photograph_stands_upright(tag):
    upright = noise(16, 24)
    held = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.transpose(1, 0, 2),
            6: np.rot90(upright, 1), 7: np.rot90(upright.transpose(1, 0, 2), 2),
            8: np.rot90(upright, 3)}[tag]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = tag
    found = decoded(encoded(np.ascontiguousarray(held), "WEBP", exif=exif, lossless=True))
    np.testing.assert_array_equal(found.pixels[0], upright)
    plain = decoded(encoded(np.ascontiguousarray(held), "PNG", exif=exif))  # which servers do not turn either
    np.testing.assert_array_equal(plain.pixels[0], held)
    assert plain.found == {}
    assert found.found == ({} if tag == 1 else {"turned": 1})


@pytest.mark.parametrize(
    ("size", "wanted", "box"),
    [((11, 13), (1, 1), (1, 0, 12, 11)), ((20, 11), (1, 1), (0, 4, 11, 15)), ((10, 40), (5, 10), (10, 0, 30, 10))],
)
def test_the_crop_is_the_largest_box_of_the_wanted_shape_around_the_centre(size, wanted, box):
    assert centre(*size, *wanted) == box


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty file"),
        (b"just text", "not a picture"),
        (encode_png(noise())[:60], "cut short"),
        (encoded(noise(40, 40), "JPEG")[:700], "cut short"),
        (bomb(100_000), f"more than {MOST_PIXELS:,} pixels"),
        (bomb(10_000), f"more than {MOST_PIXELS:,} pixels"),
    ],
    ids=["empty", "text", "truncated PNG", "truncated JPEG", "bomb", "small bomb"],
)
def test_a_broken_picture_is_left_out_and_told(data, why):
    good = noise()
    found = decoded(encode_png(good), data, encode_png(good), shape=good.shape)
    assert [one.row for one in found.broken] == [1]
    assert found.broken[0].why.startswith(why)
    assert found.kept.tolist() == [0, 2]
    np.testing.assert_array_equal(found.pixels, [good, good])


def test_a_file_is_read_once_as_a_whole_and_one_that_is_no_picture_never(folder, monkeypatch):
    (folder / "cat" / "text.png").write_text("hello")
    read, read_bytes = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or read_bytes(path))
    splits = load(ImagesData(path=str(folder)), 0)
    assert sorted(read) == sorted(path.name for path in folder.rglob("*.png") if path.name != "text.png")
    before = splits.meta["sha256"]
    (folder / "dog" / "00.png").write_bytes(encode_png(noise(seed=99)))
    assert load(ImagesData(path=str(folder)), 0).meta["sha256"] != before


def test_more_pictures_than_memory_holds_are_refused_with_the_size_that_would_fit(monkeypatch):
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 3 * 16 * 16 * 3})())
    with pytest.raises(BadInput, match=r"3 pictures of 32 x 32 do not fit into memory; wanted --data.size 16 or less"):
        decoded(*[encode_png(noise())] * 3, side=32)


# Folders and tables


def test_a_folder_of_classes_is_split_with_each_class_in_each_part(folder):
    splits = load(ImagesData(path=str(folder)), 0)
    assert splits.meta["classes"] == ["cat", "dog"]
    assert splits.train["image"].shape == (32, 64, 64, 3)
    assert {part: np.bincount(rows["label"]).tolist() for part, rows in splits.items()} == {
        "train": [19, 13], "val": [2, 2], "test": [2, 2]}  # fmt: skip
    assert splits.meta["mirror"]
    assert splits.meta["found"] == {"enlarged": 40}


def test_the_same_seed_gives_the_same_split_and_another_one_another(folder):
    digests = [load(ImagesData(path=str(folder)), seed).meta["digest"] for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]


def test_given_parts_are_kept_and_what_is_missing_is_carved_from_train(folder, tmp_path):
    parted = tmp_path / "parted"
    for part, seed in (("train", 0), ("test", 50)):
        for name in ("cat", "dog"):
            (parted / part / name).mkdir(parents=True)
            for i in range(11):
                data = encode_png(noise(seed=1000 * (name == "dog") + seed + i))
                (parted / part / name / f"{i}.png").write_bytes(data)
    whole = load(ImagesData(path=str(parted)), 0)
    assert whole.meta["rows"] == {"train": 20, "val": 2, "test": 22}
    named = load(ImagesData(train=str(parted / "train"), test=str(parted / "test")), 0)
    assert named.meta["digest"] == whole.meta["digest"]


def test_a_folder_beside_train_that_is_no_part_is_refused_not_passed_over(folder):
    for part in ("train", "Testing", "extra"):
        (folder / part).mkdir()
    for name in ("cat", "dog"):
        (folder / name).rename(folder / "train" / name)
        (folder / "Testing" / name).mkdir()
        (folder / "Testing" / name / "0.png").write_bytes(encode_png(noise(seed=ord(name[0]))))
    with pytest.raises(BadInput, match=r"folders beside train that are no parts; wanted .*--data.train.*, got extra"):
        load(ImagesData(path=str(folder)), 0)
    (folder / "extra").rmdir()
    assert load(ImagesData(path=str(folder)), 0).meta["rows"]["test"] == 2


def test_a_class_whose_name_is_no_utf_8_is_called_by_what_can_be_shown_and_sent(folder):
    (folder / "cat").rename(folder / os.fsdecode(b"caf\xe9"))
    splits = load(ImagesData(path=str(folder)), 0)
    assert splits.meta["classes"] == [r"caf\xe9", "dog"]
    json.dumps(splits.meta, ensure_ascii=False).encode()


def parted(folder, *names, classes=("cat", "dog")):
    """Folders of these names with three pictures of each class, all of them different."""
    for number, (name, one) in enumerate(itertools.product(names, classes)):
        (folder / name / one).mkdir(parents=True)
        for i in range(3):
            (folder / name / one / f"{i}.png").write_bytes(encode_png(noise(seed=3 * number + i)))
    return str(folder)


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        (("training_set", "test_set"), {"train": 4, "val": 2, "test": 6}),
        (("TrainSet", "dev", "Testing"), {"train": 6, "val": 6, "test": 6}),
        (("train", "valid-images", "test data"), {"train": 6, "val": 6, "test": 6}),
        (("training", "validation", "evaluation"), {"train": 6, "val": 6, "test": 6}),
        (("train", "eval"), {"train": 4, "val": 2, "test": 6}),
        (("train", "eval", "test"), {"train": 6, "val": 6, "test": 6}),
    ],
)
def test_parts_are_known_by_their_usual_names(names, rows, tmp_path):
    meta = load(ImagesData(path=parted(tmp_path, *names)), 0).meta
    assert (meta["classes"], meta["rows"]) == (["cat", "dog"], rows)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            ("val", "test"),
            "folders that look like parts.*wanted train beside val and test.*got test, val, each with cat",
        ),
        (("fold1", "fold2"), "folders that look like parts.*got fold1, fold2, each with cat, dog"),
        (("train", "test", "test_set"), "two folders for test; wanted one, or .*, got test, test_set"),
    ],
)
def test_folders_that_look_like_parts_are_not_learnt_as_classes(names, told, tmp_path):
    with pytest.raises(BadInput, match=told):
        load(ImagesData(path=parted(tmp_path, *names)), 0)


def test_folders_within_classes_are_no_parts_where_their_names_differ_or_there_is_one_alone(tmp_path):
    for names in (("front",), ("front", "side")):
        place = tmp_path / str(len(names))
        parted(place, "cat", "dog", classes=names)
        if len(names) > 1:
            (place / "dog" / "side").rename(place / "dog" / "back")
        assert load(ImagesData(path=str(place)), 0).meta["classes"] == ["cat", "dog"]


def test_a_class_may_be_called_train(folder):
    (folder / "cat").rename(folder / "train")
    assert load(ImagesData(path=str(folder)), 0).meta["classes"] == ["dog", "train"]
    (folder / "dog").rename(folder / "training")
    assert load(ImagesData(path=str(folder)), 0).meta["classes"] == ["train", "training"]


def test_a_table_names_pictures_seen_from_its_own_folder(folder):
    lines = [f"{p.relative_to(folder)},{p.parent.name}" for p in sorted(folder.rglob("*.png"))]
    (folder / "all.csv").write_text("path,label\n" + "\n".join(lines) + "\n")
    table, plain = (load(ImagesData(path=str(folder / name)), 0) for name in ("all.csv", ""))
    assert table.meta["digest"] == plain.meta["digest"]


def split_table(folder, *splits):
    """A table of the first pictures of cat and dog, the split of each in turn."""
    pairs = [(one, i) for i in range(len(splits) // 2) for one in ("cat", "dog")]
    lines = [f"{one}/{i:02}.png,{one},{split}" for (one, i), split in zip(pairs, splits, strict=True)]
    (folder / "split.csv").write_text("\n".join(["path,label,split", *lines]) + "\n")
    return str(folder / "split.csv")


def test_a_table_s_column_split_says_which_part_a_picture_is_in(folder):
    parts = ("train",) * 8 + ("val",) * 4 + ("test",) * 6
    splits = load(ImagesData(path=split_table(folder, *parts, "", "")), 0)
    assert splits.meta["rows"] == {"train": 8, "val": 4, "test": 6}
    assert splits.meta["others"] == {"rows of no split": 2}
    assert [Path(place).name for place in splits.val.kept["places"]] == ["04.png", "04.png", "05.png", "05.png"]
    carved = load(ImagesData(path=split_table(folder, *["train"] * 8, *["test"] * 6)), 0)
    assert carved.meta["rows"] == {"train": 6, "val": 2, "test": 6}
    assert load(ImagesData(path=split_table(folder, *[""] * 20)), 0).meta["split_rule"].startswith("random")


@pytest.mark.parametrize(
    ("splits", "flag", "told"),
    [
        (("train", "dev"), "path", r"split.csv:3:split: unknown split; wanted train, val, test or nothing, got 'dev'"),
        (("val", "test"), "path", r"split.csv: no row to learn from; wanted train in the column 'split'"),
        (
            ("train", "test"),
            "train",
            r"split.csv:3:split: a row of another part; wanted train alone, or --data.path, got",
        ),
    ],
)
def test_a_column_split_that_cannot_be_followed_is_told_with_its_line(folder, splits, flag, told):
    with pytest.raises(BadInput, match=told):
        load(ImagesData(**{flag: split_table(folder, *splits)}), 0)


def test_a_picture_under_two_labels_is_told_and_a_class_of_such_alone_names_the_other(folder):
    from pipelines.images import DOMAIN

    (folder / "dog" / "00.png").write_bytes((folder / "cat" / "03.png").read_bytes())
    told = "\n".join(DOMAIN.about(load(ImagesData(path=str(folder)), 0).meta))
    assert "1 picture stands twice, 1 picture under two labels: 2 removed" in told
    assert told.startswith("classes: cat, dog\n")
    for path in (folder / "dog").iterdir():
        path.write_bytes((folder / "cat" / path.name).read_bytes())
    with pytest.raises(BadInput) as error:
        load(ImagesData(path=str(folder)), 0)
    assert error.value.what == "class 'dog' has no picture left to learn from"
    assert error.value.got == (f"pictures that also stand under 'cat', as {folder}/dog/00.png and {folder}/cat/00.png")


def test_a_link_that_leads_nowhere_is_listed_as_a_broken_file_is(folder):
    (folder / "cat" / "gone.png").symlink_to("nowhere.png")
    corrupt = load(ImagesData(path=str(folder)), 0).meta["corrupt"]
    assert corrupt == [f"{folder}/cat/gone.png: no such file, or a link that leads nowhere"]


def test_colours_of_16_bits_are_said_to_be_converted():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = noise(5, 7)
    rows = b"".join(b"\0" + (row.astype(">u2") * 257).tobytes() for row in pixels)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 7, 5, 16, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    found = decoded(data)
    np.testing.assert_array_equal(found.pixels[0], pixels)
    assert found.found == {"of 16 bits": 1}


def test_corrupt_files_are_listed_or_end_it(folder):
    (folder / "cat" / "empty.jpg").touch()
    (folder / "dog" / "text.png").write_text("hello")
    (folder / "dog" / "notes.txt").write_text("no picture's name")
    corrupt = load(ImagesData(path=str(folder)), 0).meta["corrupt"]
    assert [line.rpartition("/")[2].partition(":")[0] for line in corrupt] == ["empty.jpg", "text.png"]
    with pytest.raises(BadInput, match=r"empty.jpg.*cannot be read and 1 more; wanted .*--data.corrupt list"):
        load(ImagesData(path=str(folder), corrupt="fail"), 0)


def test_files_that_are_not_looked_at_are_counted(folder):
    (folder / "cat" / "phone.HEIC").write_bytes(b"x")
    (folder / "dog" / "scan.tif").write_bytes(b"x")
    (folder / "loose.png").write_bytes(encode_png(noise()))
    (folder / "cat" / ".hidden.png").touch()
    others = load(ImagesData(path=str(folder)), 0).meta["others"]
    assert others == {".heic": 1, ".tif": 1, "outside the classes' folders": 1}


def test_every_row_says_which_file_it_came_from_in_folds_too(folder):
    for name in ("00.png", "01.png"):  # one broken and one that stands twice, so that rows and files count differently
        (folder / "cat" / name).write_bytes((folder / "dog" / "05.png").read_bytes() if name > "00" else b"")
    splits = load(ImagesData(path=str(folder), size=16), 0)
    for part in (splits, *folds(splits, 3, seed=0)):
        for rows in (part.train, part.val, part.test):
            again = decode([Path(place) for place in rows.kept["places"]], rows["image"].shape[1:])
            np.testing.assert_array_equal(again.pixels, rows["image"])
            assert [Path(place).parent.name for place in rows.kept["places"]] == [
                part.meta["classes"][label] for label in rows["label"]
            ]


def change(folder, what):
    if what == "empty class":
        (folder / "bird").mkdir()
    elif what == "one class":
        for path in (folder / "dog").iterdir():
            path.unlink()
        (folder / "dog").rmdir()
    elif what == "all broken":
        for path in (folder / "dog").iterdir():
            path.write_text("x")
    elif what == "table":
        (folder / "t.csv").write_text("path,label\ncat/00.png,cat\ncat/99.png,cat\n")


@pytest.mark.parametrize(
    ("what", "options", "told"),
    [
        ("empty class", {}, "bird: an empty class"),
        ("one class", {}, "one class only"),
        ("all broken", {}, "class 'dog' has no readable picture"),
        ("table", {"path": "t.csv"}, "t.csv:3:path: no such picture"),
        ("", {"path": "cat"}, "no folder of a class"),
        (
            "",
            {"path": "nothing"},
            "nothing: no such file or folder; wanted a folder that holds a folder for each class",
        ),
        ("", {"path": "cat/00.png"}, "cat/00.png: a picture alone; wanted a folder"),
        ("", {"size": -1}, "data.size cannot work"),
        ("", {"name": "digits"}, "several sources"),
        ("", {"val_fraction": 0.7, "test_fraction": 0.5}, "fractions do not leave three parts"),
    ],
)
def test_what_cannot_be_learnt_from_is_told_with_its_place(folder, what, options, told):
    change(folder, what)
    place = str(folder / options.pop("path", ""))
    with pytest.raises(BadInput) as error:
        load(ImagesData(path=place, **options), 0)
    assert told in str(error.value)


def test_pictures_that_stand_twice_are_kept_out_of_training(folder):
    for name in ("test", "train"):
        (folder / name).mkdir()
    for one in ("cat", "dog"):
        (folder / one).rename(folder / "train" / one)
        (folder / "test" / one).mkdir()
        for i in (1, 2):
            data = (folder / "train" / one / f"{i:02}.png").read_bytes()
            (folder / "test" / one / f"{i}.png").write_bytes(data)
    splits = load(ImagesData(path=str(folder)), 0)
    assert splits.meta["duplicates"]["shared"] == {"test in train": 4}
    assert splits.meta["rows"]["train"] + splits.meta["rows"]["val"] == 36


def test_folds_test_every_picture_once(folder):
    parts = list(folds(load(ImagesData(path=str(folder)), 0), 3, seed=0))
    tested = np.concatenate([part.test["image"].sum((1, 2, 3)) for part in parts])
    assert len(tested) == len(set(tested.tolist())) == 40
    assert all(
        part.train.batch(np.array([0]), 0, 1).keys() >= {"image", "label", "mirrored", "draws"} for part in parts
    )


# Archives and published sets


def test_digits_are_split_in_the_order_of_the_file():
    splits = load(ImagesData(), 0)
    assert splits.meta["rows"] == {"train": 808, "val": 90, "test": 899}
    assert splits.train["image"].shape[1:] == (8, 8, 1)
    assert not splits.meta["mirror"]
    from sklearn.datasets import load_digits

    np.testing.assert_array_equal(splits.test["label"], load_digits().target[898:])


def test_pictures_that_come_as_arrays_take_the_size_that_is_asked_for():
    plain, small = (load(ImagesData(size=size), 0) for size in (0, 4))
    assert small.test["image"].shape == (899, 4, 4, 1)
    # Of halving with antialiasing, which weighs neighbours beyond a pair too, the mean is about the same.
    assert abs(small.test["image"].mean() - plain.test["image"].mean()) < 3


def test_an_archive_of_jpegs_gives_the_pictures_of_its_bytes_and_says_that_it_is_lossy(tmp_path):
    blobs = [encoded(noise(16, 16, seed=seed), "JPEG") for seed in range(30)]
    offset = np.cumsum([0, *map(len, blobs)])
    part = {"jpeg": np.frombuffer(b"".join(blobs), np.uint8), "offset": offset, "label": np.arange(30) % 2}
    np.savez(tmp_path / "a.npz", **{f"{s}_{k}": v for s in ("train", "test") for k, v in part.items()})
    splits = load(ImagesData(path=str(tmp_path / "a.npz"), duplicates="keep"), 0)
    np.testing.assert_array_equal(splits.test["image"], decoded(*blobs).pixels)
    assert "lossy" in splits.meta["source"]
    assert splits.meta["found"] == {"decoded from JPEG, lossy": 60}


PIXELS, LABELS = np.zeros((7, 5, 5), np.uint8), np.arange(7) % 3


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"x_train": PIXELS}, "no array 'y_train'"),
        ({"x_train": PIXELS.astype(float), "y_train": LABELS}, "pictures of another form"),
        ({"x_train": PIXELS, "y_train": LABELS[:5]}, "labels of another form"),
        ({"x_train": PIXELS, "y_train": LABELS - 1}, "a label below 0"),
        ({"x_train": PIXELS, "y_train": LABELS, "x_test": PIXELS, "y_test": LABELS + 1}, "a label outside the classes"),
        (
            {"x_train": PIXELS, "y_train": LABELS, "x_test": PIXELS[:, 1:], "y_test": LABELS},
            "a.npz: parts with pictures of different sizes.*got train 5 x 5 x 1, test 4 x 5 x 1",
        ),
        (
            {"x_train": PIXELS, "y_train": LABELS, "x_test": np.zeros((7, 5, 5, 3), np.uint8), "y_test": LABELS},
            "a.npz: parts with grey and with coloured pictures.*got train 5 x 5 x 1, test 5 x 5 x 3",
        ),
        ({"x_train": PIXELS, "y_train": LABELS, "classes": np.array(["a", "b", "a"])}, "two classes are named 'a'"),
        ({"y_train": LABELS}, "no pictures to learn from"),
        ({"x_train": PIXELS, "y_train": LABELS * 0}, "a.npz: one class only"),
        (
            {"x_train": noise(7, 5, 5), "y_train": LABELS * 2},
            "a.npz: class '1' has no picture to .* without a gap.*none of 1, 3",
        ),
        ({"x_train": PIXELS, "y_train": LABELS}, "a.npz: class '0' has no picture left"),  # all are one picture
        ({"train_jpeg": PIXELS.ravel(), "train_offset": LABELS, "train_label": LABELS}, "offsets that do not cut"),
    ],
)
def test_an_archive_of_another_form_is_refused(tmp_path, arrays, told):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(BadInput, match=told):
        load(ImagesData(path=str(tmp_path / "a.npz")), 0)


def test_an_archive_is_told_from_what_has_its_name_alone(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=PIXELS, y_train=LABELS)
    (tmp_path / "b.NPZ").write_bytes((tmp_path / "a.npz").read_bytes())
    with pytest.raises(BadInput, match=r"b.NPZ: class '0' has no picture left"):  # all are one picture
        load(ImagesData(path=str(tmp_path / "b.NPZ")), 0)
    for name, data in (("text.npz", b"hello"), ("cut.npz", (tmp_path / "a.npz").read_bytes()[:300])):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BadInput, match=f"{name}: not a .npz of plain arrays; .*got no archive, or one cut short"):
            load(ImagesData(path=str(tmp_path / name)), 0)


def test_labels_may_be_a_column_as_keras_has_them_and_rows_say_where_they_stood(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=noise(60, 5, 5)[..., None], y_train=np.arange(60)[:, None] % 3)
    test = load(ImagesData(path=str(tmp_path / "a.npz")), 0).test
    rows = [int(place.removeprefix("train[").rstrip("]")) for place in test.kept["places"]]
    np.testing.assert_array_equal(test["label"], np.array(rows) % 3)


def write_idx(folder, cut=0):
    rng = np.random.default_rng(0)
    for prefix, rows in (("train", 60), ("t10k", 20)):
        arrays = {"images-idx3": rng.integers(0, 256, (rows, 6, 7), np.uint8), "labels-idx1": np.arange(rows) % 10}
        for kind, array in arrays.items():
            head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
            data = head + array.astype(np.uint8).tobytes()[: -cut or None]
            (folder / f"{prefix}-{kind}-ubyte.gz").write_bytes(gzip.compress(data))


def test_the_four_files_of_mnist_s_form_are_read_and_those_of_fashion_known_by_their_folder(tmp_path):
    fashion = tmp_path / "fashion-mnist"
    fashion.mkdir()
    write_idx(fashion)
    splits = load(ImagesData(path=str(fashion)), 0)
    assert splits.meta["rows"] == {"train": 50, "val": 10, "test": 20}
    assert splits.meta["classes"][9] == "Ankle boot"
    assert splits.meta["mirror"]
    assert splits.train["image"].shape[1:] == (6, 7, 1)


def test_an_idx_file_cut_short_is_told(tmp_path):
    write_idx(tmp_path, cut=3)
    with pytest.raises(BadInput, match=r"train-images-idx3-ubyte\.gz: cut short"):
        load(ImagesData(path=str(tmp_path)), 0)


def test_any_set_of_tensorflow_datasets_is_read_by_its_name(tmp_path):
    import tensorflow_datasets as tfds

    with tfds.testing.mock_data(num_examples=53, data_dir=str(tmp_path)):
        splits = load(ImagesData(name="cifar10"), 0)
    assert sum(splits.meta["rows"].values()) == 53
    assert splits.train["image"].shape[1:] == (32, 32, 3)
    assert len(splits.meta["classes"]) == 10
    assert splits.meta["mirror"]


def test_a_set_of_large_pictures_or_of_several_sizes_is_taken_in_one(tmp_path):
    import tensorflow_datasets as tfds

    with tfds.testing.mock_data(num_examples=31, data_dir=str(tmp_path)):
        for name, size, side in (("cats_vs_dogs", 0, 64), ("rock_paper_scissors", 0, 64), ("cats_vs_dogs", 20, 20)):
            assert load(ImagesData(name=name, size=size), 0).train["image"].shape[1:] == (side, side, 3)


@pytest.mark.parametrize(
    ("image", "label", "told"),
    [
        (np.float32, ["a", "b"], "a set without what is to be learnt from here; wanted pictures of 8 bits"),
        (np.uint8, None, "a set without what is to be learnt from here; wanted pictures of 8 bits"),
        (np.uint8, ["a", "b"], "some: test labels: a label below 0"),  # as sets have that keep their test labels
    ],
)
def test_a_set_of_other_rows_is_refused(monkeypatch, image, label, told):
    features = {
        "image": SimpleNamespace(shape=(5, 7, 3), np_dtype=image),
        "label": SimpleNamespace(**({"names": label} if label else {})),
    }
    rows = {"train": [{"image": noise(5, 7), "label": 1}] * 3, "test": [{"image": noise(5, 7), "label": -1}] * 3}
    info = SimpleNamespace(features=features, splits=rows, full_name="some/1.0.0")
    builder = SimpleNamespace(info=info, as_data_source=rows.__getitem__)
    monkeypatch.setattr("data.image_sets.opened", lambda *arguments: builder)
    with pytest.raises(BadInput, match=told):
        load(ImagesData(name="some"), 0)


def test_what_a_set_says_while_it_is_fetched_stays_off_stdout_and_the_failure_names_a_way_out_and_leaves_nothing(
    monkeypatch, capsys, tmp_path
):
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import downloader

    others = tmp_path / "tfds" / "downloads" / "fashion_mnist" / "whole.gz.tmp.of_another_process"
    others.mkdir(parents=True)

    def fetched():
        (others.parent / "set.gz.tmp.1").mkdir()
        (others.parent / "set.gz.tmp.1" / "set.gz").write_text("half")
        (tmp_path / "tfds" / "fashion_mnist").mkdir()
        print("Downloading ...")
        raise ConnectionError("no such host\nand so on")

    builder = SimpleNamespace(info=SimpleNamespace(features={"image": 0, "label": 0}), download_and_prepare=fetched)
    builder.name, builder.data_dir_root = "fashion_mnist", tmp_path / "tfds"
    monkeypatch.setattr(tfds, "builder", lambda *arguments, **options: builder)
    monkeypatch.setattr("data.images.DEBIAN", "/nowhere")
    wanted = "a network, or Debian's package dataset-fashion-mnist, or --data.path, got no such host$"
    with pytest.raises(BadInput, match=f"fashion_mnist: the set cannot be had; wanted {wanted}"):
        load(ImagesData(name="fashion_mnist"), 0)
    assert capsys.readouterr() == ("", "Downloading ...\n")
    assert list((tmp_path / "tfds").rglob("*")) == [others.parents[1], others.parent, others]
    assert downloader.MAX_RETRIES < 10  # which take minutes


def test_a_name_that_nobody_has_published_is_refused():
    with pytest.raises(BadInput, match="data: unknown name; wanted digits"):
        load(ImagesData(name="no_such_set"), 0)


@pytest.mark.parametrize("name", ["mnist.npz", "cifar10_q75_jpeg.npz"])
def test_the_sets_at_hand_have_their_published_sizes(name):
    if not (SHARED / name).exists():
        pytest.skip(f"no {SHARED / name}")
    from data.image_arrays import read_npz

    if name == "mnist.npz":
        assert {part: len(own.labels) for part, own in read_npz(str(SHARED / name)).parts.items()} == {
            "train": 60_000, "test": 10_000}  # fmt: skip
    else:  # decoding all of it takes a dozen seconds
        with np.load(SHARED / name) as arrays:
            data, ends = arrays["test_jpeg"], arrays["test_offset"]
        some = [data[a:b].tobytes() for a, b in itertools.pairwise(ends[:51])]
        assert decoded(*some).pixels.shape == (50, 32, 32, 3)


# Of a trained model, and numbers for augmentation


def test_files_for_a_trained_model_take_its_size_and_must_be_of_its_classes(folder):
    facts = {"height": 9, "width": 7, "channels": 1}
    metadata = {"run": {"data": {"path_column": "path", "label_column": "label"}}, "data": facts}
    rows = labelled_rows(str(folder), {**metadata, "classes": ["ant", "cat", "dog"]})
    assert rows["image"].shape == (40, 9, 7, 1)
    assert np.bincount(rows["label"]).tolist() == [0, 23, 17]
    with pytest.raises(BadInput, match=r"dog/00.png: label unseen in training; wanted one of cat, got 'dog'"):
        labelled_rows(str(folder), {**metadata, "classes": ["cat"]})
    (folder / "cat" / "empty.png").touch()
    pieces = list(requests(str(folder), metadata))
    assert [len(table.rows) for table, _ in pieces] == [40]  # the broken one is told and left out
    assert decoded(*pieces[0][1]["image_bytes"]).pixels.shape == (40, 9, 7, 1)


def test_mirroring_alternates_and_numbers_are_a_pure_function_of_seed_epoch_and_row():
    draws, row = Draws(1009, True), {"row": np.arange(1009)}
    epochs = [draws(row, 7, epoch) for epoch in range(4)]
    sides = [epoch["mirrored"] for epoch in epochs]
    assert (sides[0] != sides[1]).all()
    assert (sides[0] == sides[2]).all()
    assert 0.4 < sides[0].mean() < 0.6  # 1,009 fair coins: six deviations
    some = Draws(1009, True)({"row": np.array([5, 3])}, 7, 2)
    np.testing.assert_array_equal(some["draws"], epochs[2]["draws"][[5, 3]])
    assert not np.array_equal(epochs[1]["draws"], epochs[2]["draws"])
    assert epochs[0]["draws"].shape == (1009, NUMBERS)


def test_nothing_moves_outside_training_and_what_must_not_be_mirrored_never_is():
    still = Draws(11, True)({"row": np.arange(11)}, 0, -1)
    assert not still["mirrored"].any()
    assert (still["draws"] == 0.5).all()
    assert not any(Draws(11, False)({"row": np.arange(11)}, 0, epoch)["mirrored"].any() for epoch in range(5))
