"""MLflow, and the only place that names it: a mirror of run folders' records.

The record beside the run is the truth. A mirror replays its lines, from the first that the store does not have; how
far it came is a tag written in the same transaction as the values, so nothing is lost or logged twice when a store
fails and comes back. Autologging is not used: it logs validation twice and pays seconds a fit.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from fcntl import LOCK_EX, flock
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from data.errors import BadInput
from pipelines.quiet import stderr_aside
from pipelines.runs import RunFolder, all_runs, mark_abandoned, root, write_json

EPOCHS_A_BATCH = 50  # a store takes at most 1,000 metrics at once
CURSOR = "inductive.cursor"
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
    """MLflow's client on a store that has been seen to answer.

    The default store is created under a lock: several processes that create one SQLite store at once break it.

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
            client = mlflow.MlflowClient(uri)
            client.search_experiments(max_results=1)
        except Exception as error:
            raise Unreachable(
                "the MLflow store does not answer",
                wanted="a store that can be reached, or no MLFLOW_TRACKING_URI",
                got=_reason(error),
                where=without_secrets(uri),
            ) from None
    return client


class Mirror:
    """The MLflow run that mirrors one run folder.

    Args:
        folder: the run folder. `mlflow.json` in it remembers the store and the run.
        domain: the experiment's name.
    """

    def __init__(self, folder: RunFolder, domain: str) -> None:
        self.folder, self.domain, self.complained = folder, domain, False
        self.client = connect(store_uri())

    @cached_property
    def run_id(self) -> str:
        """The id of the MLflow run, which is made where there is none."""
        return self._existing() or self._create(self.domain)

    @property
    def known_run_id(self) -> str:
        """The id where the store has given one; empty where it failed before it could."""
        return self.__dict__.get("run_id", "")

    def catch_up(self) -> None:
        """Replay every event that the store does not have yet.

        Raises:
            Unreachable: when the store fails; what it took is remembered.
        """
        try:
            run = self.client.get_run(self.run_id)
            if run.info.lifecycle_stage == "deleted":  # by somebody who did not want to see it any more
                return
            done = int(run.data.tags.get(CURSOR, 0))
            events = enumerate(self.folder.events(done), start=done + 1)
            for kind, numbered in itertools.groupby(events, key=lambda pair: pair[1]["event"]):
                if kind == "epoch":
                    self._epochs(list(numbered))
                else:
                    for number, event in numbered:
                        getattr(self, f"_on_{kind}", self._on_other)(event, number)
        except BadInput:
            raise
        except Exception as error:
            raise Unreachable(
                "the MLflow store failed", got=_reason(error), where=without_secrets(store_uri())
            ) from error

    def _existing(self) -> str:
        """The id of the run that mirrors this folder in this store, if there is one."""
        from mlflow.exceptions import MlflowException

        note = self.folder.path / "mlflow.json"
        stored = json.loads(note.read_text()) if note.exists() else {}
        if stored.get("store") != without_secrets(store_uri()):
            return ""
        try:
            return self.client.get_run(stored["run_id"]).info.run_id
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise Unreachable(
                    "the MLflow store failed", got=_reason(error), where=without_secrets(store_uri())
                ) from error
            return ""  # another store stands in the old one's place

    def _create(self, domain: str) -> str:
        """A run for this folder; one that a process made just before it was killed is found again."""
        experiment, birth = _experiment(self.client, domain), self._birth()
        tags = {CURSOR: "0", "inductive.birth": birth}
        tags |= {"mlflow.source.name": f"pipelines.{domain}", "mlflow.source.type": "LOCAL"}
        made = self.client.search_runs([experiment], f"tags.`inductive.birth` = '{birth}'", max_results=1)
        run = made[0] if made else self.client.create_run(experiment, run_name=self.folder.name, tags=tags)
        write_json(self.folder.path / "mlflow.json", {"store": without_secrets(store_uri()), "run_id": run.info.run_id})
        return run.info.run_id

    def _birth(self) -> str:
        """What no other run has: a digest of its start, with process, host and time."""
        with self.folder.record.open("rb") as file:
            return sha256(file.readline()).hexdigest()[:32]

    def _batch(
        self, event: Mapping[str, Any], number: int, metrics: Mapping[str, Any], tags: Mapping[str, Any] | None = None
    ) -> None:
        """Metrics and tags in one transaction with the cursor."""
        from mlflow.entities import RunTag

        marks = [RunTag(k, str(v)) for k, v in {**(tags or {}), CURSOR: number}.items()]
        self.client.log_batch(self.run_id, metrics=_points(event, metrics), tags=marks)

    def _on_start(self, event: dict[str, Any], number: int) -> None:
        """Every field of the Run as a parameter; commit, versions, hardware and owner as tags."""
        from mlflow.entities import Param

        values = event["values"]
        params = [Param(k, str(v)[:6000]) for k, v in values["params"].items()]
        self.client.log_batch(self.run_id, params=params)
        facts = {k: v for k, v in values["facts"].items() if k != "born"}
        tags = {f"inductive.{k}": v for k, v in facts.items()}
        if facts.get("commit"):
            tags["mlflow.source.git.commit"] = facts["commit"].rstrip("+")  # which the page shows beside the source
        if values["parent"]:
            parent = Mirror(RunFolder(self.folder.path.parent / values["parent"]), self.domain)
            tags["mlflow.parentRunId"] = parent.run_id
        self._batch(event, number, {}, tags)

    def _on_resume(self, event: dict[str, Any], number: int) -> None:
        """The run goes on, in another process."""
        self._batch(event, number, {}, {f"inductive.{k}": v for k, v in event["values"]["facts"].items()})
        self.client.update_run(self.run_id, status="RUNNING")

    def _on_data(self, event: dict[str, Any], number: int) -> None:
        """The data set, by a digest of its content: MLflow's own digest looks at a part of the rows only."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        facts = event["values"]
        source = json.dumps({"source": facts["source"], "sha256": facts["sha256"]})
        profile = json.dumps({k: facts[k] for k in ("rows", "split_rule", "duplicates") if k in facts})
        dataset = Dataset(facts["name"], facts["digest"][:36], "local", source, profile=profile)
        self.client.log_inputs(self.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
        self._batch(event, number, {}, {"inductive.data_digest": facts["digest"]})

    def _epochs(self, numbered: Sequence[tuple[int, dict[str, Any]]]) -> None:
        """Epochs that follow each other, many in one transaction: a graph's may take a millisecond each."""
        from mlflow.entities import RunTag

        for start in range(0, len(numbered), EPOCHS_A_BATCH):
            part = numbered[start : start + EPOCHS_A_BATCH]
            points = [point for _, event in part for point in _points(event, event["values"])]
            self.client.log_batch(self.run_id, metrics=points, tags=[RunTag(CURSOR, str(part[-1][0]))])

    def _on_scores(self, event: dict[str, Any], number: int) -> None:
        """Final measures as `test/accuracy`, baselines as `test/accuracy of kmer_regression`, and the card.

        The page draws what stands before a slash as a section of charts.
        """
        values = event["values"]
        metrics = {f"{split}/{k}": v for split, scores in values["scores"].items() for k, v in scores.items()}
        for name, splits in values.get("baselines", {}).items():
            metrics |= {f"{split}/{k} of {name}": v for split, scores in splits.items() for k, v in scores.items()}
        card = f"Verdict: {values['verdict']}.\n\n{values['card']}"  # the page shows the first lines alone
        self._batch(event, number, metrics, {"mlflow.note.content": card, "inductive.verdict": values["verdict"]})

    def _on_artifact(self, event: dict[str, Any], number: int) -> None:
        path = self.folder.path / event["values"]["path"]
        self.client.log_artifact(self.run_id, str(path), event["values"].get("under", "plots"))
        self._batch(event, number, {})

    def _on_export(self, event: dict[str, Any], number: int) -> None:
        """Log the SavedModel as a model that `mlflow models serve` takes, register it, crown it if it won."""
        folder = self.folder.path / event["values"]["path"]
        self.client.log_artifact(self.run_id, str(folder / "model.keras"), "keras")
        with _chosen(store_uri()):
            version = self._register(folder, event["values"]["name"])
        won, why = self._champion(event["values"], version)
        if won:
            self.client.set_registered_model_alias(version.name, "champion", version.version)
        registered = f"{version.name} version {version.version}"
        self._batch(event, number, {}, {"inductive.registered": registered, "inductive.champion": why})

    def _register(self, folder: Path, name: str) -> Any:
        """The version of this export; one that a store made before it failed is found again."""
        from mlflow.exceptions import MlflowException

        tags = {"inductive.run": self.folder.name, "inductive.export": folder.name}
        with suppress(MlflowException):  # there already
            self.client.create_registered_model(name)
        for version in self.client.search_model_versions(f"run_id = '{self.run_id}'"):
            if version.name == name and version.tags.get("inductive.export") == folder.name:
                return version
        info = self._log_model(folder)
        return self.client.create_model_version(name, info.model_uri, self.run_id, tags, model_id=info.model_id)

    def _log_model(self, folder: Path) -> Any:
        import mlflow
        import pandas as pd
        from mlflow.models import infer_signature

        metadata = json.loads((folder / "metadata.json").read_text())
        example = pd.DataFrame(metadata["example"]["inputs"])  # one row: as plain lists they would be one array each
        signature = infer_signature(example, pd.DataFrame(metadata["example"]["outputs"]))
        # It warns of hints and schemas that are given.
        with mlflow.start_run(run_id=self.run_id), stderr_aside(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return mlflow.pyfunc.log_model(
                name="model",
                python_model=str(Path(__file__).with_name("tracked_model.py")),
                artifacts={"saved_model": str(folder)},
                signature=signature,
                input_example=example,
                pip_requirements=metadata["requirements"],
            )

    def _champion(self, values: Mapping[str, Any], version: Any) -> tuple[bool, str]:
        """Whether this version becomes the champion, and why (not). Scores on other data cannot be compared."""
        measure, ours = values["measure"], values["value"]
        if ours is None:
            return False, f"no: its validation {measure} is not a number"
        best = self._holder(version.name)
        if best is None or best.version == version.version:  # itself, where the store failed just after the crowning
            return True, f"yes: validation {measure} {ours:.4g}, " + ("the best so far" if best else "the first")
        run = self.client.get_run(best.run_id)
        theirs = run.data.metrics.get(f"val/{measure}")
        if run.data.tags.get("inductive.data_digest") != values["digest"] or theirs is None:
            return False, f"no: version {best.version} was judged on other rows; --name gives a model a name of its own"
        won = ours > theirs if values["more_is_better"] else ours < theirs
        scores = f"validation {measure} {ours:.4g} against {theirs:.4g} of version {best.version}"
        return won, f"{'yes' if won else 'no'}: {scores}"

    def _holder(self, name: str) -> Any:
        """The version that is the champion, or None where there is none."""
        alias = self.client.get_registered_model(name).aliases.get("champion")
        return self.client.get_model_version(name, alias) if alias else None

    def _on_end(self, event: dict[str, Any], number: int) -> None:
        self._batch(event, number, {}, {"inductive.end": event["values"].get("reason", "")})
        self.client.set_terminated(self.run_id, event["values"]["status"], int(event["time"] * 1000))

    def _on_other(self, event: dict[str, Any], number: int) -> None:
        self._batch(event, number, {})


def _points(event: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[Any]:
    """Numbers as MLflow's metrics at the time and epoch of an event."""
    from mlflow.entities import Metric

    when, step = int(event["time"] * 1000), event["epoch"] or 0
    return [Metric(name, value, when, step) for name, value in metrics.items() if isinstance(value, int | float)]


def mirror_all() -> list[RunFolder]:
    """Replay what any ended run has that the store has not; returns the folders that were behind.

    A run that has not ended is the business of its own process: two that replay one record log it twice.
    """
    mark_abandoned()
    behind = []
    for folder in [folder for folder in all_runs() if folder.ended()]:
        mirror = Mirror(folder, folder.path.parent.name)
        before = mirror.client.get_run(mirror.run_id).data.tags.get(CURSOR)
        mirror.catch_up()
        if mirror.client.get_run(mirror.run_id).data.tags.get(CURSOR) != before:
            behind.append(folder)
    return behind


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
        with _chosen(store_uri()):
            folder = Path(mlflow.artifacts.download_artifacts(uri))
    except MlflowException as error:
        raise BadInput(
            "no such model in the MLflow store",
            wanted="models:/NAME@champion, models:/NAME/VERSION or runs:/ID/model",
            got=uri,
            where=_reason(error),
        ) from None
    exports = sorted(p.parent for p in folder.rglob("metadata.json"))
    if not exports:
        raise BadInput("the model holds no export", wanted="a model that a training run logged", got=uri)
    return exports[0]


def _experiment(client: Any, name: str) -> str:
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
def _chosen(uri: str) -> Iterator[None]:
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


def _failed(error: Exception) -> Unreachable:
    return Unreachable("the MLflow store failed", got=_reason(error), where=without_secrets(store_uri()))


def _reason(error: Exception) -> str:
    """The first line of what a store says, fit to be shown."""
    return without_secrets(str(error).split("\n")[0])[:200]


def _quiet() -> None:
    """MLflow and Alembic tell of every table they make; only warnings are worth a user's eye."""
    import logging

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Pages of SQL, for an error that we tell in one line.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def follow(mirror: Mirror) -> None:
    """Catch up, or tell once that the store failed: a run goes on without it, its record keeps everything."""
    try:
        mirror.catch_up()
    except Unreachable as error:
        if not mirror.complained:
            print(f"warning: {error}. The run goes on; `python -m pipelines sync` mirrors it later.", file=sys.stderr)
        mirror.complained = True
