"""DNA encoding, tables with located errors, duplicates within and across files, and the splits that come of them."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.dna_sets import EMBEDDED
from data.errors import BadInput
from data.genomics import GenomicsData, labelled_rows, load
from data.sequences import LETTERS, Sequences, content_ids, decode, encode, reverse_complement
from data.splits import Splits
from data.tables import read_table, stream

ROOT = Path(__file__).parents[2]
GUE = ROOT.parent / "shared" / "data" / "genomics" / "gue"
BASES_OF = {  # IUPAC-IUB 1984, written out apart from the module under test
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")
texts = st.lists(st.text(alphabet=LETTERS, min_size=1, max_size=13), min_size=1, max_size=7)


def write(path: Path, text: str | bytes, *, compress: bool = False) -> str:
    content = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(content, mtime=0) if compress else content)
    return str(path)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(BadInput) as caught:
        call()
    return str(caught.value)


# ------------------------------------------------------------------------------------------------------------ encoding


def test_each_iupac_letter_is_the_or_of_its_bases() -> None:
    bit = {"A": 1, "C": 2, "G": 4, "T": 8}
    for letter, bases in BASES_OF.items():
        assert encode([letter]).codes.tolist() == [sum(bit[base] for base in bases)], letter


def test_lower_case_and_rna_mean_the_same_as_upper_case_dna() -> None:
    assert decode(encode(["acgtu", "ACGUN", "ryswkmbdhvn"])) == ["ACGTT", "ACGTN", "RYSWKMBDHVN"]


@given(texts)
def test_decoding_gives_back_what_was_encoded(sequences: list[str]) -> None:
    column = encode(sequences)
    assert decode(column) == sequences
    assert decode(column[np.arange(len(column))]) == sequences


@given(texts)
def test_the_reverse_complement_is_that_of_the_string_and_its_own_inverse(sequences: list[str]) -> None:
    codes = encode(sequences)[:]
    assert decode(reverse_complement(codes)) == [text[::-1].translate(COMPLEMENT) for text in sequences]
    assert np.array_equal(reverse_complement(reverse_complement(codes)), codes)


def test_n_is_its_own_complement_and_padding_stays_on_the_right() -> None:
    codes = np.array([[15, 15, 15, 0, 0], [1, 2, 15, 5, 0]], np.uint8)
    assert reverse_complement(codes).tolist() == [[15, 15, 15, 0, 0], [10, 15, 4, 8, 0]]


def test_gathering_pads_to_the_width_of_the_source_whatever_the_batch() -> None:
    column = encode(["ACG", "A", "ACGTACG"])
    assert column[np.array([1, 0])].tolist() == [[1, 0, 0, 0, 0, 0, 0], [1, 2, 4, 0, 0, 0, 0]]
    assert column[1].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert column[np.array([], int)].shape == (0, 7)
    assert column[np.array([False, True, False])].dtype == np.uint8
    short = column.select(np.array([1, 0]))
    assert (len(short), short.width, short.codes.tolist()) == (2, 7, [1, 1, 2, 4])
    assert np.array_equal(short[:], column[np.array([1, 0])])


def test_columns_are_joined_in_order_and_as_wide_as_the_widest() -> None:
    column = Sequences.concat([encode(["AC", "G"]), encode(["TTTTT"])])
    assert decode(column) == ["AC", "G", "TTTTT"]
    assert column[:].shape == (3, 5)


def test_equal_content_has_one_number_across_parts() -> None:
    first, second = content_ids([encode(["ACG", "AC", "acg"]), encode(["AC", "CA", "ACG"])])
    assert first[0] == first[2] == second[2]
    assert first[1] == second[0]
    assert len({first[0], first[1], second[1]}) == 3


@pytest.mark.parametrize("letter", ["-", "*", "4", " ", ".", "E", "é", "Ω"])
def test_a_letter_that_is_no_base_is_named_with_its_row_and_position(letter: str) -> None:
    message = refused(lambda: encode(["ACG", f"AC{letter}T"]))
    assert message.startswith("sequence 2: unknown letter at position 3; wanted A, C, G, T, U or an IUPAC letter")
    assert message.endswith(f"got {letter!r}")


@pytest.mark.parametrize(
    ("sequences", "shortest", "longest", "message"),
    [
        (["ACG", ""], 1, 0, "sequence 2: empty sequence; wanted at least 1 base, got 0"),
        (["ACG", "ACGTA"], 1, 4, "sequence 2: sequence too long; wanted 1 to 4 bases, as in training, got 5"),
        (["ACG", "AC"], 3, 3, "sequence 2: sequence too short; wanted 3 bases, as in training, got 2"),
    ],
)
def test_a_length_that_the_model_does_not_take_is_refused(
    sequences: list[str], shortest: int, longest: int, message: str
) -> None:
    assert refused(lambda: encode(sequences, shortest=shortest, longest=longest)) == message


def test_a_longest_length_is_the_width() -> None:
    assert encode(["AC"], longest=5)[:].tolist() == [[1, 2, 0, 0, 0]]


# -------------------------------------------------------------------------------------------------------------- tables

PLAIN = "sequence,label\nACGT,x\nGGTT,y\n"


@pytest.mark.parametrize(
    ("name", "content", "compress"),
    [
        ("a.csv", PLAIN, False),
        ("a.csv", "\ufeff" + PLAIN, False),
        ("a.csv", PLAIN.replace("\n", "\r\n"), False),
        ("a.csv", PLAIN + "\n\n", False),
        ("a.csv", PLAIN.rstrip("\n"), False),
        ("a.csv", PLAIN.replace(",", ";"), False),
        ("a.tsv", PLAIN.replace(",", "\t"), False),
        ("a.txt", PLAIN.replace(",", "\t"), False),
        ("a.csv.gz", PLAIN, True),
        ("a.csv", PLAIN, True),
        ("a.csv", '"sequence","label"\n"ACGT","x"\n"GGTT","y"\n', False),
        ("a.csv", "sequence, label\n ACGT , x\nGGTT,y \n", False),
    ],
)
def test_every_usual_form_of_a_table_reads_alike(tmp_path: Path, name: str, content: str, compress: bool) -> None:
    table = read_table(write(tmp_path / name, content, compress=compress), columns=("sequence", "label"))
    assert table.column("sequence") == ["ACGT", "GGTT"]
    assert table.column("label") == ["x", "y"]
    assert table.lines == [2, 3]


def test_columns_may_stand_in_any_order_among_others_and_cells_may_hold_delimiters_and_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'id,label,note,sequence\n1,x,"a, b\nc",ACGT\n2,y,"say ""d""",GG\n')
    table = read_table(path, columns=("sequence", "label"))
    assert table.column("note") == ["a, b\nc", 'say "d"']
    assert table.column("sequence") == ["ACGT", "GG"]
    assert table.place(1, "sequence") == f"{path}:4:sequence"


@pytest.mark.parametrize("chunk", [1, 3, 7, 11])
def test_streaming_keeps_order_count_and_all_columns_whatever_the_chunk(tmp_path: Path, chunk: int) -> None:
    rows = [[str(number), "ACGT"[number % 4] * 3, f"n{number}"] for number in range(7)]
    path = write(tmp_path / "a.csv", "\n".join(map(",".join, [["id", "sequence", "note"], *rows])))
    tables = list(stream(path, columns=("sequence",), chunk=chunk))
    assert [row for table in tables for row in table.rows] == rows
    assert [line for table in tables for line in table.lines] == list(range(2, 9))
    assert {table.header for table in tables} == {("id", "sequence", "note")}
    assert all(len(table.rows) <= chunk for table in tables)


def test_streaming_reads_no_further_than_it_is_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "sequence\nA\nC\nG\nT,T\n")
    tables = stream(path, chunk=2)
    assert next(tables).rows == [["A"], ["C"]]
    assert refused(lambda: next(tables)).startswith(f"{path}:5: row of another length")


HEADER = b"sequence,label\n"
BAD_TABLES = {
    "empty file": ("a.csv", b"", ":1: empty file; wanted a header line"),
    "blank header": ("a.csv", b"\n" + HEADER, ":1: blank line; wanted a header line"),
    "header only": ("a.csv", HEADER, ":2: no rows after the header; wanted at least one row"),
    "missing column": (
        "a.csv",
        b"seqence,label\nAC,x\n",
        ":1: no column 'sequence' (did you mean 'seqence'?); wanted a header with 'sequence', got 'seqence, label'",
    ),
    "column of another case": (
        "a.csv",
        b"Sequence,label\nAC,x\n",
        ":1: no column 'sequence' (did you mean 'Sequence'?)",
    ),
    "column twice": ("a.csv", b"sequence,label,label\nA,x,y\n", ":1: two columns are named 'label'; wanted one"),
    "short row": (
        "a.csv",
        HEADER + b"AC,x\nGG\n",
        ":3: row of another length; wanted 2 cells as in the header, 'sequence, label', got 1",
    ),
    "long row": ("a.csv", HEADER + b"AC,x\nGG,y,z\n", ":3: row of another length; wanted 2 cells"),
    "blank line inside": ("a.csv", HEADER + b"AC,x\n\nGG,y\n", ":3: blank line; wanted a row of 2 cells"),
    "gzip cut short": (
        "a.csv.gz",
        gzip.compress(PLAIN.encode(), mtime=0)[:-8],
        ":4: gzip cut short; wanted the whole file",
    ),
    "gzip cut in its head": ("a.csv.gz", gzip.compress(PLAIN.encode(), mtime=0)[:7], ":1: gzip cut short"),
    "gzip with a wrong checksum": (
        "a.csv.gz",
        gzip.compress(PLAIN.encode(), mtime=0)[:-8] + bytes(8),
        ":4: damaged gzip; wanted an intact file",
    ),
    "not gzip though named so": ("a.csv.gz", PLAIN.encode(), ": not gzip, though named so; wanted gzip, or a name"),
    "latin-1": (
        "a.csv",
        HEADER + "AC,x\nGG,\u00e9t\u00e9\n".encode("latin-1"),
        ":3: wrong encoding at byte 4 of the line; wanted UTF-8, got 0xe9",
    ),
    "utf-16": ("a.csv", PLAIN.encode("utf-16"), ":1: wrong encoding; wanted UTF-8, got UTF-16"),
    "NUL": ("a.csv", HEADER + b"AC,x\nG\0G,y\n", ":3: NUL at byte 2 of the line; wanted text"),
    "open quote": (
        "a.csv",
        HEADER + b'AC,x\n"GG,y\nTT,x\n',
        ':3: a quote is opened and not closed; wanted a closing "',
    ),
    "text after a quote": ("a.csv", HEADER + b'AC,x\n"GG"T,y\n', ":3: malformed row; wanted quotes around whole cells"),
    "bare carriage returns": ("a.csv", HEADER + b"AC,x\nGG,y\rTT,x\n", ":3: a carriage return inside a line"),
    "empty sequence": ("a.csv", HEADER + b"AC,x\n,y\n", ":3:sequence: empty sequence; wanted a value in every row"),
    "empty label": ("a.csv", HEADER + b"AC,x\nGG, \n", ":3:label: empty label; wanted a value in every row"),
    "unknown letter": (
        "a.csv",
        HEADER + b"AC,x\nGGT-A,y\n",
        ":3:sequence: unknown letter at position 4; wanted A, C, G, T, U or an IUPAC letter "
        "(R Y S W K M B D H V N), got '-'",
    ),
    "one class only": (
        "a.csv",
        HEADER + b"AC,x\nGG,x\n",
        ":2:label: one class only; wanted at least two different labels, got 'x'",
    ),
    "class that is all contradiction": (
        "a.csv",
        HEADER + b"AC,x\nAC,y\nGG,x\nTT,x\n",
        ": class 'y' has no row left to learn from; wanted rows that are neither held out",
    ),
    "too few rows to split": (
        "a.csv",
        HEADER + b"AC,x\nGG,y\n",
        ": no row left for val; wanted at least 3 different rows",
    ),
}


@pytest.mark.parametrize("fault", BAD_TABLES)
def test_each_fault_of_a_file_is_told_with_its_place_and_what_was_wanted(tmp_path: Path, fault: str) -> None:
    name, content, message = BAD_TABLES[fault]
    path = write(tmp_path / name, content)
    told = refused(lambda: load(GenomicsData(path=path), 0))
    assert told.startswith(path + message)


def test_a_file_that_is_not_there_is_a_folder_or_may_not_be_read_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = "; wanted a readable file, plain or gzip"
    missing = str(tmp_path / "none.csv")
    assert refused(lambda: load(GenomicsData(path=missing), 0)) == f"{missing}: no such file{wanted}"
    told = refused(lambda: load(GenomicsData(path=str(tmp_path)), 0))
    assert told.startswith(f"{tmp_path}: no FASTA file in this folder; wanted a FASTA file for each class, .fa")

    def deny(*_: object) -> None:  # the tests may run as root, who may read anything
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", deny)
    assert refused(lambda: load(GenomicsData(path="a.csv"), 0)) == f"a.csv: no permission to read{wanted}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            GenomicsData(name="splise"),
            "data: unknown name; wanted splice, genomics_ood or a name of tensorflow-datasets",
        ),
        (GenomicsData(path="a.csv", name="splice"), "data: several sources; wanted one of path, name, or train"),
        (GenomicsData(path="a.csv", test="b.csv"), "data: several sources"),
        (
            GenomicsData(test="b.csv"),
            "data: a file to judge on and none to learn from; wanted train beside it, got test",
        ),
        (
            GenomicsData(val_fraction=0.5, test_fraction=0.5),
            "data: fractions do not leave three parts; wanted each above 0",
        ),
        (GenomicsData(val_fraction=0.0), "data: fractions do not leave three parts"),
    ],
)
def test_options_that_cannot_work_are_refused(options: GenomicsData, message: str) -> None:
    assert refused(lambda: load(options, 0)).startswith(message)


# ------------------------------------------------------------------------------------------------- splits, duplicates


def contents(splits: Splits) -> dict[str, list[str]]:
    return {name: decode(rows["sequence"]) for name, rows in splits.items()}


@pytest.fixture(scope="module")
def splice() -> Splits:
    return load(GenomicsData(), 7)


def test_the_embedded_set_is_the_one_whose_provenance_is_written_beside_it() -> None:
    file = EMBEDDED / "splice.csv.gz"
    told = (EMBEDDED / "README.md").read_text()
    assert hashlib.sha256(file.read_bytes()).hexdigest() in told
    assert f"{file.stat().st_size:,} bytes" in told


def test_the_embedded_set_has_the_documented_rows_repeats_and_ambiguous_bases(splice: Splits) -> None:
    meta = splice.meta
    assert meta["duplicates"] == {
        "rule": "remove",
        "rows": {"all": 3190},
        "repeats": {"all": 3190 - 3005},
        "shared": {},
        "contradictory": {"contents": 1, "rows": 2},
        "removed": {"all": 3190 - 3004},
    }
    assert sum(meta["rows"].values()) == 3004
    assert meta["classes"] == ["EI", "IE", "N"]
    assert (meta["length"], meta["length_min"], meta["fixed_length"], meta["ambiguous_bases"]) == (60, 60, True, 60)
    assert (meta["unit"], meta["licence"]) == ("one DNA sequence", "CC BY 4.0")
    kept = load(GenomicsData(duplicates="keep"), 7).meta
    assert sum(kept["rows"].values()) == 3190
    assert {name: sum(kept["class_counts"][part][name] for part in kept["rows"]) for name in kept["classes"]} == {
        "EI": 767,
        "IE": 768,
        "N": 1655,
    }


def test_splits_share_no_sequence_and_keep_the_shares_of_the_classes(splice: Splits) -> None:
    parts = contents(splice)
    everything = [text for part in parts.values() for text in part]
    assert len(set(everything)) == len(everything) == 3004
    shares = {name: np.bincount(rows["label"]) / rows.size for name, rows in splice.items()}
    # One row more or less in the 300 of val and test is 0.0033.
    assert np.allclose(shares["val"], shares["train"], atol=0.0034)
    assert np.allclose(shares["test"], shares["train"], atol=0.0034)
    assert splice.train["label"].dtype == np.int32


def test_one_seed_gives_one_split_and_another_seed_another(splice: Splits) -> None:
    assert load(GenomicsData(name="splice"), 7).meta == splice.meta
    other = load(GenomicsData(), 8).meta
    assert all(other["digest"][part] != splice.meta["digest"][part] for part in ("train", "val", "test"))
    assert other["rows"] == splice.meta["rows"]


def test_the_digest_is_that_of_codes_lengths_and_labels(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{n}.csv", f"sequence,label\n{n}ACG,x\n{n}C,y\n") for n in "AGT"]
    splits = load(GenomicsData(train=paths[0], val=paths[1], test=paths[2]), 0)
    by_hand = bytes([1, 1, 2, 4, 1, 2]) + np.array([4, 2], "<i8").tobytes() + np.array([0, 1], "<i4").tobytes()
    assert splits.meta["digest"]["train"] == hashlib.sha256(by_hand).hexdigest()
    assert splits.meta["sha256"]["val"] == hashlib.sha256(Path(paths[1]).read_bytes()).hexdigest()
    assert splits.train["sequence"][:].tolist() == [[1, 1, 2, 4], [1, 2, 0, 0]]


def test_given_files_lose_from_train_what_stands_in_val_or_test_and_test_stays_as_it_is(tmp_path: Path) -> None:
    train = write(tmp_path / "t.csv", "sequence,label\nAA,x\nCC,y\nGG,x\ngg,x\nTT,y\nACG,x\nACG,y\nAAT,y\nCAT,x\n")
    val = write(tmp_path / "v.csv", "sequence,label\nCC,y\nTT,y\nGTG,x\nCAT,y\n")
    test = write(tmp_path / "e.csv", "sequence,label\nAA,x\naa,x\nTT,y\nTCC,x\n")
    splits = load(GenomicsData(train=train, val=val, test=test), 0)
    assert contents(splits) == {"train": ["GG", "AAT"], "val": ["CC", "GTG"], "test": ["AA", "AA", "TT", "TCC"]}
    assert splits.meta["duplicates"] == {
        "rule": "remove",
        "rows": {"train": 9, "val": 4, "test": 4},
        "repeats": {"train": 2, "val": 0, "test": 1},
        "shared": {"val in train": 3, "test in train": 3, "test in val": 1},
        "contradictory": {"contents": 2, "rows": 4},  # ACG twice in train; CAT in train and in val
        "removed": {"train": 7, "val": 2, "test": 0},
    }
    assert splits.meta["split_rule"] == "files as given"
    assert (splits.meta["length"], splits.meta["length_min"], splits.meta["fixed_length"]) == (3, 2, False)
    assert {rows["sequence"].width for _, rows in splits.items()} == {3}


def test_what_is_not_given_is_carved_out_of_train(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{''.join(rng.choice(list('ACGT'), 23))},{number % 2}" for number in range(50)]
    train = write(tmp_path / "t.csv", "\n".join(["sequence,label", *rows]))
    test = write(tmp_path / "e.csv", "sequence,label\nAAAAA,0\nCCCCC,1\n")
    splits = load(GenomicsData(train=train, test=test), 3)
    assert splits.meta["rows"] == {"train": 46, "val": 4, "test": 2}
    assert splits.meta["split_rule"].endswith("seed 3, held out: val 0.1; given: train, test")
    assert load(GenomicsData(train=train), 3).meta["rows"] == {"train": 42, "val": 4, "test": 4}


def test_a_label_unseen_in_training_is_named_with_its_line(tmp_path: Path) -> None:
    train = write(tmp_path / "t.csv", PLAIN)
    test = write(tmp_path / "e.csv", "sequence,label\nAAAA,x\nCCCC,z\n")
    message = refused(lambda: load(GenomicsData(train=train, val=train, test=test), 0))
    assert message == f"{test}:3:label: label unseen in training; wanted one of x, y, got 'z'"


def test_rows_to_judge_a_model_on_are_as_wide_as_it_takes_and_a_longer_one_is_named_with_its_column(
    tmp_path: Path,
) -> None:
    options = {"sequence_column": "sequence", "label_column": "label"}
    facts = {"run": {"data": options}, "data": {"shortest": 3, "length": 5}, "classes": ["a", "b"]}
    rows = labelled_rows(write(tmp_path / "a.csv", "sequence,label\nACG,b\nACGT,a\n"), facts)
    assert rows["sequence"].width == 5
    assert rows["label"].tolist() == [1, 0]
    path = write(tmp_path / "b.csv", "label,sequence\na,ACG\nb,ACGTAC\n")
    told = refused(lambda: labelled_rows(path, facts))
    assert told == f"{path}:3:sequence: sequence too long; wanted 3 to 5 bases, as in training, got 6"


def test_integer_labels_are_ordered_as_numbers_and_others_as_text(tmp_path: Path) -> None:
    def classes(names: list[str]) -> list[str]:
        rows = [f"{'ACGT'[n] * (3 + i)},{name}" for i, name in enumerate(names) for n in range(4)]
        path = write(tmp_path / "a.csv", "\n".join(["sequence,label", *rows]))
        return load(GenomicsData(path=path), 0).meta["classes"]

    assert classes(["10", "9", "-1"]) == ["-1", "9", "10"]
    assert classes(["10", "9", "b"]) == ["10", "9", "b"]


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    rows = [f"{n},{'ACGT'[n % 4] * (n + 2)},{n % 2}" for n in range(12)]
    path = write(tmp_path / "a.tsv", "\n".join(["id,bases,bound", *rows]).replace(",", "\t"))
    meta = load(GenomicsData(path=path, sequence_column="bases", label_column="bound"), 0).meta
    assert (sum(meta["rows"].values()), meta["classes"], meta["fixed_length"]) == (12, ["0", "1"], False)


@pytest.mark.parametrize(
    ("task", "rows", "test_in_train", "val_in_train"),
    [
        ("prom_core_tata", (4904, 613, 613), 16, 8),
        ("prom_300_tata", (4904, 613, 613), 6, 14),
        ("prom_core_notata", (42452, 5307, 5307), 30, 29),
        ("prom_core_all", (47356, 5920, 5920), 43, 54),
    ],
)
def test_the_promoter_tasks_show_their_documented_repeats(
    task: str, rows: tuple[int, int, int], test_in_train: int, val_in_train: int
) -> None:
    folder = GUE / task
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    files = {
        part: str(folder / f"{name}.csv.gz") for part, name in (("train", "train"), ("val", "dev"), ("test", "test"))
    }
    splits = load(GenomicsData(**files), 0)
    found = splits.meta["duplicates"]
    assert tuple(found["rows"].values()) == rows
    assert (found["shared"]["test in train"], found["shared"]["val in train"]) == (test_in_train, val_in_train)
    assert splits.test.size == rows[2]
    parts = {part: set(texts) for part, texts in contents(splits).items()}
    assert not parts["train"] & parts["test"]
    assert not parts["train"] & parts["val"]
    assert not parts["val"] & parts["test"]


def test_the_source_imports_neither_keras_nor_tensorflow_nor_sklearn() -> None:
    code = "import sys, data.genomics; print({'tensorflow', 'keras', 'sklearn', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_set_of_tensorflow_datasets_is_read_by_its_name(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    asked = []

    def rows(builder, split, **_):
        asked.append(split)
        letters = "ACGT"[len(asked) :] + "ACGT"[: len(asked)]
        return [{"seq": (letters[row % 4] + letters * 2).encode(), "label": row % 3} for row in range(23)]

    with tfds.testing.mock_data(num_examples=1, as_data_source_fn=rows, data_dir=str(tmp_path)):
        splits = load(GenomicsData(name="genomics_ood", duplicates="keep"), 0)
    assert asked == ["train", "validation", "test"]
    assert splits.meta["rows"] == {"train": 23, "val": 23, "test": 23}
    assert splits.meta["classes"] == ["Bacillus", "Burkholderia", "Clostridium"]
    assert decode(splits.test["sequence"])[0] == "TTACGTACG"
    assert splits.meta["source"].startswith("tensorflow-datasets genomics_ood")


def test_a_set_that_is_not_of_sequences_is_refused(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    message = "wanted features `seq` and `label`, got mnist"
    with tfds.testing.mock_data(num_examples=1, data_dir=str(tmp_path)), pytest.raises(BadInput, match=message):
        load(GenomicsData(name="mnist"), 0)
