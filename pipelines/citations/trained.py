"""A trained model taken up again with the graph that it was trained on, for verbs that look inside it."""

from __future__ import annotations

from typing import Any, NamedTuple

from data.splits import Splits
from pipelines.domain import Domain


class Trained(NamedTuple):
    """A model and what it was trained on.

    Attributes:
        export: the export as found.
        model: the Keras model.
        splits: of its run, read again.
    """

    export: Any
    model: Any
    splits: Splits


def open_trained(domain: Domain, model: str) -> Trained:
    """The model that MODEL means (a run or export folder, a URI, or nothing for the champion), and its graph.

    Raises:
        BadInput: no such model, or its data cannot be read any more.
    """
    from pipelines.quiet import start_tensorflow

    start_tensorflow()
    import keras

    from pipelines.run import run_of
    from pipelines.task import register_layers
    from pipelines.verbs import find

    export = find(domain, model)
    run = run_of(export.metadata["run"], domain, str(export.folder))
    register_layers(domain.task_for(run), run)
    (_, splits), *_ = domain.members(run, domain.load(run.data, run.splits_by))
    return Trained(export, keras.saving.load_model(export.folder / "model.keras", compile=False), splits)
