"""A trained model taken up again, for verbs that look inside it."""

from __future__ import annotations

from typing import Any, NamedTuple

from pipelines.domain import Domain
from pipelines.quiet import start_tensorflow
from pipelines.run import Run
from pipelines.serve.folder import Export
from pipelines.stored_run import run_of


class Trained(NamedTuple):
    """A model and where it comes from.

    Attributes:
        export: as found.
        run: that trained it.
        model: the Keras model.
    """

    export: Export
    run: Run
    model: Any


def open_trained(domain: Domain, model: str) -> Trained:
    """The model that MODEL means: a run or export folder, a URI, or nothing for the champion.

    Raises:
        BadInput: no such model.
    """
    start_tensorflow()
    import keras

    from pipelines.task import register_layers
    from pipelines.verbs import find

    export = find(domain, model)
    run = run_of(export.metadata["run"], domain, str(export.folder))
    register_layers(domain.task_for(run), run)
    return Trained(export, run, keras.saving.load_model(export.folder / "model.keras", compile=False))
