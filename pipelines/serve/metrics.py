"""What Prometheus is told about a served model."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from pipelines.serve.folder import Export

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """Counters of one server, in a registry of its own.

    Args:
        export: named by `serve_model_info`.
    """

    def __init__(self, export: Export) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        own = self.registry
        self.ready = Gauge("serve_ready", "1 once the model has answered its example", registry=own)
        info = Gauge("serve_model_info", "The model served", ["name", "version"], registry=own)
        info.labels(export.name, export.version).set(1)
        self._requests = Counter("serve_requests", "Predictions asked for, by HTTP status", ["status"], registry=own)
        self._rows = Counter("serve_rows", "Rows predicted", registry=own)
        self._seconds = Histogram(
            "serve_request_seconds", "From the header to the answer", buckets=SECONDS, registry=own
        )
        self._model = Histogram("serve_model_seconds", "In the model alone", buckets=SECONDS, registry=own)

    def count(self, status: int, seconds: float) -> None:
        """One request has been answered."""
        self._requests.labels(str(status)).inc()
        self._seconds.observe(seconds)

    def ran(self, rows: int, seconds: float) -> None:
        """The model has answered."""
        self._rows.inc(rows)
        self._model.observe(seconds)
