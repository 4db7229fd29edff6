"""Which worker of a cluster this process is, as `TF_CONFIG` or Slurm tells it; known without TensorFlow."""

from __future__ import annotations

import json
import os

from data.errors import BadInput


def check_tf_config(text: str) -> None:
    """Refuse a `TF_CONFIG` that is not `{"cluster": {"worker": [...]}, "task": {"type": "worker", "index": N}}`.

    Raises:
        BadInput: saying which part is wrong.
    """
    wanted = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        kind, index = task["type"], task["index"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput("TF_CONFIG is malformed", wanted=wanted, got=f"{type(error).__name__}: {error}") from None
    others = sorted(set(config["cluster"]) - {"worker"})
    if others or kind != "worker":
        raise BadInput("TF_CONFIG: only workers are supported", wanted=wanted, got=", ".join(others) or kind)
    if not isinstance(workers, list) or not workers or not all(map(_is_address, workers)):
        raise BadInput("TF_CONFIG: workers must be a list of host:port", wanted=wanted, got=workers)
    if len(set(workers)) != len(workers):
        raise BadInput("TF_CONFIG: workers must be different host:port", wanted=wanted, got=workers)
    if type(index) is not int or not 0 <= index < len(workers):
        raise BadInput("TF_CONFIG: the task is not in the cluster", wanted=f"0 to {len(workers) - 1}", got=index)


def _is_address(text: object) -> bool:
    return isinstance(text, str) and text.rpartition(":")[0] != "" and text.rpartition(":")[2].isdecimal()


def worker() -> tuple[int, int]:
    """(index, count) of this process among the workers of the run, known without starting TensorFlow's cluster."""
    if config := os.environ.get("TF_CONFIG"):
        check_tf_config(config)
        parsed = json.loads(config)
        return parsed["task"]["index"], len(parsed["cluster"]["worker"])
    tasks = slurm_tasks()
    return int(os.environ["SLURM_PROCID"]) if tasks > 1 else 0, tasks


def slurm_tasks() -> int:
    """Tasks that `srun` has started beside this one; a batch script or a shell of an allocation is no such task."""
    return int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) if "SLURM_PROCID" in os.environ else 1


def is_chief() -> bool:
    """Whether this process is the one that writes."""
    return worker()[0] == 0
