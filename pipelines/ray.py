"""`python -m pipelines.ray`: the workers of one run under Ray Train, for a Ray cluster or its queue.

Ray starts the workers, sets `TF_CONFIG` and restarts them when one is lost; each runs the same command line as
everywhere else. Wants the extra `ray`.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from typing import Any

from data.errors import BadInput
from pipelines.cli import main, run_verb
from pipelines.domain import DOMAINS, domain
from pipelines.flags import with_command
from pipelines.runs import root


@dataclasses.dataclass(frozen=True)
class RayFlags:
    """Flags of `ray`; the domain's command follows behind `--`, such as `genomics train wide_deep`.

    Attributes:
        workers: processes to start.
        gpus: whether each worker takes a GPU.
        cpus: cores that each worker takes.
        restarts: how often all workers are started anew after one is lost.
    """

    workers: int = 2
    gpus: bool = False
    cpus: float = 1.0
    restarts: int = 3


def train(arguments: Sequence[str], program: str) -> None:
    """Run a domain's command as Ray Train workers.

    Raises:
        BadInput: when Ray is not installed, or there is no command.
    """
    about = f"Train under Ray: {program} [flags] -- DOMAIN train ..."
    flags, command = with_command(RayFlags, arguments, program, about)
    if not command or command[0] not in DOMAINS:
        wanted = f"-- DOMAIN train ..., DOMAIN one of {', '.join(DOMAINS)}"
        raise BadInput("ray: no command", wanted=wanted, got=" ".join(command) or "nothing")
    try:
        import ray
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.tensorflow import TensorflowTrainer
    except ImportError as error:
        raise BadInput("ray: Ray Train is not installed", wanted="pip install -e '.[ray]'", got=error) from None
    # The workers import the checkout that we run from, and log to the same folder of runs.
    environment = {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "INDUCTIVE_RUNS": str(root())}
    ray.init(ignore_reinit_error=True, log_to_driver=True, runtime_env={"env_vars": environment})
    resources = {"GPU": 1.0} if flags.gpus else {}
    TensorflowTrainer(
        work,
        train_loop_config={"command": command},
        scaling_config=ScalingConfig(
            num_workers=flags.workers,
            use_gpu=flags.gpus,
            resources_per_worker={"CPU": flags.cpus, **resources},
        ),
        run_config=RunConfig(
            storage_path=str(root() / "ray"), failure_config=FailureConfig(max_failures=flags.restarts)
        ),
    ).fit()


def work(config: dict[str, Any]) -> None:
    """What each worker does: the domain's command line, with `TF_CONFIG` set by Ray.

    Raises:
        RuntimeError: when it ends with another code than 0, so that Ray starts all workers anew.
    """
    name, *command = config["command"]
    # Ray asks for Keras 2 where it can; we are Keras 3 throughout.
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    resume = [] if "--resume" in command else ["--resume", "auto"]
    sys.argv = [f"pipelines.{name}", *command, *resume]
    try:
        main(domain(name))
    except SystemExit as stop:
        if stop.code not in (0, None):
            raise RuntimeError(f"pipelines.{name} ended with exit code {stop.code}") from None


if __name__ == "__main__":
    run_verb({"train": train}, "python -m pipelines.ray", lambda: __doc__ or "")
