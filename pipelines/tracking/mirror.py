"""The MLflow run of a run folder, brought up to date from its record."""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any

from data.errors import BadInput
from data.given import legible
from pipelines.runs import RunFolder, all_runs, mark_abandoned, write_json
from pipelines.tracking import registry
from pipelines.tracking.store import Unreachable, connect, experiment_id, failed, store_uri, without_secrets

EPOCHS_A_BATCH = 50  # a store takes at most 1,000 metrics at once
CURSOR = "inductive.cursor"


class Mirror:
    """The MLflow run that mirrors one run folder.

    Args:
        folder: the run folder. `mlflow.json` in it remembers the store and the run.
        domain: the experiment's name.
    """

    def __init__(self, folder: RunFolder, domain: str) -> None:
        self.folder, self.domain, self.complained = folder, domain, False
        self.champion = ""  # whether its model has become the champion, and why (not), once that is decided
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
            raise failed(error) from error

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
                raise failed(error) from error
            return ""  # another store stands in the old one's place

    def _create(self, domain: str) -> str:
        """A run for this folder; one that a process made just before it was killed is found again."""
        experiment, birth = experiment_id(self.client, domain), self._birth()
        tags = {CURSOR: "0", "inductive.birth": birth}
        tags |= {"mlflow.source.name": f"pipelines.{domain}", "mlflow.source.type": "LOCAL"}
        made = self.client.search_runs([experiment], f"tags.`inductive.birth` = '{birth}'", max_results=1)
        run = made[0] if made else self.client.create_run(experiment, run_name=self._name(), tags=tags)
        write_json(self.folder.path / "mlflow.json", {"store": without_secrets(store_uri()), "run_id": run.info.run_id})
        return run.info.run_id

    def _name(self) -> str:
        """What it is, then when it began, as the page cuts names that are long; a folder begins with the time."""
        parts = re.fullmatch(r"(\d{8}-\d{6})-(.+)", self.folder.name)
        if parts is None:  # its owner has named it
            return self.folder.name
        told = next(self.folder.events())["values"]
        alone = told["params"]["combine"] == "best"
        return f"{parts[2] if alone else told.get('title', parts[2])} {parts[1]}"

    def _birth(self) -> str:
        """What no other run has: a digest of its start, with process, host and time."""
        with self.folder.record.open("rb") as file:
            return sha256(file.readline()).hexdigest()[:32]

    def _batch(
        self, event: Mapping[str, Any], number: int, metrics: Mapping[str, Any], tags: Mapping[str, Any] | None = None
    ) -> None:
        """Metrics and tags in one transaction with the cursor."""
        from mlflow.entities import RunTag

        marks = [RunTag(k, legible(v)) for k, v in {**(tags or {}), CURSOR: number}.items()]
        self.client.log_batch(self.run_id, metrics=_points(event, metrics), tags=marks)

    def _on_start(self, event: dict[str, Any], number: int) -> None:
        """Every field of the Run as a parameter; commit, versions, hardware and owner as tags."""
        from mlflow.entities import Param

        values = event["values"]
        params = [Param(k, legible(v)[:6000]) for k, v in values["params"].items()]
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
        if path.exists():  # a figure that its owner has deleted since keeps nothing else from the store
            self.client.log_artifact(self.run_id, str(path), event["values"].get("under", "plots"))
        self._batch(event, number, {})

    def _on_export(self, event: dict[str, Any], number: int) -> None:
        """Log the SavedModel as a model that `mlflow models serve` takes, register it, crown it if it won."""
        folder = self.folder.path / event["values"]["path"]
        self.client.log_artifact(self.run_id, str(folder / "model.keras"), "keras")
        version = registry.register(self.client, self.run_id, folder, event["values"]["name"])
        won, why = registry.champion(self.client, event["values"], version)
        self.champion = why
        if won:
            self.client.set_registered_model_alias(version.name, "champion", version.version)
        registered = f"{version.name} version {version.version}"
        self._batch(event, number, {}, {"inductive.registered": registered, "inductive.champion": why})

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


def follow(mirror: Mirror) -> None:
    """Catch up, or tell once that the store failed: a run goes on without it, its record keeps everything."""
    try:
        mirror.catch_up()
    except Unreachable as error:
        if not mirror.complained:
            print(f"warning: {error}. The run goes on; `python -m pipelines sync` mirrors it later.", file=sys.stderr)
        mirror.complained = True
