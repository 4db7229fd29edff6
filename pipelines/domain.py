"""Domain: what the command line must know of a pipeline before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from data.errors import BadInput
from data.splits import Rows, Splits
from data.tables import Table
from pipelines.options import did_you_mean
from pipelines.run import Fit, Run

if TYPE_CHECKING:
    from pipelines.task import Task

DOMAINS = ("genomics", "citations", "images", "economics")


@dataclass(frozen=True)
class Verb:
    """A verb that a domain has beyond those of all domains.

    Attributes:
        usage: its line in the help: `explain [MODEL] [FILE] --out FOLDER`.
        module: whose `main(domain, arguments, program)` carries it out and returns what `--json` prints; imported then.
    """

    usage: str
    module: str


class Doubt(NamedTuple):
    """Rows that a model answers though they say little.

    Attributes:
        what: they are, behind their number: `7 rows` ... .
        count: columns of requests -> how many of them are such.
    """

    what: str
    count: Callable[[Mapping[str, Any]], int]


NO_DOUBT = Doubt("", lambda columns: 0)


@dataclass(frozen=True)
class Domain:
    """A pipeline's light half: names, flags, recipes, files. Its `task`, which imports Keras, comes when a verb runs.

    Attributes:
        name: also the registered model's name.
        summary: one line for lists.
        data: dataclass of the data options, each field a `--data.` flag.
        load: data options, seed -> splits; reads files before anything heavy is imported, so that bad files fail fast.
        folds: run, splits, k -> the splits of each fold.
        rows: labelled file, metadata of an export -> rows to judge it on.
        requests: file, metadata of an export -> pieces of (table as read, inputs of the served function).
        recipes: named runs; `train` takes the first one.
        task_module: the module that holds TASK.
        about: meta -> what was found in the data, a line each.
        facts: keys of meta that travel with an export, for `rows` and `requests`.
        fit: dataclass of the fit options, each field a `--fit.` flag; `Fit` or a subclass.
        check: refuses a run that cannot work, before anything is read.
        verbs: further verbs by name.
        doubt: rows that `predict` tells the number of.
        task_name: data options -> the task of `task_module`, where it holds several.
    """

    name: str
    summary: str
    data: type
    load: Callable[[Any, int], Splits]
    folds: Callable[[Run, Splits, int], Iterator[Splits]]
    rows: Callable[[str, Mapping[str, Any]], Rows]
    requests: Callable[[str, Mapping[str, Any]], Iterator[tuple[Table, dict[str, Any]]]]
    recipes: Mapping[str, Run]
    task_module: str
    about: Callable[[Mapping[str, Any]], list[str]] = lambda meta: []
    facts: tuple[str, ...] = ()
    fit: type = Fit
    check: Callable[[Run], None] = lambda run: None
    verbs: Mapping[str, Verb] = field(default_factory=dict)
    doubt: Doubt = NO_DOUBT
    task_name: Callable[[Any], str] = lambda data: "TASK"

    def recipe(self, name: str) -> Run:
        """The recipe of this name, or the first where the name is empty.

        Raises:
            BadInput: when there is none.
        """
        if not name:
            return next(iter(self.recipes.values()))
        if name not in self.recipes:
            wanted = "one of " + ", ".join(self.recipes)
            raise BadInput(f"unknown {self.name} recipe{did_you_mean(name, self.recipes)}", wanted=wanted, got=name)
        return self.recipes[name]

    def members(self, run: Run, loaded: Splits) -> list[tuple[Run, Splits]]:
        """Every training that a run stands for, with its rows: a fold of what was loaded, or its own seed's split.

        Args:
            run: one training or several.
            loaded: what `load` gave for the run's data and split; files are read again only for another split.
        """
        trainings = run.members()
        if run.folds:
            parts = list(self.folds(run, loaded, run.folds))
            return [(training, parts[training.fold]) for training in trainings]
        return [(t, loaded if t.splits_by == run.splits_by else self.load(t.data, t.splits_by)) for t in trainings]

    def splits(self, run: Run) -> Splits:
        """The rows of the first training that a run stands for, read from their source."""
        return self.members(run, self.load(run.data, run.splits_by))[0][1]

    @property
    def task(self) -> Task:
        """The heavy half, for the domain's own data."""
        return self.task_for(self.recipe(""))

    def task_for(self, run: Run) -> Task:
        """The heavy half, for a run's data."""
        return getattr(import_module(self.task_module), self.task_name(run.data))


def domain(name: str) -> Domain:
    """The domain of this name."""
    return import_module(f"pipelines.{name}").DOMAIN
