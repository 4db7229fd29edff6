"""Registered models: versions, the champion among them, and their files."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import BadInput
from pipelines.quiet import stderr_aside
from pipelines.tracking.store import chosen, connect, reason, store_uri


def register(client: Any, run_id: str, folder: Path, name: str) -> Any:
    """The version of an export, made where there is none; one that a store made before it failed is found again."""
    from mlflow.exceptions import MlflowException

    tags = {"inductive.run": folder.parents[2].name, "inductive.export": folder.name}
    with suppress(MlflowException):  # there already
        client.create_registered_model(name)
    for version in client.search_model_versions(f"run_id = '{run_id}'"):
        if version.name == name and version.tags.get("inductive.export") == folder.name:
            return version
    with chosen(store_uri()):  # a client of one store asks the chosen one for the model's files
        info = _log_model(run_id, folder)
        return client.create_model_version(name, info.model_uri, run_id, tags, model_id=info.model_id)


def _log_model(run_id: str, folder: Path) -> Any:
    """The export as a model that `mlflow models serve` takes."""
    import mlflow

    metadata = json.loads((folder / "metadata.json").read_text())
    # It warns of hints and schemas that are given.
    with mlflow.start_run(run_id=run_id), stderr_aside(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signature, example = _signature(metadata)
        return mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(__file__).with_name("served_model.py")),
            artifacts={"saved_model": str(folder)},
            signature=signature,
            input_example=example,
            pip_requirements=metadata["requirements"],
        )


def _signature(metadata: Mapping[str, Any]) -> tuple[Any, Any]:
    """MLflow's signature and example: a table where inputs are rows, named arrays otherwise."""
    import pandas as pd
    from mlflow.models import infer_signature

    asked, answered = (metadata["example"][side] for side in ("inputs", "outputs"))
    if metadata["by_rows"]:
        example = pd.DataFrame(asked)  # one row: as plain lists they would be one array each
        return infer_signature(example, pd.DataFrame(answered)), example
    kinds = {name: str if spec["dtype"] == "string" else spec["dtype"] for name, spec in metadata["inputs"].items()}
    example = {name: np.array(asked[name], kind) for name, kind in kinds.items()}
    return infer_signature(example, {name: np.array(value) for name, value in answered.items()}), example


def champion(client: Any, values: Mapping[str, Any], version: Any) -> tuple[bool, str]:
    """Whether this version becomes the champion, and why (not). Scores on other data cannot be compared."""
    measure, ours = values["measure"], values["value"]
    if ours is None:
        return False, f"no: its validation {measure} is not a number"
    best = _holder(client, version.name)
    if best is None or best.version == version.version:  # itself, where the store failed just after the crowning
        return True, f"yes: validation {measure} {ours:.4g}, " + ("the best so far" if best else "the first")
    run = client.get_run(best.run_id)
    theirs = run.data.metrics.get(f"val/{measure}")
    if run.data.tags.get("inductive.data_digest") != values["digest"] or theirs is None:
        return False, f"no: version {best.version} was judged on other rows; --name gives a model a name of its own"
    won = ours > theirs if values["more_is_better"] else ours < theirs
    scores = f"validation {measure} {ours:.4g} against {theirs:.4g} of version {best.version}"
    return won, f"{'yes' if won else 'no'}: {scores}"


def _holder(client: Any, name: str) -> Any:
    """The version that is the champion, or None where there is none."""
    alias = client.get_registered_model(name).aliases.get("champion")
    return client.get_model_version(name, alias) if alias else None


def registered() -> list[dict[str, Any]]:
    """Every registered model: name, number of versions, champion's version."""
    client = connect(store_uri())
    found = []
    for model in client.search_registered_models():
        versions = client.search_model_versions(f"name = '{model.name}'")
        found.append({"name": model.name, "versions": len(versions), "champion": model.aliases.get("champion", "")})
    return found


def local_folder(uri: str) -> Path:
    """A local folder that holds the model of a `models:/` or `runs:/` URI, as the export it was logged from.

    Raises:
        BadInput: when the store has no such model.
    """
    connect(store_uri())
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        with chosen(store_uri()):
            folder = Path(mlflow.artifacts.download_artifacts(uri))
    except MlflowException as error:
        raise BadInput(
            "no such model in the MLflow store",
            wanted="models:/NAME@champion, models:/NAME/VERSION or runs:/ID/model",
            got=uri,
            where=reason(error),
        ) from None
    exports = sorted(p.parent for p in folder.rglob("metadata.json"))
    if not exports:
        raise BadInput("the model holds no export", wanted="a model that a training run logged", got=uri)
    return exports[0]
