"""Which files a graph is read from, and what is known of where it comes from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.archives import read_archive
from data.blockmodel import block_model
from data.errors import BadInput
from data.given import digest_of_file
from data.graphs import Source
from data.papers import read_papers
from data.planetoid import KEYS, names_in, read_planetoid
from data.spektral_graphs import read_spektral, spektral_citation

if TYPE_CHECKING:
    from data.citations import CitationsData

EMBEDDED = Path(__file__).parent / "embedded"
SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
YANG = "split of Yang, Cohen and Salakhutdinov 2016"
PUBLISHED = {
    "cora": (f"McCallum, Nigam, Rennie and Seymore 2000; {YANG}", "published for research use"),
    "citeseer": (f"Giles, Bollacker and Lawrence 1998; {YANG}", "published for research use"),
    "pubmed": (f"Namata, London, Getoor and Huang 2012; {YANG}", "published for research use"),
    "blocks": ("degree-corrected block model after Karrer and Newman 2011, made out of the seed", "none is needed"),
}


def read(options: CitationsData, seed: int) -> tuple[Source, dict[str, Any]]:
    """The graph that the options name, and its name, source, licence, files and their sha256.

    Args:
        options: path, papers with citations, or name.
        seed: of the graph called blocks.

    Raises:
        BadInput: several sources, none that is known, or files that cannot be read.
    """
    _check_sources(options)
    if options.papers or options.citations:
        return _tables(options.papers, options.citations, options.words)
    if options.path:
        return _from_path(options)
    name = options.name or "cora"
    if name not in PUBLISHED:
        raise BadInput("data: unknown name", wanted=f"one of {', '.join(PUBLISHED)}", got=name)
    if name == "blocks":
        return _blocks(options, seed), _about(name, {})
    if name == "cora":
        papers, citations = EMBEDDED / "cora_papers.csv.gz", EMBEDDED / "cora_citations.csv.gz"
        return _tables(str(papers), str(citations), 0, name)
    dataset = spektral_citation(name)
    return read_spektral(dataset), _about(name, _planetoid_files(dataset.path, name))


def _check_sources(options: CitationsData) -> None:
    tables = [options.papers, options.citations]
    if any(tables) and not all(tables):
        got = options.papers or options.citations
        raise BadInput("data: one table of two", wanted="data.papers and data.citations", got=got)
    if any(tables) and (options.path or options.name):
        got = ", ".join(filter(None, [*tables, options.path, options.name]))
        raise BadInput("data: several sources", wanted="one of path, name, or papers with citations", got=got)


def _from_path(options: CitationsData) -> tuple[Source, dict[str, Any]]:
    """What a folder or a .npz holds."""
    path = Path(options.path)
    if path.suffix == ".npz":
        return read_archive(options.path), _about(path.name, {"graph": options.path})
    if not path.is_dir():
        what = "neither a folder nor a .npz" if path.exists() else "no such folder or file"
        wanted = "a folder with papers.csv and citations.csv or with ind.NAME.* files, or a .npz"
        raise BadInput(what, wanted=wanted, where=options.path)
    if names := names_in(options.path):
        name = options.name or (names[0] if len(names) == 1 else "")
        if name not in names:
            raise BadInput("data.name: which graph of the folder", wanted=f"one of {', '.join(names)}",
                           got=name or "none", where=options.path)  # fmt: skip
        return read_planetoid(options.path, name), _about(name, _planetoid_files(options.path, name))
    if options.name:
        raise BadInput(f"no files ind.{options.name}.* here", wanted="Planetoid's files", where=options.path)
    return _tables(table_in(path, "papers"), table_in(path, "citations"), options.words)


def _planetoid_files(folder: str, name: str) -> dict[str, str]:
    return {key: os.path.join(folder, f"ind.{name}.{key}") for key in KEYS}


def table_in(folder: Path, stem: str) -> str:
    """The one table of this name in a folder, CSV or TSV, plain or gzip.

    Raises:
        BadInput: there is none, or several.
    """
    found = [file for suffix in SUFFIXES if (file := folder / f"{stem}{suffix}").exists()]
    if len(found) != 1:
        what = f"no {stem}.csv here" if not found else f"several tables of {stem}"
        raise BadInput(what, wanted=f"{stem}.csv, plain or .gz", got=", ".join(f.name for f in found),
                       where=str(folder))  # fmt: skip
    return str(found[0])


def _tables(papers: str, citations: str, words: int, name: str = "") -> tuple[Source, dict[str, Any]]:
    files = {"papers": papers, "citations": citations}
    return read_papers(papers, citations, words=words), _about(name or Path(papers).name, files)


def _blocks(options: CitationsData, seed: int) -> Source:
    return block_model(
        options.block_nodes,
        options.block_citations,
        classes=options.block_classes,
        mixing=options.block_mixing,
        words=options.words or 500,
        seed=seed,
    )


def _about(name: str, files: dict[str, str]) -> dict[str, Any]:
    # A user's file is called by its name, which has a suffix.
    source, licence = PUBLISHED.get(name, ("the user's files", "not stated"))
    # Where the package lies is no fact of the data.
    named = {key: os.path.basename(file) if Path(file).parent == EMBEDDED else file for key, file in files.items()}
    hashes = {key: digest_of_file(file) for key, file in files.items()}
    return {"name": name, "source": source, "licence": licence, "files": named, "sha256": hashes}
