"""FASTA, BED and the rest: what is read, how it is divided, and what each fault says."""

import gzip
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.dna_files import Form, pieces
from data.errors import BadInput
from data.fasta import read_fasta
from data.genome import Genome, read_bed
from data.genomics import GenomicsData, folds, labelled_rows, load, requests
from data.kmers import shares_kmer
from data.sequences import decode, encode, other_strand, reverse_complement
from pipelines.genomics import DOMAIN

CHR1 = "ACGTTGCAACGTNNACGTRYACCATG"  # 26 bases
CHR2 = "ttttggggccccaaaa"


def write(path: Path, text: str) -> str:
    path.write_bytes(text.encode())
    return str(path)


@pytest.fixture
def genome(tmp_path):
    lines = "\n".join(CHR1[start : start + 10] for start in range(0, 26, 10))
    return write(tmp_path / "genome.fa", f">chr1 first\n{lines}\n>chr2\n{CHR2}\n")


def refused(call) -> str:
    with pytest.raises(BadInput) as error:
        call()
    return str(error.value)


def random_bases(count, width, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), width)) for _ in range(count)]


def test_records_join_their_lines_and_know_label_and_chromosome(tmp_path):
    path = write(tmp_path / "a.fa", ">chr7:5-11 x label=CTCF\r\nACG\r\ntta\r\n\r\n>s2 PU.1 more\nGG\n>s3\nN\n")
    one, two, three = read_fasta(path)
    assert (one.line, one.name, one.sequence, one.valued("label"), one.chromosome) == (
        *(1, "chr7:5-11", "ACGtta"),
        *("CTCF", "chr7"),
    )
    assert (two.valued("label"), two.word, two.chromosome, three.word) == ("", "PU.1", "", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: empty file; wanted FASTA"),
        ("ACGT\n", ":1: not a FASTA file; wanted a line that begins with >, got 'ACGT'"),
        (">a\nAC\n>\nGG\n", ":3: header without a name"),
        (">a\nAC\n>b\n>c\nGG\n", ":3: b has no sequence"),
        (">a x\nAC\n>b y\nGG\n>a x\nCC\n", ":5: a name that stands twice; wanted one of its own, got a, of line 1 too"),
        (">a label=x\nAC\n>b\nGG\n", ":3: header without a label; wanted label=CLASS or a word behind the name"),
        (">a label=x\nAC\n>b y\nGG\n", ":3: header without a label"),
        (">a length=4\nACGT\n>b length=2\nGG\n", ":1: header without a label"),
        (">a x\rAC\r>b y\rGG\r", ":1: a carriage return within a line; wanted lines that end in LF or CRLF"),
        (">a x\nAC\rGT\n", ":2: a carriage return within a line"),
        (">a label=x\nAC\n>b label=y\nGJ\n", ":3:sequence: unknown letter at position 2"),
    ],
)
def test_each_fault_of_a_fasta_file_has_its_line(tmp_path, text, message):
    path = write(tmp_path / "a.fa", text)
    assert refused(lambda: load(GenomicsData(path=path), 0)).startswith(path + message)


@pytest.mark.parametrize(
    ("name", "chromosome"),
    [
        ("chr2:0-3(-)", "chr2"),
        ("chr2:0-3(.)", "chr2"),
        ("peak::7::chrX:1,000-2,000(+)", "chrX"),
        ("chr2", ""),
        ("a::b", ""),
    ],
)
def test_names_that_are_places_are_known_in_each_form(tmp_path, name, chromosome):
    (record,) = read_fasta(write(tmp_path / "a.fa", f">{name} x\nACG\n"))
    assert (record.name, record.chromosome) == (name, chromosome)


@pytest.mark.parametrize("options", [{"genome": "genome.fa"}, {"width": 7}])
def test_what_only_intervals_have_is_refused_for_sequences(tmp_path, options):
    path = write(tmp_path / "a.fa", ">a x\nACG\n>b y\nGGG\n")
    told = refused(lambda: load(GenomicsData(path=path, **options), 0))
    (name,) = options
    assert told.startswith(f"{path}: data.{name} for sequences that are given; wanted it with intervals alone")


def test_what_stands_behind_a_tab_of_a_header_is_its_description(tmp_path):
    one, two = read_fasta(write(tmp_path / "a.fa", ">chr7:5-11\tx label=CTCF\nACG\n>s2\tPU.1 more\nGG\n"))
    assert (one.name, one.valued("label"), one.chromosome) == ("chr7:5-11", "CTCF", "chr7")
    assert (two.name, two.word) == ("s2", "PU.1")


def test_fasta_is_known_by_its_first_letter_and_packed_in_blocks_too(tmp_path):
    text = ">s1 x\nACG\n>s2 y\nGG\n"
    packed = tmp_path / "a.fa.bgz"
    packed.write_bytes(gzip.compress(text.encode()))
    for path in (write(tmp_path / "a.txt", text), str(packed)):
        (piece,) = pieces(path, Form())
        assert (piece.sequences, piece.labels) == (["ACG", "GG"], ["x", "y"])


def test_a_folder_with_a_file_for_each_class_is_labelled_by_their_names(tmp_path):
    write(tmp_path / "ctcf.fa", ">chr1:1-4\nACG\n>chr2:1-4\nCCG\n")
    write(tmp_path / "pu.1.fasta", ">chr1:7-9\nTTG\n")
    (tmp_path / "README").write_text("not a class")
    (tmp_path / "._ctcf.fa").write_bytes(b"\0")  # as some systems lay beside
    whole = list(pieces(str(tmp_path), Form()))
    assert [piece.labels for piece in whole] == [["ctcf"] * 2, ["pu.1"]]
    assert [piece.chromosomes for piece in whole] == [["chr1", "chr2"], ["chr1"]]
    write(tmp_path / "empty.fa", "")
    assert refused(lambda: list(pieces(str(tmp_path), Form()))).startswith(f"{tmp_path}/empty.fa:1: empty file")
    (tmp_path / "empty.fa").unlink()
    stray = write(tmp_path / "third.txt", ">chr1:1-4\nACG\n")
    assert refused(lambda: list(pieces(str(tmp_path), Form()))).startswith(f"{stray}: a FASTA file by its first letter")
    (tmp_path / "third").mkdir()
    assert refused(lambda: list(pieces(str(tmp_path), Form()))).startswith(
        f"{tmp_path}/third: a folder within the folder"
    )


def test_intervals_are_read_from_their_strand_of_the_genome(genome, tmp_path):
    bed = write(
        tmp_path / "a.bed", "# peaks\nchr1\t0\t4\tx\t7\t+\nchr1\t16\t20\ty\t8\t-\nchr2\t2 6\n".replace("2 6", "2\t6\ty")
    )
    (piece,) = pieces(bed, Form(genome=genome))
    assert piece.sequences == ["ACGT", other_strand("GTRY"), "ttgg"]
    assert other_strand("GTRY") == "RYAC"
    assert piece.labels == ["x", "y", "y"]
    assert piece.chromosomes == ["chr1", "chr1", "chr2"]
    assert piece.table.lines == [2, 3, 4]


def test_peaks_of_encode_are_read_and_their_signal_is_learnt(genome, tmp_path):
    lines = "chr1\t0\t4\tp1\t7\t.\t1.5\t3\t2\t1\nchr1\t16\t20\tp2\t8\t-\t0.25\t3\t2\t1\n"
    for name in ("a.narrowPeak", "a.bed"):
        (piece,) = pieces(write(tmp_path / name, lines), Form(genome=genome, label_column="signalValue"))
        assert piece.labels == ["1.5", "0.25"]
    bed = write(tmp_path / "b.bed", "chr1\t0\t4\tx\n")
    options = {"path": bed, "genome": genome}
    told = refused(lambda: load(GenomicsData(**options, label_column="activity"), 0))
    assert told == f"{bed}: no such column in BED; wanted name, score or signalValue, the seventh, got 'activity'"
    told = refused(lambda: load(GenomicsData(**options, label_column="signalValue"), 0))
    assert told.startswith(f"{bed}:1:signalValue: empty signalValue")
    assert refused(lambda: load(GenomicsData(**options, width=-5), 0)).startswith("data.width cannot work; wanted 0")


def test_a_strand_of_text_is_that_of_codes():
    text = "ACGTURYSWKMBDHVNacgturyswkmbdhvn"
    (codes,) = reverse_complement(encode([text])[np.arange(1)])
    assert decode(codes[None])[0] == other_strand(text).upper()


def test_a_width_is_taken_about_the_centre_and_what_lies_outside_is_unknown(genome, tmp_path):
    bed = write(tmp_path / "a.bed", "chr1\t3\t5\tx\nchr1\t0\t2\ty\nchr1\t24\t26\ty\n")
    (piece,) = pieces(bed, Form(genome=genome, width=6))
    assert piece.sequences == [CHR1[1:7], "NN" + CHR1[:4], CHR1[22:] + "NN"]
    odd = write(tmp_path / "odd.bed", "chr1\t3\t8\tx\nchr1\t3\t6\ty\n")  # of bases 3 to 7 and 3 to 5
    for width, sequences in ((1, [CHR1[5], CHR1[4]]), (3, [CHR1[4:7], CHR1[3:6]]), (4, [CHR1[3:7], CHR1[2:6]])):
        (piece,) = pieces(odd, Form(genome=genome, width=width))
        assert piece.sequences == sequences


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr1\t1", ":1: too few columns; wanted chromosome, start and end, got 2"),
        ("chr1\t9\t5\tx", ":1: start and end are swapped or equal; wanted a start below the end (BED counts starts"),
        ("chr1\t-1\t5\tx", ":1:start: not a place; wanted a whole number from 0, got '-1'"),
        ("chr1\t1\t5.0\tx", ":1:end: not a place"),
        ("chr1\t1\t5\tx\t0\t*", ":1:strand: unknown strand; wanted +, - or ., got '*'"),
        ("1\t1\t5\tx", ":1: unknown chromosome; wanted one that "),
        ("chr1\t1\t40\tx", ":1: beyond the end of chr1; wanted an end of at most 26, got 40"),
        ("chr1\t1\t27\tx", ":1: beyond the end of chr1 (does the file count from 1? BED counts from 0)"),
        ("chr1\t1\t5", ":1:name: empty name"),
        ("chr1\t1\t5\t.", ":1:name: no label; wanted one in every row; in BED a point stands for none"),
        (f"chr1\t1\t{'9' * 5000}\tx", ":1:end: not a place"),
        ("chr1\t1\t5\tx\rchr1\t1\t5\ty", ":1: a carriage return within a line; wanted lines that end in LF"),
        ("# nothing", ": no interval"),
    ],
)
def test_each_fault_of_an_interval_has_its_line(genome, tmp_path, line, message):
    bed = write(tmp_path / "a.bed", line + "\n")
    told = refused(lambda: load(GenomicsData(path=bed, genome=genome), 0))
    assert told.startswith(bed + message)
    if "unknown chromosome" in message:
        assert "such as chr1" in told


def test_a_genome_that_cannot_be_read_by_place_says_why(genome, tmp_path):
    bed = write(tmp_path / "a.bed", "chr1\t1\t5\tx\n")
    assert refused(lambda: load(GenomicsData(path=bed), 0)).startswith(f"{bed}: intervals without a genome")
    gone = str(tmp_path / "gone.fa")
    assert refused(lambda: Genome(gone)).startswith(f"{gone}: no such file")
    ragged = write(tmp_path / "ragged.fa", ">chr1\nACGT\nAC\nACGT\n")
    assert refused(lambda: Genome(ragged).lengths).startswith(f"{ragged}: the genome cannot be indexed; wanted FASTA")
    twice = write(tmp_path / "twice.fa", ">chr1\nACGT\n>chr1\nAC\n")
    assert "each name once" in (told := refused(lambda: Genome(twice).lengths))
    assert 'Duplicate key "chr1"' in told
    packed = str(tmp_path / "packed.fa")
    Path(packed).write_bytes(gzip.compress(b">chr1\nACGT\n"))
    assert refused(lambda: Genome(packed)) == f"{packed}: the genome is compressed; wanted the file unpacked: gunzip"
    assert Genome(genome).lengths == {"chr1": 26, "chr2": 16}
    os.utime(genome + ".fai", (0, 0))
    assert refused(lambda: Genome(genome)).startswith(f"{genome}.fai: the index is older than the genome")


def test_a_genome_whose_lines_end_in_two_ways_gives_no_wrong_bases(tmp_path):
    path = write(tmp_path / "a.fa", ">chr1\r\nACGTACGTAC\r\nGGGGGTTTTT\n>chr2\nCCCC\n")
    told = refused(lambda: Genome(path).bases("chr1", 8, 20))
    assert told.startswith(f"{path}: the genome cannot be indexed; wanted FASTA")
    assert told.endswith("lines of chr1 that end in two ways")
    assert not Path(path + ".fai").exists()
    each = Genome(write(tmp_path / "b.fa", ">chr1\r\nACGTACGTAC\r\nGG\r\n>chr2\nCCCC\n"))
    assert (each.bases("chr1", 8, 12), each.bases("chr2", 0, 4)) == ("ACGG", "CCCC")


@pytest.mark.parametrize(
    ("index", "got"),
    [
        ("", "0 chromosomes, not all"),
        ("chr1\t26\t12\t10\t11\n", "1 chromosomes, not all"),
        ("chr2\t26\t12\t10\t11\nchr1\t16\t47\t16\t17\n", "other places of chr2"),
        ("chr1\t26\n", "not enough values"),
        ("chr1\t36\t12\t10\t11\nchr2\t16\t59\t16\t17\n", "other places of chr1"),
        ("chr1\t26\t9\t10\t11\n", "other places of chr1"),
        ("chr1\t2600\t12\t10\t11\n", "other places of chr1"),
    ],
)
def test_an_index_that_is_damaged_or_of_another_genome_is_refused(genome, index, got):
    write(Path(genome + ".fai"), index)
    told = refused(lambda: Genome(genome).lengths)
    assert told.startswith(f"{genome}.fai: the index is not of this genome; wanted no index, or a new one, got {got}")
    assert Path(genome + ".fai").read_text() == index
    Path(genome + ".fai").unlink()
    assert Genome(genome).bases("chr2", 0, 16) == CHR2


def test_a_header_may_be_long_and_hold_any_sign(tmp_path):
    path = write(tmp_path / "a.fa", f">a 5'->3' >b\nACGTA\n>c {'long ' * 999}\nGG\n")
    assert (Genome(path).bases("c", 0, 2), Genome(path).bases("a", 4, 5)) == ("GG", "A")


def table(tmp_path, rows, header="sequence,label", name="a.csv"):
    return write(tmp_path / name, "\n".join([header, *(",".join(row) for row in rows)]) + "\n")


def test_chromosomes_are_held_out_by_name(tmp_path):
    bases = random_bases(12, 9)
    rows = [(b, "xy"[i % 2], f"chr{1 + i // 4}") for i, b in enumerate(bases)]
    path = table(tmp_path, rows, "sequence,label,chromosome")
    given = GenomicsData(path=path, val_chromosomes=("chr2",), test_chromosomes=("chr3",))
    splits = load(given, 0)
    assert [decode(part["sequence"]) for _, part in splits.items()] == [bases[:4], bases[4:8], bases[8:]]
    assert splits.meta["split_rule"] == "by chromosome, held out: val chr2, test chr3"
    two = load(replace(given, test_chromosomes=("chr3", "chr1"), val_chromosomes=("chr2",), path=table(
        tmp_path, [*rows, *((b[::-1], "xy"[i % 2], "chr4") for i, b in enumerate(bases))],
        "sequence,label,chromosome", "d.csv")), 0)  # fmt: skip
    assert sorted(decode(two.test["sequence"])) == sorted([*bases[:4], *bases[8:]])
    for changed, message in [
        ({"test_chromosomes": ()}, "no chromosome is named for test"),
        ({"test_chromosomes": ("chr2",)}, "a chromosome in val and in test; wanted one of them, got chr2"),
        ({"shared_kmers": 9}, "one split by two rules; wanted data.shared_kmers, or chromosomes that are held out"),
        ({"val_chromosomes": ("chr9",)}, "a chromosome without rows; wanted one of chr1, chr2, chr3, got 'chr9'"),
    ]:
        options = GenomicsData(**{"path": path, "val_chromosomes": ("chr2",), "test_chromosomes": ("chr3",), **changed})
        assert refused(lambda options=options: load(options, 0)).startswith(message)
    both = GenomicsData(train=path, test=path, val_chromosomes=("chr2",), test_chromosomes=("chr3",), duplicates="keep")
    told = refused(lambda: load(both, 0))
    assert told == "test is both a file and chromosomes; wanted data.test or data.test_chromosomes, got both"
    some = table(tmp_path, [*rows[:3], (bases[3], "y", ""), *rows[4:]], "sequence,label,chromosome", "c.csv")
    told = load(replace(given, path=some), 0).meta["split_rule"]
    assert told == "by chromosome, held out: val chr2, test chr3; 1 row without a chromosome to learn from"
    plain = table(tmp_path, [row[:2] for row in rows], name="b.csv")
    options = GenomicsData(path=plain, val_chromosomes=("chr2",), test_chromosomes=("chr3",))
    assert refused(lambda: load(options, 0)).startswith("rows without a chromosome cannot be split by it")


def test_kin_do_not_straddle_a_random_split(tmp_path):
    bases = random_bases(60, 40)
    kin = [base[:35] + "ACGTA" for base in bases[:30]]
    path = table(tmp_path, [(b, "xy"[i % 2]) for i, b in enumerate([*bases, *kin])])
    splits = load(GenomicsData(path=path, shared_kmers=30, val_fraction=0.2, test_fraction=0.2), 3)
    assert sum(part.size for _, part in splits.items()) == 90
    for part in ("val", "test"):
        assert 10 <= getattr(splits, part).size <= 26
        assert not shares_kmer(getattr(splits, part)["sequence"], splits.train["sequence"], 30).any()
    alike = table(tmp_path, [(b if i % 2 else "ACGTACGTA" + b, "xy"[i % 2]) for i, b in enumerate(bases)], name="b.csv")
    told = refused(lambda: load(GenomicsData(path=alike, shared_kmers=9), 3))
    assert "class 'x' has no row left to learn from" in told
    assert told.endswith("or data.shared_kmers above 9")
    told = refused(lambda: load(GenomicsData(path=path, shared_kmers=2), 3))
    assert told.startswith("rows that share a 2-mer stay together, and leave none for ")
    assert told.endswith("wanted a longer data.shared_kmers, got 1 group")
    apart = load(GenomicsData(path=path, val_fraction=0.2, test_fraction=0.2), 3)
    assert shares_kmer(apart.test["sequence"], apart.train["sequence"], 30).any()


def test_sets_of_labels_and_values_are_learnt_too(tmp_path):
    bases = random_bases(40, 11)
    sets = ["a;b", "b", ".", "c ; a"]
    path = table(tmp_path, [(b, sets[i % 4]) for i, b in enumerate(bases)])
    splits = load(GenomicsData(path=path, target="labels"), 0)
    assert splits.meta["classes"] == ["a", "b", "c"]
    assert splits.train["label"].dtype == np.float32
    assert splits.train["label"].shape == (splits.train.size, 3)
    whole = sum((part["label"].sum(0) for _, part in splits.items()), np.zeros(3))
    assert whole.tolist() == [20, 20, 10]
    values = table(tmp_path, [(b, f"{i / 8}") for i, b in enumerate(bases)], name="v.csv")
    splits = load(GenomicsData(path=values, target="value"), 0)
    assert splits.meta["classes"] == []
    assert set(splits.meta["class_counts"]["train"]) == {"mean", "deviation"}
    assert sorted(np.concatenate([p["label"] for _, p in splits.items()]).tolist()) == [i / 8 for i in range(40)]
    assert [fold.test.size for fold in folds(splits, 4, seed=0)] == [10, 10, 10, 10]
    empty = table(tmp_path, [(b, ["a", "", "b"][i % 3]) for i, b in enumerate(bases)], name="e.csv")
    rows = load(GenomicsData(path=empty, target="labels"), 0).train["label"]
    assert set(map(tuple, rows.tolist())) == {(0, 0), (0, 1), (1, 0)}
    assert refused(lambda: load(GenomicsData(path=empty), 0)).startswith(f"{empty}:3:label: empty label")
    wrong = table(tmp_path, [(b, "high" if i == 5 else "1") for i, b in enumerate(bases)], name="w.csv")
    told = refused(lambda: load(GenomicsData(path=wrong, target="value"), 0))
    assert told == f"{wrong}:7:label: not a value; wanted a finite number below 1e+18, got 'high'"
    classes = table(tmp_path, [(b, f"{i / 8}") for i, b in enumerate(bases)], name="c.csv")
    assert refused(lambda: load(GenomicsData(path=classes), 0)).endswith("or another fraction, or data.target value")
    for target, cell, message in [
        ("labels", ".", "no row has a label; wanted labels split by ;, got '.'"),
        ("value", "2", "one value only; wanted values that differ, got '2'"),
        ("value", "2.0 ", "one value only"),
    ]:
        same = table(tmp_path, [(b, cell) for b in bases], name="s.csv")
        told = refused(lambda same=same, target=target: load(GenomicsData(path=same, target=target), 0))
        assert told.startswith(f"{same}:2:label: {message}")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda i: i * 1e20, ":3:label: not a value; wanted a finite number below 1e+18, got '1e+20'"),
        (lambda i: 10**9 + i, ": values that float32 makes equal; wanted values whose differences seven digits can"),
        (lambda i: ["3", "3.0", "+3"][i % 3], ":2:label: one value only; wanted values that differ, got '3'"),
    ],
)
def test_values_that_cannot_be_learnt_are_refused(tmp_path, value, message):
    path = table(tmp_path, [(b, str(value(i))) for i, b in enumerate(random_bases(40, 11))])
    told = refused(lambda: load(GenomicsData(path=path, target="value"), 0))
    assert told.startswith(path)
    assert message in told


def test_one_label_written_in_two_ways_is_no_contradiction(tmp_path):
    bases = random_bases(60, 11)
    for target, cells in (("labels", ("a;b", "b; a", "a", "a;")), ("value", ("3", "3.0", "7", "7e0"))):
        rows = [(b, cells[2 * (i % 2) + k]) for i, b in enumerate(bases) for k in (0, 1)]
        found = load(GenomicsData(path=table(tmp_path, rows), target=target), 0).meta["duplicates"]
        assert (found["contradictory"]["contents"], found["removed"]["all"]) == (0, 60)


def test_where_both_strands_are_one_so_are_a_row_and_its_other_strand(tmp_path):
    bases = random_bases(60, 12)
    other = [other_strand(b) for b in bases]
    path = table(tmp_path, [(b, "xy"[i % 2]) for i, b in [*enumerate(bases), *enumerate(other)]])
    for strands, removed in (("given", 0), ("both", 60)):
        splits = load(GenomicsData(path=path, strands=strands), 0)
        assert splits.meta["duplicates"]["removed"]["all"] == removed
        assert sum(fold.test.size for fold in folds(splits, 3, seed=0)) == 120 - removed
    test = table(tmp_path, [(b, "xy"[i % 2]) for i, b in enumerate(other[:20])], name="test.csv")
    splits = load(GenomicsData(train=path, test=test, strands="both"), 0)
    seen = {text for part in (splits.train, splits.val) for text in decode(part["sequence"])}
    assert not seen & {*bases[:20], *other[:20]}
    odd = table(tmp_path, [(b, "xy"[i % 2]) for i, b in enumerate(bases)] + [(other[0], "y")], name="odd.csv")
    assert load(GenomicsData(path=odd, strands="both"), 0).meta["duplicates"]["contradictory"]["contents"] == 1


def test_a_class_may_have_a_name_of_any_bytes(tmp_path):
    for name, text in ((b"\xe9.fa", "A"), (b"b.fa", "C")):
        lines = "".join(f">{i} x\n{b}{text}\n" for i, b in enumerate(random_bases(20, 9)))
        (tmp_path / os.fsdecode(name)).write_text(lines)
    assert load(GenomicsData(path=str(tmp_path)), 0).meta["classes"] == ["\\xe9", "b"]


def test_files_of_every_form_are_asked_and_judged_by_the_training_options(genome, tmp_path):
    bed = write(tmp_path / "a.bed", "chr1\t0\t4\tx\t1\t-\nchr2\t2\t6\ty\n")
    metadata = {
        "run": {"data": {"genome": genome, "val_chromosomes": ["chr1"]}},
        "data": {"shortest": 4, "length": 4},
        "classes": ["x", "y"],
    }
    ((asked, inputs),) = requests(bed, metadata)
    assert inputs == {"sequence": [other_strand("ACGT"), "ttgg"]}
    assert asked.header == ("chromosome", "start", "end", "name", "score", "strand")
    assert labelled_rows(bed, metadata)["label"].tolist() == [0, 1]
    fasta = write(tmp_path / "b.fa", ">s1\nACGT\n>s2 y\nGGGG\n")
    ((asked, inputs),) = requests(fasta, metadata)
    assert asked.rows == [["s1"], ["s2"]]
    assert inputs == {"sequence": ["ACGT", "GGGG"]}
    assert next(read_bed(bed)).strand == "-"


def test_a_rule_of_splitting_that_would_not_be_followed_is_refused():
    run = DOMAIN.recipe("cnn")
    given = GenomicsData(train="a.csv", val="b.csv", test="c.csv", shared_kmers=12)
    told = refused(lambda: DOMAIN.check(run.with_(data=given)))
    assert told.startswith("data.shared_kmers for parts that are given; wanted it where rows are divided")
    DOMAIN.check(run.with_(data=given, folds=3))
    DOMAIN.check(run.with_(data=replace(given, val="")))
    held = GenomicsData(path="a.csv", val_chromosomes=("chr1",), test_chromosomes=("chr2",))
    DOMAIN.check(run.with_(data=held))
    told = refused(lambda: DOMAIN.check(run.with_(data=held, folds=3)))
    assert told == "one split by two rules; wanted --folds, or chromosomes that are held out, got both"


def test_what_should_be_looked_at_is_told_of_the_data(tmp_path):
    bases = random_bases(60, 10)
    rows = [(b, ["a", "b", "a;b"][i % 3]) for i, b in enumerate(bases)]
    rows += [("N" * 6 + "ACGT"[i % 4] + "CCTGT"[i // 2 :][:3], "a") for i in range(7)] + [("N" * 5 + "ACGTA", "a")]
    path = table(tmp_path, rows)
    assert DOMAIN.about(load(GenomicsData(path=path), 0).meta) == [
        "7 rows of which most letters are N or stand for several bases",
        "class a;b joins others; --data.target labels learns each label by itself",
    ]
    assert len(DOMAIN.about(load(GenomicsData(path=path, target="labels"), 0).meta)) == 1
