"""How fast a served export answers: `python benchmarks/serving.py [EXPORT_FOLDER] [--json]`.

Starts `python -m pipelines.serve` on the export (a toy of 60 bases where none is given) and asks it from another
process, over connections that stay open, so that client and server share the machine as they would. Each case is
repeated; what is printed is the mean over rounds with its standard deviation, and the percentiles of all requests.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# connections at once, rows in a request, requests in a round
CASES = ((1, 1, 2000), (8, 1, 4000), (1, 32, 1000), (8, 32, 2000))
READY = re.compile(r"serve: (\S+) version \S+ on http://([\d.]+):(\d+)/docs")


def toy(folder: str) -> None:
    """A convolution and a linear path on 60 bases, three classes: the size of a splice-site model."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    length, filters, random = 60, 64, tf.random.stateless_normal
    weights = [tf.Variable(random(shape, [1, 2]) * 0.1) for shape in ((9, 4, filters), (length * (filters + 4), 3))]
    module = tf.Module()
    module.weights = weights

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="sequence")])
    def classify(sequence: Any) -> dict[str, Any]:
        codes = tf.cast(tf.io.decode_raw(sequence, tf.uint8), tf.int32)
        bases = tf.cast(tf.equal(codes[:, :, None], tf.constant([65, 67, 71, 84])), tf.float32)
        features = tf.concat([bases, tf.nn.relu(tf.nn.conv1d(bases, weights[0], 1, "SAME"))], -1)
        probabilities = tf.nn.softmax(tf.reshape(features, [-1, length * (filters + 4)]) @ weights[1])
        return {"label": tf.gather(["EI", "IE", "N"], tf.argmax(probabilities, -1)), "probabilities": probabilities}

    module.classify = classify
    tf.saved_model.save(module, folder, signatures={"serving_default": classify})
    files = {str(p.relative_to(folder)): p for p in Path(folder).rglob("*") if p.is_file()}
    facts = {
        "schema": 1,
        "name": "toy",
        "version": "1",
        "inputs": {"sequence": {"dtype": "string", "shape": [None]}},
        "outputs": {},
        "example": {"inputs": {"sequence": ["ACGT" * 15]}},
        "files": {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()},
    }
    (Path(folder) / "metadata.json").write_text(json.dumps(facts))


def request(name: str, example: dict[str, list[Any]], rows: int) -> bytes:
    """One HTTP request that asks for the example, repeated to this many rows."""
    columns = {key: (values * rows)[:rows] for key, values in example.items()}
    body = json.dumps({"inputs": columns}).encode()
    head = f"POST /v1/models/{name}:predict HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def ask(connection: socket.socket, message: bytes) -> None:
    """One request and its whole answer, which must be a 200."""
    connection.sendall(message)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1 << 16)
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer.decode())
    missing = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1]) - len(body)
    while missing > 0:
        missing -= len(connection.recv(1 << 16))


def load(port: int, message: bytes, connections: int, requests: int) -> tuple[list[float], float]:
    """Seconds of each request and of the whole round; runs in the client's process."""
    seconds: list[float] = []

    def client() -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(requests // connections):
                started = time.perf_counter()
                ask(connection, message)
                seconds.append(time.perf_counter() - started)

    threads = [threading.Thread(target=client) for _ in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - started
    if len(seconds) != requests // connections * connections:
        raise RuntimeError("a client failed; its error stands above")
    return seconds, taken


def measure(pool: ProcessPoolExecutor, port: int, message: bytes, case: tuple[int, int, int], rounds: int) -> dict:
    """One row of the table; a first round is run and not counted."""
    connections, rows, requests = case
    done = [pool.submit(load, port, message, connections, requests).result() for _ in range(rounds + 1)][1:]
    latencies = sorted(second for seconds, _ in done for second in seconds)
    rates = [len(seconds) / taken for seconds, taken in done]
    return {
        "clients": connections,
        "rows": rows,
        "n": len(latencies),
        "rounds": rounds,
        "requests_per_second": statistics.mean(rates),
        "spread": statistics.stdev(rates) if rounds > 1 else None,
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p99_ms": 1000 * latencies[int(len(latencies) * 0.99)],
        "seconds": sum(taken for _, taken in done),
    }


def start(folder: str, flags: list[str]) -> tuple[subprocess.Popen, str, int, float]:
    """The server, the model's name, its port and the seconds until it was ready."""
    started = time.perf_counter()
    arguments = [sys.executable, "-m", "pipelines.serve", folder, "--port", "0", *flags]
    process = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    said = ""
    for line in process.stderr:
        said += line
        if found := READY.match(line):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return process, found[1], int(found[3]), time.perf_counter() - started
    raise SystemExit(said)


def resident(process: subprocess.Popen) -> float:
    """Megabytes in memory."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1000


def example(port: int, name: str) -> dict[str, list[Any]]:
    """What the model's own OpenAPI document gives as an example."""
    from urllib.request import urlopen

    with urlopen(f"http://127.0.0.1:{port}/openapi.json") as answer:
        document = json.load(answer)
    content = document["paths"][f"/v1/models/{name}:predict"]["post"]["requestBody"]["content"]
    return content["application/json"]["example"]["inputs"]


def run(folder: str, rounds: int, flags: list[str]) -> dict[str, Any]:
    """Every case on one server."""
    process, name, port, ready = start(folder, flags)
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            given = example(port, name)
            cases = [measure(pool, port, request(name, given, case[1]), case, rounds) for case in CASES]
        memory = resident(process)
    finally:
        process.terminate()
        code = process.wait(30)
    return {"model": name, "ready_seconds": ready, "megabytes": memory, "exit_code": code, "cases": cases}


def table(result: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        f"{result['model']}: ready in {result['ready_seconds']:.1f} s, {result['megabytes']:.0f} MB, "
        f"{os.cpu_count()} cores shared with the client",
        "",
        "| clients | rows | n | requests/s | spread | rows/s | p50 ms | p99 ms | seconds |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for case in result["cases"]:
        rate, spread = case["requests_per_second"], case["spread"]
        shown = "" if spread is None else f"{spread:.0f}"
        lines.append(
            f"| {case['clients']} | {case['rows']} | {case['n']} | {rate:.0f} | {shown} | {rate * case['rows']:.0f} "
            f"| {case['p50_ms']:.2f} | {case['p99_ms']:.2f} | {case['seconds']:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export", nargs="?", help="what the server takes; a toy export where absent")
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds of each case")
    parser.add_argument("--threads", type=int, default=1, help="TensorFlow's threads in the server")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.export is None:
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                pool.submit(toy, folder).result()
        place = str(Path(options.export).resolve()) if options.export else folder
        result = run(place, options.rounds, ["--threads", str(options.threads)])
    print(json.dumps(result) if options.json else table(result))


if __name__ == "__main__":
    main()
