"""What every test stands on: runs go to a folder of the test session's own, never to the checkout's."""

import os
import tempfile

import pytest

# Before anything imports the pipelines: they read the folder of runs from here.
os.environ["INDUCTIVE_RUNS"] = tempfile.mkdtemp(prefix="inductive-tests-")
os.environ.pop("MLFLOW_TRACKING_URI", None)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

SHARING = {"test_resume": "test_distribution"}  # files that look at one long process of `replicas`


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(items):
    """Under `-n 2 --dist loadgroup` the tests of a file stay in one process: they share what was trained for them."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(SHARING.get(item.path.stem, item.path.stem)))
