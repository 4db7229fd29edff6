"""`python -m pipelines VERB`: what spans the domains."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any

from arch import BUILDERS
from arch.variants import VARIANTS
from pipelines.cli import Answer, run_verb
from pipelines.describe import describe
from pipelines.domain import DOMAINS, domain
from pipelines.exit_codes import DONE, FAILED
from pipelines.flags import parse, with_command
from pipelines.gallery import gallery
from pipelines.options import describe_builder
from pipelines.summary import summary

PROGRAM = "python -m pipelines"
USAGE = f"""usage: {PROGRAM} VERB [...]

  list              domains, recipes, architectures and published variants
  describe NAME     an architecture or a published variant, or two of them: parameters, multiply-adds, memory, laws
  gallery           one page of all families with their equations, and their figures beside the published ones
  summary RUN       a run on one page of HTML: scores beside the baselines, figures, data, how it was made
  models            registered models and their champions
  doctor            mark runs whose process is gone as killed
  sync              mirror to MLflow what it has not got yet
  launch            start the workers of one run, here or on several machines, and watch them
  sweep             train every combination of some flags' values, one process (and GPU) each

Each domain has a command line of its own: {", ".join(f"python -m pipelines.{name}" for name in DOMAINS)}.
Serve a model: python -m pipelines.serve MODEL."""


@dataclasses.dataclass(frozen=True)
class Json:
    """Flags of the verbs that only tell.

    Attributes:
        json: print one JSON object on stdout, everything else on stderr.
    """

    json: bool = False


def list_all(arguments: Sequence[str], program: str) -> Answer:
    """Domains with recipes, architectures, variants."""
    flags = parse(Json, arguments, program, "List domains, recipes, architectures and published variants.")
    domains = {name: domain(name) for name in DOMAINS}
    answer: dict[str, Any] = {
        "domains": {
            n: {"summary": d.summary, "recipes": {r: run.source for r, run in d.recipes.items()}}
            for n, d in domains.items()
        },
        "architectures": {name: describe_builder(name).summary for name in BUILDERS},
        "variants": {name: v.source for name, v in VARIANTS.items()},
    }
    if flags.json:
        return answer
    for name, held in domains.items():
        print(f"{name}: {held.summary}")
        for recipe, run in held.recipes.items():
            print(f"  {recipe:<22}{run.source}")
    for title in ("architectures", "variants"):
        print(title)
        for name, text in answer[title].items():
            print(f"  {name:<22}{text}")
    return None


def doctor(arguments: Sequence[str], program: str) -> Answer:
    """Mark runs whose process is gone, and mirror that."""
    flags = parse(Json, arguments, program, "Mark runs whose process is gone as killed.")
    from pipelines import runs, tracking

    killed = runs.mark_abandoned()
    for folder in killed:
        tracking.Mirror(folder, folder.path.parent.name).catch_up()
    names = [folder.name for folder in killed]
    return _told(flags.json, {"killed": names}, "marked as killed" if names else "no run is left without an end", names)


def sync(arguments: Sequence[str], program: str) -> Answer:
    """Replay records into the MLflow store."""
    flags = parse(Json, arguments, program, "Mirror to MLflow what it has not got yet.")
    from pipelines import tracking

    names = [folder.name for folder in tracking.mirror_all()]
    return _told(flags.json, {"synced": names}, "mirrored" if names else "the store has everything", names)


def launch(arguments: Sequence[str], program: str) -> Answer:
    """Start and watch several workers; the exit code is theirs."""
    from pipelines.launch import LaunchFlags
    from pipelines.launch import launch as start

    flags, command = with_command(LaunchFlags, arguments, program, _wrapping("Start the workers of one run", program))
    sys.exit(start(flags, command))


def sweep(arguments: Sequence[str], program: str) -> Answer:
    """Train every combination of some flags' values."""
    from pipelines.sweep import SweepFlags, table
    from pipelines.sweep import sweep as carry_out

    about = _wrapping("Train every combination of some flags' values", program)
    flags, command = with_command(SweepFlags, arguments, program, about)
    result = carry_out(flags, command)
    print(json.dumps(result, indent=2) if flags.json else table(result))
    sys.exit(DONE if any("scores" in trial for trial in result["trials"]) else FAILED)


def _wrapping(about: str, program: str) -> str:
    return f"{about}: {program} [flags] -- python -m pipelines.DOMAIN train ..."


def models(arguments: Sequence[str], program: str) -> Answer:
    """Registered models."""
    flags = parse(Json, arguments, program, "Registered models and their champions.")
    from pipelines import tracking

    found = tracking.registered()
    lines = [f"{m['name']}  {m['versions']} versions, champion {m['champion'] or 'none'}" for m in found]
    return _told(flags.json, {"models": found}, "registered models" if found else "no model is registered", lines)


def _told(as_json: bool, answer: dict[str, Any], title: str, lines: Sequence[str]) -> Answer:
    if as_json:
        return answer
    print("\n  ".join([title + (":" if lines else ""), *lines]))
    return None


VERBS = {
    "list": list_all,
    "describe": describe,
    "gallery": gallery,
    "summary": summary,
    "models": models,
    "doctor": doctor,
    "sync": sync,
    "launch": launch,
    "sweep": sweep,
}

if __name__ == "__main__":
    run_verb(VERBS, PROGRAM, lambda: USAGE)
