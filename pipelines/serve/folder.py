"""An export on disk: found from what the user names, read and checked before anything is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REQUIRED: dict[str, Any] = {
    "name": str,
    "version": (str, int),
    "inputs": dict,
    "outputs": dict,
    "files": dict,
    "example": dict,
}


class ExportError(ValueError):
    """An export that cannot be served, told in one sentence: what, what was wanted, what came."""

    def __init__(self, what: str, *, wanted: str, got: object) -> None:
        super().__init__(f"{what}; wanted {wanted}, got {got}")
        self.what, self.wanted, self.got = what, wanted, got


@dataclass(frozen=True)
class Export:
    """One version of one model, whose files are those that were exported."""

    folder: Path
    metadata: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name in the URL: `/v1/models/NAME`."""
        return self.metadata["name"]

    @property
    def version(self) -> str:
        """The version in the URL: `/v1/models/NAME/versions/VERSION`."""
        return str(self.metadata["version"])

    @property
    def example(self) -> dict[str, Any]:
        """A request body that the model answers; what else the metadata says of the example is left out."""
        return {"inputs": self.metadata["example"].get("inputs")}


def is_uri(place: str) -> bool:
    """Whether a model is named as the registry names it, and not by a folder."""
    return place.startswith(("models:/", "runs:/"))


def open_export(place: str) -> Export:
    """The export that `place` means, its metadata read and every file's sha256 compared.

    Args:
        place: a VERSION folder, a NAME folder (its newest version is taken) or a run folder.

    Raises:
        ExportError: when there is no such folder, it holds no export, or a file is not the one that was exported.
    """
    folder = find(Path(place))
    metadata = read_metadata(folder / "metadata.json")
    check_files(folder, metadata["files"])
    return Export(folder, metadata)


def find(place: Path) -> Path:
    """The version folder that `place` means."""
    if not place.is_dir():
        raise ExportError("no such folder", wanted="an export or run folder", got=place)
    for pattern in ("saved_model.pb", "*/saved_model.pb", "exports/*/*/saved_model.pb"):
        # A name that starts with a dot is an export still being written.
        versions = [file.parent for file in place.glob(pattern) if not file.parent.name.startswith(".")]
        if versions:
            return newest(versions)
    raise ExportError("not an export", wanted="a folder with saved_model.pb and metadata.json", got=place)


def newest(versions: list[Path]) -> Path:
    """The highest version, numbers before names; all of one model."""
    names = sorted({version.parent.name for version in versions})
    if len(names) > 1:
        raise ExportError("several models", wanted="the folder of one of them", got=", ".join(names))
    return max(versions, key=lambda folder: (int(folder.name) if folder.name.isdecimal() else -1, folder.name))


def read_metadata(file: Path) -> Mapping[str, Any]:
    """The metadata, with every field that the server needs."""
    if not file.is_file():
        raise ExportError("not an export", wanted="metadata.json beside saved_model.pb", got=f"none in {file.parent}")
    try:
        metadata = json.loads(file.read_bytes())
    except ValueError as error:
        raise ExportError(f"{file} is not JSON", wanted="an object", got=error) from error
    schema = metadata.get("schema") if isinstance(metadata, dict) else type(metadata).__name__
    if schema != 1:
        raise ExportError(f"{file} cannot be read", wanted="schema 1", got=schema)
    for field, kind in REQUIRED.items():
        if not isinstance(metadata.get(field), kind):
            raise ExportError(f"{file} is incomplete", wanted=f"the field {field!r}", got=f"{sorted(metadata)}")
    return metadata


def check_files(folder: Path, digests: Mapping[str, str]) -> None:
    """Refuse a file that is missing, altered, outside of the folder or that the model could read but nobody hashed."""
    root = folder.resolve()
    parts = ("saved_model.pb", "fingerprint.pb", "variables/**/*", "assets/**/*")
    present = {file.relative_to(folder).as_posix() for part in parts for file in folder.glob(part) if file.is_file()}
    for name in sorted(present - set(digests)):
        raise ExportError(f"{folder / name} is not listed in metadata.json", wanted="its sha256", got="none")
    for name, digest in digests.items():
        file = (folder / name).resolve()
        if not file.is_relative_to(root) or not file.is_file():
            raise ExportError(f"{folder} is incomplete", wanted=f"the file {name}", got="none there")
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != digest:
            raise ExportError(f"{file} is not the file that was exported", wanted=f"sha256 {digest}", got=found)
