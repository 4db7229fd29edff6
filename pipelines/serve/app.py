"""The HTTP side: routes of TensorFlow Serving's REST v1, health, readiness, metrics and the page that explains them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import FastAPI
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from pipelines.serve import page
from pipelines.serve.folder import Export
from pipelines.serve.metrics import Metrics
from pipelines.serve.model import DEFAULT, Signature
from pipelines.serve.wire import Refusal, read_body, read_question, write_answer

LOG = logging.getLogger("pipelines.serve")
Signatures = Mapping[str, Signature]
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Limits:
    """What a client may ask for.

    Attributes:
        body_bytes: the largest body.
        rows: the most rows in one request.
        waiting: the most predictions under way; each holds a body in memory.
        body_seconds: the longest a body may take to arrive.
    """

    body_bytes: int = 8 * 2**20
    rows: int = 4096
    waiting: int = 128
    body_seconds: float = 30.0


@dataclass
class Server:
    """One export behind its routes.

    Args:
        export: checked on disk, not yet in memory.
        load: gives the warmed-up signatures; called in the model's own thread.
        failed: told the error when `load` fails.
        limits: what a client may ask for.
    """

    export: Export
    load: Callable[[], Signatures]
    failed: Callable[[Exception], None]
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.signatures: Signatures | None = None
        self.metrics = Metrics(self.export)
        # One thread: TensorFlow spreads an operation over its own threads, and health stays answered meanwhile.
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self.waiting = 0

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """Load beside the open port, so that health answers from the start."""
        loading = asyncio.create_task(self._become_ready())
        yield
        loading.cancel()
        self.thread.shutdown(wait=False, cancel_futures=True)

    async def _become_ready(self) -> None:
        try:
            self.signatures = await asyncio.get_running_loop().run_in_executor(self.thread, self.load)
            self.metrics.ready.set(1)
        except Exception as error:
            self.failed(error)

    async def predict(self, request: Request) -> Response:
        """POST /v1/models/NAME[/versions/VERSION]:predict."""
        started = time.perf_counter()
        self.waiting += 1
        try:
            answer, status = await self._answer(request), 200
        except Refusal as refusal:
            answer, status = orjson.dumps({"error": refusal.reason}), refusal.status
        except ClientDisconnect:
            answer, status = b"", 499
        except Exception:
            LOG.exception("a prediction failed")
            answer, status = orjson.dumps({"error": "the server failed; its log says why"}), 500
        finally:
            self.waiting -= 1
        self.metrics.count(status, time.perf_counter() - started)
        return Response(answer, status, media_type="application/json")

    async def _answer(self, request: Request) -> bytes:
        self._known(request)
        check_content(request)
        if self.signatures is None:
            raise Refusal(503, "the model is being loaded; /readyz tells when it answers")
        if self.waiting > self.limits.waiting:
            raise Refusal(503, f"busy: {self.limits.waiting} predictions are under way; try again later")
        body = await self._body(request)
        return await asyncio.get_running_loop().run_in_executor(self.thread, self._work, self.signatures, body)

    async def _body(self, request: Request) -> bytes:
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                return await receive(request, self.limits.body_bytes)
        except TimeoutError:
            raise Refusal(408, f"the body did not arrive within {self.limits.body_seconds:g} seconds") from None

    def _work(self, signatures: Signatures, body: bytes) -> bytes:
        """In the model's thread: JSON to arrays, through the model, to JSON."""
        question_body = read_body(body)
        signature = signatures.get(question_body.get("signature_name") or DEFAULT)
        if signature is None:
            raise Refusal(400, f"unknown signature_name; wanted one of {', '.join(signatures)}")
        question = read_question(question_body, signature.fields, self.limits.rows)
        started = time.perf_counter()
        outputs = signature(question.arrays)
        self.metrics.ran(question.rows, time.perf_counter() - started)
        return write_answer(outputs, question)

    def _known(self, request: Request) -> None:
        """Refuse a model or version that is not the one served."""
        asked, export = request.path_params, self.export
        if asked["model"] != export.name or asked.get("version", export.version) != export.version:
            raise Refusal(404, f"no such model or version; served here: {export.name}, version {export.version}")

    async def status(self, request: Request) -> Response:
        """GET /v1/models/NAME."""
        self._known(request)
        state = "LOADING" if self.signatures is None else "AVAILABLE"
        status = {"error_code": "OK", "error_message": ""}
        return reply({"model_version_status": [{"version": self.export.version, "state": state, "status": status}]})

    async def metadata(self, request: Request) -> Response:
        """GET /v1/models/NAME/metadata."""
        self._known(request)
        if self.signatures is None:
            raise Refusal(503, "the model is being loaded; /readyz tells when it answers")
        signatures = {name: signature.description for name, signature in self.signatures.items()}
        spec = {"name": self.export.name, "signature_name": "", "version": self.export.version}
        return reply({"model_spec": spec, "metadata": {"signature_def": {"signature_def": signatures}}})

    async def health(self, _request: Request) -> Response:
        """GET /healthz: the process answers."""
        return reply({"status": "ok"})

    async def readiness(self, _request: Request) -> Response:
        """GET /readyz: 200 once the model has answered its example."""
        return reply({"status": "loading"}, 503) if self.signatures is None else reply({"status": "ready"})

    async def scrape(self, _request: Request) -> Response:
        """GET /metrics, for Prometheus."""
        return Response(generate_latest(self.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def openapi(self, _request: Request) -> Response:
        """GET /openapi.json."""
        return reply(page.openapi(self.export))

    async def docs(self, request: Request) -> Response:
        """GET /docs: a page that loads nothing from elsewhere."""
        html, policy = page.html(self.export, str(request.base_url).rstrip("/"))
        headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
        return Response(html, media_type="text/html", headers=headers)


def application(server: Server) -> FastAPI:
    """The application. Plain routes: FastAPI's own parsing of parameters costs more than a small model's answer."""
    model = "/v1/models/{model}"
    version = model + "/versions/{version}"
    gets: dict[str, Handler] = {model: server.status, version: server.status}
    gets |= {model + "/metadata": server.metadata, version + "/metadata": server.metadata}
    gets |= {"/healthz": server.health, "/readyz": server.readiness, "/metrics": server.scrape}
    gets |= {"/openapi.json": server.openapi, "/docs": server.docs}
    posts = [Route(path + ":predict", server.predict, methods=["POST"]) for path in (model, version)]
    return FastAPI(
        routes=[*posts, *(Route(path, handler, methods=["GET"]) for path, handler in gets.items())],
        lifespan=server.lifespan,
        exception_handlers={Refusal: refused, HTTPException: refused},
        openapi_url=None,
    )


def check_content(request: Request) -> None:
    """Refuse what is not plain JSON; a body without a type is taken for JSON."""
    kind = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if kind != "application/json" or request.headers.get("content-encoding", "identity") != "identity":
        raise Refusal(415, "wanted the header 'Content-Type: application/json' and no Content-Encoding")


async def receive(request: Request, limit: int) -> bytes:
    """The body, of which no more than `limit` bytes are ever kept.

    Raises:
        Refusal: 413 by the declared length at once, otherwise as soon as too much has come.
    """
    refusal = Refusal(413, f"the body is too large; wanted at most {limit} bytes")
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > limit:
        raise refusal
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise refusal
        chunks.append(chunk)
    return b"".join(chunks)


async def refused(_request: Request, error: Exception) -> Response:
    """Errors outside of a prediction, in the same form."""
    if isinstance(error, Refusal):
        return reply({"error": error.reason}, error.status)
    assert isinstance(error, HTTPException)
    return Response(orjson.dumps({"error": error.detail}), error.status_code, error.headers, "application/json")


def reply(content: Mapping[str, Any], status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(content), status, media_type="application/json")
