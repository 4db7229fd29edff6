"""The MLflow store: where it is, a client that has been seen to answer, and what it says when it fails."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from fcntl import LOCK_EX, flock
from functools import cache
from typing import Any

from data.errors import BadInput
from pipelines.runs import root

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",  # nothing of ours is pickled, and nothing else's is trusted
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the default waits four minutes for a server that is gone
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # with its password, into what --json keeps for one object
    "GIT_PYTHON_REFRESH": "quiet",
}


class Unreachable(BadInput):
    """The store did not answer."""


def store_uri() -> str:
    """Where runs are mirrored to: `MLFLOW_TRACKING_URI`, else the SQLite file beside the runs."""
    return os.environ.get("MLFLOW_TRACKING_URI") or own_store()


def own_store() -> str:
    """The SQLite store beside the runs."""
    return f"sqlite:///{root() / 'mlflow.db'}"


def without_secrets(text: str) -> str:
    """A URI, or a text that holds some, without users and passwords."""
    return re.sub(r"//[^/\s]*@|(?<=[?&;])(password|pwd|token|secret)=[^&;\s]*", _left_out, text)


def _left_out(secret: re.Match[str]) -> str:
    return "//" if secret[0].startswith("//") else f"{secret[1]}=..."


@cache
def connect(uri: str) -> Any:
    """MLflow's client on a store that has been seen to answer; our own one is made where there is none.

    A SQLite store is opened under a lock: several processes that create one at once break it.

    Raises:
        Unreachable: when the store does not answer.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings(), _locked() if uri.startswith("sqlite:") else nullcontext():
        warnings.simplefilter("ignore")
        import mlflow

        _quiet()
        try:
            if uri == own_store() and not (root() / "mlflow.db").exists():
                _create()
            client = mlflow.MlflowClient(uri)
            client.search_experiments(max_results=1)
        except Exception as error:
            raise Unreachable(
                "the MLflow store does not answer",
                wanted="a store that can be reached, or no MLFLOW_TRACKING_URI",
                got=reason(error),
                where=without_secrets(uri),
            ) from None
    return client


def _create() -> None:
    """Our own store, made aside and renamed: one that a kill left half made could never be opened again."""
    import mlflow

    for old in root().glob(".mlflow.db.*"):
        old.unlink()
    aside = root() / f".mlflow.db.{os.getpid()}"
    mlflow.MlflowClient(f"sqlite:///{aside}").search_experiments(max_results=1)
    os.replace(aside, root() / "mlflow.db")


def experiment_id(client: Any, name: str) -> str:
    """The experiment of this name, made where there is none; artifacts of the default store lie beside the runs."""
    with _locked():
        found = client.get_experiment_by_name(name)
        if found:
            return found.experiment_id
        ours = store_uri() == own_store()
        return client.create_experiment(name, (root() / "artifacts" / name).as_uri() if ours else None)


@contextmanager
def _locked() -> Iterator[None]:
    """One process at a time, of those that share a folder of runs."""
    path = root() / ".mlflow.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise BadInput("cannot write the runs", wanted="a folder", got=error.strerror, where=str(root())) from None
    with file:
        flock(file, LOCK_EX)
        yield


@contextmanager
def chosen(uri: str) -> Iterator[None]:
    """The store for what MLflow does without a client; it remembers it in the environment, which is the user's."""
    import mlflow

    kept = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # unset, as it was
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        if kept is not None:
            os.environ["MLFLOW_TRACKING_URI"] = kept


def failed(error: Exception) -> Unreachable:
    """The error to raise when the store fails in the midst of something."""
    return Unreachable("the MLflow store failed", got=reason(error), where=without_secrets(store_uri()))


def reason(error: Exception) -> str:
    """The first line of what a store says, fit to be shown."""
    return without_secrets(str(error).split("\n")[0])[:200]


def _quiet() -> None:
    """MLflow and Alembic tell of every table they make; only warnings are worth a user's eye."""
    import logging

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Pages of SQL, for an error that we tell in one line.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
