"""`python -m pipelines.serve EXPORT`: check an export, open the port, load the model, answer until told to stop."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any

from pipelines.quiet import start_tensorflow
from pipelines.serve.folder import Export, ExportError, is_uri, open_export


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. Exit codes: 0 stopped as asked, 2 bad input, 1 anything else."""
    options = parser().parse_args(arguments)
    try:
        export = open_export(local(options.export))
        listener = listen(options.host, options.port)
    except (ValueError, OSError) as error:
        print(f"serve: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    start_tensorflow()  # who connects meanwhile waits for the listener
    serve(export, listener, options)


def parser() -> argparse.ArgumentParser:
    """The flags, with their help."""
    result = argparse.ArgumentParser(
        prog="python -m pipelines.serve",
        description="Serve an exported model over HTTP, in the REST grammar of TensorFlow Serving.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    result.add_argument("export", help="VERSION folder, NAME folder (its newest version), run folder, or models:/ URI")
    result.add_argument("--port", type=whole(0, 65535), default=8080, help="TCP port, 0 for any that is free")
    result.add_argument("--host", default="127.0.0.1", help="address to listen on; there is no authentication")
    result.add_argument("--threads", type=whole(1, 1024), default=1, help="TensorFlow's threads in one operation")
    result.add_argument("--max-body-bytes", type=whole(1, 2**40), default=8 * 2**20, help="largest request body")
    result.add_argument("--max-rows", type=whole(1, 2**31), default=4096, help="most rows in one request")
    return result


def whole(low: int, high: int) -> Any:
    """A flag's type: a whole number in a range."""

    def number(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"wanted a whole number from {low} to {high}, got {text}")
        return int(text)

    return number


def local(place: str) -> str:
    """The folder that `place` means: itself, or where the model registry's copy has been put."""
    if not is_uri(place):
        return place
    try:
        from pipelines.tracking import local_folder

        return str(local_folder(place))
    except ImportError as error:
        raise ExportError(
            f"{place} cannot be resolved without MLflow", wanted="an export folder where MLflow is absent", got=error
        ) from error


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that a port in use is told before anything is loaded.

    Raises:
        ExportError: when the address cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
        return listener
    except OSError as error:
        got = f"{host}:{port} ({error.strerror})"
        raise ExportError("cannot listen", wanted="an address of this machine and a free port", got=got) from error


def serve(export: Export, listener: socket.socket, options: argparse.Namespace) -> None:
    """Answer until SIGTERM or SIGINT."""
    import uvicorn

    from pipelines.serve.app import Limits, Server, application
    from pipelines.serve.model import load, prepare

    logging.basicConfig(format="serve: %(message)s", stream=sys.stderr)
    failures: list[Exception] = []

    def failed(error: Exception) -> None:
        failures.append(error)
        runner.should_exit = True

    def loaded() -> Any:
        prepare(options.threads)
        signatures = load(export)
        host, port = listener.getsockname()[:2]
        print(f"serve: {export.name} version {export.version} on http://{host}:{port}/docs", file=sys.stderr)
        return signatures

    server = Server(export, loaded, failed, Limits(options.max_body_bytes, options.max_rows))
    config = uvicorn.Config(
        application(server), log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=10
    )
    runner = uvicorn.Server(config)
    runner.run(sockets=[listener])
    if failures:
        print(f"serve: {failures[0]}", file=sys.stderr)
        raise SystemExit(2 if isinstance(failures[0], ExportError) else 1)


if __name__ == "__main__":
    main()
