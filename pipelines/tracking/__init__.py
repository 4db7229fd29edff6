"""MLflow, and the only place that names it: a mirror of run folders' records.

The record beside the run is the truth. A mirror replays its lines, from the first that the store does not have; how
far it came is a tag written in the same transaction as the values, so nothing is lost or logged twice when a store
fails and comes back. Autologging is not used: it logs validation twice and pays seconds a fit.
"""

from pipelines.tracking.mirror import Mirror, follow, mirror_all
from pipelines.tracking.registry import local_folder, registered
from pipelines.tracking.store import Unreachable, connect, own_store, store_uri, without_secrets

__all__ = [
    "Mirror",
    "Unreachable",
    "connect",
    "follow",
    "local_folder",
    "mirror_all",
    "own_store",
    "registered",
    "store_uri",
    "without_secrets",
]
