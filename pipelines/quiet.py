"""Starting TensorFlow without the lines that it writes about itself, which nobody who trains a model can act on."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO


def start_tensorflow() -> None:
    """Import TensorFlow and have it look for its devices, its chatter held back.

    `TF_CPP_MIN_LOG_LEVEL` no longer reaches the messages that are written before logging is set up, so standard error
    itself is put aside; what was written is shown where the start fails.
    """
    # Not even errors: what fails is raised too, and "oneDNN supports DT_INT64 only on ..." is an error to TensorFlow.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with stderr_aside():
        import tensorflow as tf

        # An export that is loaded to be seen to answer cannot be trained on, which each of its kernels would tell.
        logging.getLogger("absl").setLevel(logging.ERROR)
        tf.get_logger().addFilter(_is_worth_telling)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)  # several processes may share a GPU
        if os.environ.get("KERAS_BACKEND") == "jax":
            tf.config.set_visible_devices([], "GPU")  # TensorFlow only reads data then, and would take all memory


def _is_worth_telling(record: logging.LogRecord) -> bool:
    """Folds, members and pieces of a large graph each have functions of their own to compile, and that is meant."""
    return "triggered tf.function retracing" not in record.getMessage()


@contextmanager
def stderr_aside() -> Iterator[None]:
    """Standard error, of C++ code too, into a file that is shown only if the block fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with _unnamed_file() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _unnamed_file() -> IO[bytes]:
    """A file without a name: in memory where the system has that, since a container's disk may be read-only."""
    return open(os.memfd_create("stderr"), "w+b") if hasattr(os, "memfd_create") else tempfile.TemporaryFile()
