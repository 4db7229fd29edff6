"""What every test stands on: runs go to a folder of the test session's own, never to the checkout's."""

import os
import signal
import tempfile

# Before anything imports the pipelines: they read the folder of runs from here.
os.environ["INDUCTIVE_RUNS"] = tempfile.mkdtemp(prefix="inductive-tests-")
os.environ.pop("MLFLOW_TRACKING_URI", None)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# A shell's background job ignores Ctrl-C, and so would every process that tests start from it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
