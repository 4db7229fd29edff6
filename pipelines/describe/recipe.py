"""A domain's own `describe`: what a recipe's model costs on the recipe's data, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data.errors import BadInput
from pipelines.domain import Domain
from pipelines.flags import parse


@dataclass(frozen=True)
class DescribeFlags:
    """Flags of `describe`.

    Attributes:
        json: print one JSON object on stdout, everything else on stderr.
    """

    json: bool = False


def main(domain: Domain, arguments: Sequence[str], program: str) -> dict[str, Any] | None:
    """Parameters, multiply-adds and activation memory of a recipe, for one example; edges of a graph are not counted.

    Raises:
        BadInput: no such recipe.
    """
    words = [word for word in arguments if not word.startswith("-")]
    flags = parse(
        DescribeFlags,
        [word for word in arguments if word.startswith("-")],
        program,
        "describe [RECIPE]: a recipe's network, resources and laws.",
    )
    if len(words) > 1:
        raise BadInput("one recipe at a time", wanted="describe [RECIPE] [--json]", got=" ".join(words))
    run = domain.recipe(words[0] if words else "")
    splits = domain.load(run.data, run.seed)
    from pipelines.quiet import start_tensorflow

    start_tensorflow()
    from arch.account import account
    from pipelines.task import build

    counts = account(build(domain.task_for(run), run, splits.meta))
    if flags.json:
        return {
            "name": run.recipe,
            "builder": run.model.builder,
            "options": dict(run.model.options),
            **counts.as_json(),
        }
    print(f"{run.recipe} on {splits.meta['name']}: {run.source}\n")
    print(counts.as_table())
    print(f"\n{counts.parameters:,} parameters, {counts.multiply_adds:,} multiply-adds an example")
    return None
