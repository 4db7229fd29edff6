"""What every test stands on: runs go to a folder of the test session's own, never to the checkout's."""

import os
import tempfile

# Before anything imports the pipelines: they read the folder of runs from here.
os.environ["INDUCTIVE_RUNS"] = tempfile.mkdtemp(prefix="inductive-tests-")
os.environ.pop("MLFLOW_TRACKING_URI", None)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
