"""Where a run computes: one device, several of this machine, or several machines."""

from __future__ import annotations

import json
import os
import sys
from functools import cache
from typing import Any

import tensorflow as tf

from data.errors import BadInput
from pipelines.cluster import check_tf_config, slurm_tasks
from pipelines.cluster import is_chief as is_chief
from pipelines.cluster import worker as worker
from pipelines.launch import JOINED
from pipelines.run import Fit
from pipelines.signals import interruptible


def check(fit: Fit) -> None:
    """Refuse what cannot be had, before anything is read; starts nothing and waits for nobody.

    Raises:
        BadInput: more devices than there are, or several beside several workers.
    """
    if fit.devices > 1 and worker()[1] > 1:
        raise BadInput("fit.devices beside several workers", wanted="1, or 0 for every GPU", got=fit.devices)
    gpus, cores = len(tf.config.list_physical_devices("GPU")), len(os.sched_getaffinity(0))
    if fit.devices > (gpus or cores):
        wanted = f"at most {gpus}" if gpus else f"at most {cores}, the cores"
        raise BadInput("fit.devices: more devices than exist", wanted=wanted, got=fit.devices)


def strategy(fit: Fit) -> tf.distribute.Strategy:
    """The distribution strategy of a fit, one for all fits of a process.

    Several machines are those of `TF_CONFIG` (or of Slurm, where `srun` started several tasks). On one machine, several
    devices are its GPUs, or logical CPU devices where there is none.

    Raises:
        BadInput: more devices than there are, or a `TF_CONFIG` that cannot be read.
    """
    check(fit)
    return _strategy(fit.devices)


@cache
def _strategy(devices: int) -> tf.distribute.Strategy:
    if (resolver := _cluster()) is not None:
        if (threads := _threads_of_worker()) and not os.environ.get("TF_NUM_INTRAOP_THREADS"):
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        with interruptible():  # it waits for the others, for ever if need be
            joined = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
        if os.environ.get("INDUCTIVE_LAUNCHED"):
            print(JOINED, file=sys.stderr, flush=True)  # to the launcher, which waits for it
        return joined
    gpus = tf.config.list_logical_devices("GPU") if tf.config.list_physical_devices("GPU") else []
    wanted = devices or max(1, len(gpus))
    if wanted == 1:
        return tf.distribute.get_strategy()
    if gpus:
        return tf.distribute.MirroredStrategy([d.name for d in gpus[:wanted]])
    names = [f"CPU:{i}" for i in range(_logical_cpus(wanted))]
    return tf.distribute.MirroredStrategy(names, cross_device_ops=tf.distribute.ReductionToOneDevice())


def _logical_cpus(wanted: int) -> int:
    """Split the CPU into so many logical devices; possible only before TensorFlow has used it.

    Raises:
        BadInput: when it is too late for so many.
    """
    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * wanted)
    except RuntimeError:
        there = len(tf.config.list_logical_devices("CPU"))
        if there < wanted:
            raise BadInput("fit.devices: TensorFlow has started with fewer", wanted=wanted, got=there) from None
    return wanted


def _cluster() -> Any:
    """The resolver of a cluster of several workers, if this process is one of them."""
    if os.environ.get("TF_CONFIG"):
        check_tf_config(os.environ["TF_CONFIG"])
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        return resolver if resolver.cluster_spec().num_tasks("worker") > 1 else None
    if (tasks := slurm_tasks()) > 1:
        port = 20_000 + int(os.environ.get("SLURM_JOB_ID", "0")) % 10_000  # jobs that share a node do not meet
        # The resolver wants GPUs to hand out, even where there is none; Slurm has handed them out.
        return tf.distribute.cluster_resolver.SlurmClusterResolver(
            jobs={"worker": tasks}, port_base=port, gpus_per_node=tasks, gpus_per_task=1, auto_set_gpu=False
        )
    return None


def _threads_of_worker() -> int:
    """Threads for one of several workers that share this machine's cores; 0 leaves it to TensorFlow.

    As many as cores in each of two workers take 1.6 times the time of one process, half as many 1.3 times. Who gave
    this process some of the cores has shared them out already.
    """
    mine, cores = len(os.sched_getaffinity(0)), os.cpu_count() or 1
    if mine < cores or not (config := os.environ.get("TF_CONFIG")):
        return 0
    parsed = json.loads(config)
    hosts = [address.rpartition(":")[0] for address in parsed["cluster"]["worker"]]
    sharing = hosts.count(hosts[parsed["task"]["index"]])
    return max(1, cores // sharing) if sharing > 1 else 0


def wait_for_all(fit: Fit) -> None:
    """Return when every worker has come here: one that left earlier would look lost to the others."""
    if worker()[1] > 1:
        joined = strategy(fit)

        def one() -> Any:
            return tf.constant(1.0)

        # AutoGraph has nothing to do here and would warn that it cannot.
        tf.function(lambda: joined.reduce("SUM", joined.run(one), axis=None), autograph=False)()
