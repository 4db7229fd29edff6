"""The server's answers and its errors, over HTTP, on a small but real SavedModel."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.serve import __main__ as command
from pipelines.serve.app import Limits, Server, application
from pipelines.serve.folder import ExportError, open_export
from pipelines.serve.model import load, reason
from pipelines.serve.wire import Field, Refusal, read_question

LENGTH, CLASSES = 7, ["EI", "IE", "N"]
SEQUENCES = ["ACGTACG", "TTTTTTT", "GATTACA"]
PREDICT = "/v1/models/toy:predict"
DEADLINE = 60.0
ROOT = Path(__file__).parents[2]


class Toy(tf.Module):
    """Probabilities from the share of each base; `pair` and `whole` are here for their types and shapes."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="sequence")])
    def classify(self, sequence):
        tf.debugging.assert_equal(
            tf.strings.length(sequence), LENGTH, message=f"toy: sequence must have {LENGTH} bases"
        )
        codes = tf.cast(tf.io.decode_raw(sequence, tf.uint8), tf.int32)
        hit = tf.equal(codes[:, :, None], tf.constant([65, 67, 71, 84]))
        known = tf.debugging.Assert(tf.reduce_all(tf.reduce_any(hit, -1)), ["toy: unknown letter", sequence], 99)
        with tf.control_dependencies([known]):
            shares = tf.reduce_mean(tf.cast(hit, tf.float32), 1)
        probabilities = tf.nn.softmax(shares[:, :3] * 3)
        return {"label": tf.gather(CLASSES, tf.argmax(probabilities, -1)), "probabilities": probabilities}

    @tf.function(
        input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x"), tf.TensorSpec([None], tf.uint8, name="n")]
    )
    def pair(self, x, n):
        return {"y": tf.reduce_sum(x, -1) + tf.cast(n, tf.float32), "raw_bytes": tf.strings.as_string(n)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def whole(self, x):
        return {"total": tf.reduce_sum(x)}


def write_metadata(folder: Path, **changes) -> None:
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != "metadata.json"]
    text = {"dtype": "string", "shape": [None]}
    metadata = {
        "schema": 1,
        "name": "toy",
        "version": folder.name,
        "domain": "genomics",
        "inputs": {"sequence": text | {"doc": f"{LENGTH} bases <A, C, G, T>"}},
        "outputs": {"label": text, "probabilities": {"dtype": "float32", "shape": [None, len(CLASSES)]}},
        "classes": CLASSES,
        "scores": {"test": {"accuracy": 0.875}},
        "files": {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files},
        "example": {"inputs": {"sequence": SEQUENCES[:1]}, "outputs": {"label": ["EI"]}},
        "run": {},
    }
    (folder / "metadata.json").write_text(json.dumps(metadata | changes))


@pytest.fixture(scope="module")
def export_folder(tmp_path_factory) -> Path:
    toy, folder = Toy(), tmp_path_factory.mktemp("run") / "exports" / "toy" / "20250102"
    signatures = {"serving_default": toy.classify, "pair": toy.pair, "whole": toy.whole}
    tf.saved_model.save(toy, str(folder), signatures=signatures)
    write_metadata(folder)
    return folder


class Running:
    """A server in a thread of this process, on a free port."""

    def __init__(self, folder: Path, loader=load, **limits) -> None:
        export = open_export(str(folder))
        self.failures: list[Exception] = []
        self.failed = threading.Event()
        server = Server(export, lambda: loader(export), self._fail, Limits(**limits))
        self.listener = command.listen("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]
        config = uvicorn.Config(application(server), log_level="error", timeout_graceful_shutdown=1)
        self.runner = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.runner.run, kwargs={"sockets": [self.listener]}, daemon=True)

    def _fail(self, error: Exception) -> None:
        self.failures.append(error)
        self.failed.set()

    def __enter__(self) -> Running:
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.runner.should_exit = True
        self.thread.join(DEADLINE)
        assert not self.thread.is_alive()

    def ask(self, method: str, path: str, body=None, headers=None, *, chunked=False) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        connection.request(method, path, body, headers or {}, encode_chunked=chunked)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def predict(self, body, path: str = PREDICT) -> tuple[int, dict]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, content = self.ask("POST", path, data, {"Content-Type": "application/json"})
        return status, json.loads(content)

    def get(self, path: str) -> tuple[int, dict]:
        status, content = self.ask("GET", path)
        return status, json.loads(content)

    def wait(self) -> Running:
        until_ready(self.port)
        return self


def until_ready(port: int) -> None:
    """Ask /readyz until it says yes."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
        connection.close()
        if status == 200:
            return
    raise AssertionError("not ready in time")


@pytest.fixture(scope="module")
def served(export_folder):
    with Running(export_folder, body_bytes=5000, rows=11) as server:
        yield server.wait()


def test_rows_and_columns_get_the_same_answer(served):
    status, by_row = served.predict({"instances": SEQUENCES})
    assert status == 200
    _, by_name = served.predict({"instances": [{"sequence": s} for s in SEQUENCES]})
    _, by_column = served.predict({"inputs": {"sequence": SEQUENCES}})
    _, bare_column = served.predict({"inputs": SEQUENCES, "signature_name": "serving_default"})
    assert by_row == by_name
    assert by_column == bare_column
    columns = by_column["outputs"]
    assert by_row["predictions"] == [
        {"label": label, "probabilities": row}
        for label, row in zip(columns["label"], columns["probabilities"], strict=True)
    ]


def test_the_answer_is_what_the_signature_computes(served, export_folder):
    _, answer = served.predict({"inputs": {"sequence": SEQUENCES}})
    model = tf.saved_model.load(str(export_folder))
    expected = model.signatures["serving_default"](sequence=tf.constant(SEQUENCES))
    assert answer["outputs"]["label"] == [label.decode() for label in expected["label"].numpy()]
    # JSON holds the shortest text that reads back as the same float32.
    read = np.array(answer["outputs"]["probabilities"], np.float32)
    np.testing.assert_array_equal(read, expected["probabilities"].numpy())


def test_bytes_come_as_base64(served):
    coded = [{"b64": base64.b64encode(s.encode()).decode()} for s in SEQUENCES]
    _, plain = served.predict({"instances": SEQUENCES})
    assert served.predict({"instances": coded}) == (200, plain)
    assert served.predict({"instances": [{"sequence": c} for c in coded]}) == (200, plain)


def test_another_signature_takes_several_inputs_and_gives_bytes(served):
    rows = [{"x": [1, 2.5, 3], "n": 5}, {"x": [0, 0, 1], "n": 255}]
    _, answer = served.predict({"signature_name": "pair", "instances": rows})
    coded = [base64.b64encode(text).decode() for text in (b"5", b"255")]
    assert answer["predictions"] == [
        {"y": 11.5, "raw_bytes": {"b64": coded[0]}},
        {"y": 256.0, "raw_bytes": {"b64": coded[1]}},
    ]


def test_a_single_output_stands_without_its_name(served):
    assert served.predict({"signature_name": "whole", "inputs": {"x": [1.5, 2]}}) == (200, {"outputs": 3.5})
    assert served.predict({"signature_name": "whole", "inputs": []}) == (200, {"outputs": 0.0})


def test_a_version_can_be_named(served):
    path = "/v1/models/toy/versions/20250102:predict"
    assert served.predict({"instances": SEQUENCES}, path) == served.predict({"instances": SEQUENCES})


PAIR = {"signature_name": "pair"}
BAD = {
    "malformed JSON": (b'{"instances": ["SECRET"', 400, "not JSON"),
    "not UTF-8": (b'{"instances": ["\xff SECRET"]}', 400, "not JSON"),
    "an empty body": (b"", 400, "not JSON"),
    "a list": (["SECRET"], 400, "JSON object"),
    "an unknown key": ({"SECRET": 1, "instances": SEQUENCES}, 400, "unknown key"),
    "neither form": ({"signature_name": ""}, 400, "either 'instances' (rows) or 'inputs' (columns)"),
    "both forms": ({"instances": SEQUENCES, "inputs": SEQUENCES}, 400, "either 'instances'"),
    "an unknown signature": ({"instances": SEQUENCES, "signature_name": "SECRET"}, 400, "unknown signature_name"),
    "a signature that is no text": ({"instances": SEQUENCES, "signature_name": ["SECRET"]}, 400, "signature_name"),
    "no rows": ({"instances": []}, 400, "at least one row"),
    "rows that are no list": ({"instances": "SECRET"}, 400, "list"),
    "an unknown input in a row": ({"instances": [{"SECRET": "ACGTACG"}]}, 400, "wanted strings"),
    "an unknown input beside": ({"instances": [{"sequence": "ACGTACG"}, {"SECRET": ""}]}, 400, "instances[1]"),
    "an unknown column": ({"inputs": {"SECRET": SEQUENCES}}, 400, "exactly sequence"),
    "a missing input": (PAIR | {"instances": [{"x": [1, 2, 3]}]}, 400, "instances[0]: wanted an object with exactly"),
    "numbers for text": ({"instances": [12345]}, 400, "sequence: wanted strings"),
    "null for text": ({"instances": [None]}, 400, "sequence: wanted strings"),
    "a matrix for a vector": ({"instances": [["SECRET"], ["SECRET"]]}, 400, "wanted shape [null], got [2, 1]"),
    "ragged text": ({"instances": ["SECRET", ["SECRET"]]}, 400, "differ in shape"),
    "broken base64": ({"instances": [{"b64": "SECRET!"}]}, 400, "not base64"),
    "text for numbers": (
        PAIR | {"inputs": {"x": [["1", 2, 3]], "n": [1]}},
        400,
        "x[0][0]: wanted float32 values alone",
    ),
    "null for numbers": (PAIR | {"inputs": {"x": [[1, 2, None]], "n": [1]}}, 400, "x[0][2]: wanted float32"),
    "true for numbers": (PAIR | {"inputs": {"x": [[True, 2, 3]], "n": [1]}}, 400, "x[0][0]: wanted float32"),
    "a fraction for a whole number": (PAIR | {"inputs": {"x": [[1, 2, 3]], "n": [1.5]}}, 400, "n[0]: wanted uint8"),
    "out of range": (PAIR | {"inputs": {"x": [[1, 2, 3]], "n": [256]}}, 400, "n: a number is out of the range"),
    "too large a float": (
        PAIR | {"inputs": {"x": [[1e39, 2, 3]], "n": [1]}},
        400,
        "x[0][0]: a number is out of the range",
    ),
    "ragged numbers": (PAIR | {"inputs": {"x": [[1, 2, 3], [1, 2]], "n": [1, 2]}}, 400, "x: rows differ in shape"),
    "a wrong width": (PAIR | {"inputs": {"x": [[1, 2]], "n": [1]}}, 400, "x: wanted shape [null,3], got [1, 2]"),
    "columns of two lengths": (PAIR | {"inputs": {"x": [[1, 2, 3]] * 2, "n": [1, 2, 3]}}, 400, "Incompatible shapes"),
    "rows for an output without": ({"signature_name": "whole", "instances": [1.0, 2.0]}, 400, "ask with 'inputs'"),
    "an unknown letter": ({"instances": ["SECRETS"]}, 400, "toy: unknown letter"),
    "a wrong length": ({"instances": ["SECRET"]}, 400, f"toy: sequence must have {LENGTH} bases"),
    "too many rows": ({"instances": SEQUENCES[:1] * 12}, 413, "at most 11, got 12"),
    "too large a body": ({"instances": ["SECRET" * 1000]}, 413, "at most 5000 bytes"),
    "nested too deep": (b'{"instances": ' + b"[" * 2000 + b"]" * 2000 + b"}", 400, ""),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_gets_the_reason_and_never_its_own_data(served, name):
    body, status, phrase = BAD[name]
    got, answer = served.predict(body)
    assert got == status
    assert list(answer) == ["error"]
    assert phrase in answer["error"]
    assert "SECRET" not in answer["error"]
    assert not re.search(r"\n|node|Op:|Traceback|Assert", answer["error"])
    assert served.predict({"instances": SEQUENCES})[0] == 200


@pytest.mark.parametrize("path", ["/v1/models/SECRET:predict", "/v1/models/toy/versions/3:predict"])
def test_an_unknown_model_or_version_is_404_and_told_what_is_served(served, path):
    status, answer = served.predict({"instances": SEQUENCES}, path)
    assert (status, answer) == (404, {"error": "no such model or version; served here: toy, version 20250102"})


@pytest.mark.parametrize("path", ["/v1/models/other", "/v1/models/toy/versions/3", "/v1/models/x/metadata", "/else"])
def test_unknown_pages_are_404_as_json(served, path):
    status, answer = served.get(path)
    assert status == 404
    assert list(answer) == ["error"]


def test_a_wrong_method_is_405(served):
    assert served.ask("GET", PREDICT)[0] == 404  # read as the status of a model of that name
    assert served.ask("POST", "/healthz")[0] == 405
    assert json.loads(served.ask("DELETE", PREDICT)[1]) == {"error": "Method Not Allowed"}


@pytest.mark.parametrize("headers", [{"Content-Type": "text/csv"}, {"Content-Encoding": "gzip"}])
def test_another_content_type_is_415(served, headers):
    status, content = served.ask("POST", PREDICT, json.dumps({"instances": SEQUENCES}).encode(), headers)
    assert status == 415
    assert "application/json" in json.loads(content)["error"]


def test_a_content_type_may_name_its_charset_or_be_absent(served):
    body = json.dumps({"instances": SEQUENCES}).encode()
    assert served.ask("POST", PREDICT, body, {"Content-Type": "application/json; charset=utf-8"})[0] == 200
    assert served.ask("POST", PREDICT, body)[0] == 200


def test_a_body_of_unknown_length_is_counted_while_it_comes(served):
    pieces = (b" " * 999 for _ in range(7))
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    status, content = served.ask("POST", PREDICT, pieces, headers, chunked=True)
    assert status == 413
    assert "at most 5000 bytes" in json.loads(content)["error"]
    body = json.dumps({"instances": SEQUENCES}).encode()
    status, _ = served.ask("POST", PREDICT, (body[i : i + 7] for i in range(0, len(body), 7)), headers, chunked=True)
    assert status == 200


def test_a_body_that_does_not_arrive_is_408(export_folder):
    with Running(export_folder, body_seconds=0.05) as server:
        server.wait()
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as connection:
            connection.sendall(head.encode() + b"{")
            assert connection.recv(99).startswith(b"HTTP/1.1 408")


def test_status_and_metadata_are_those_of_tensorflow_serving(served):
    _, status = served.get("/v1/models/toy")
    (version,) = status["model_version_status"]
    assert (version["version"], version["state"]) == ("20250102", "AVAILABLE")
    _, metadata = served.get("/v1/models/toy/versions/20250102/metadata")
    assert metadata["model_spec"] == {"name": "toy", "signature_name": "", "version": "20250102"}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["sequence"] == {
        "dtype": "DT_STRING",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
        "name": "serving_default_sequence:0",
    }
    assert set(signature["outputs"]) == {"label", "probabilities"}


def test_until_the_model_has_answered_its_example_the_server_is_healthy_and_not_ready(export_folder):
    gate = threading.Event()

    def slow(export):
        assert gate.wait(DEADLINE)
        return load(export)

    with Running(export_folder, slow) as server:
        assert server.get("/healthz") == (200, {"status": "ok"})
        assert server.get("/readyz") == (503, {"status": "loading"})
        assert server.predict({"instances": SEQUENCES})[0] == 503
        assert server.get("/v1/models/toy/metadata")[0] == 503
        assert server.get("/v1/models/toy")[1]["model_version_status"][0]["state"] == "LOADING"
        assert b"serve_ready 0.0" in server.ask("GET", "/metrics")[1]
        gate.set()
        server.wait()
        assert server.predict({"instances": SEQUENCES})[0] == 200


def test_more_than_the_allowed_predictions_under_way_are_503(export_folder):
    with Running(export_folder, waiting=0) as server:
        status, answer = server.wait().predict({"instances": SEQUENCES})
        assert status == 503
        assert answer["error"].startswith("busy")


@pytest.mark.parametrize(
    ("example", "phrase"),
    [({"inputs": {"sequence": ["ACG"]}}, "refuses its own example"), ({}, "refuses its own example")],
)
def test_a_model_that_cannot_answer_its_example_is_told_and_never_ready(export_folder, tmp_path, example, phrase):
    folder = copy(export_folder, tmp_path / "toy" / "1")
    write_metadata(folder, example=example)
    with Running(folder) as server:
        assert server.failed.wait(DEADLINE)
        assert phrase in str(server.failures[0])
        assert isinstance(server.failures[0], ExportError)
        assert server.get("/readyz")[0] == 503


def test_metrics_count_requests_by_status_and_rows(export_folder):
    with Running(export_folder) as server:
        server.wait()
        server.predict({"instances": SEQUENCES})
        server.predict({"instances": SEQUENCES[:2]})
        server.predict({"instances": ["ACG"]})
        _, content = server.ask("GET", "/metrics")
        lines = content.decode().splitlines()
    assert 'serve_requests_total{status="200"} 2.0' in lines
    assert 'serve_requests_total{status="400"} 1.0' in lines
    assert "serve_rows_total 5.0" in lines
    assert "serve_model_seconds_count 2.0" in lines
    assert 'serve_model_info{name="toy",version="20250102"} 1.0' in lines


def test_the_openapi_document_holds_an_example_that_is_answered(served):
    status, document = served.get("/openapi.json")
    assert status == 200
    assert document["openapi"].startswith("3.")
    content = document["paths"][PREDICT]["post"]["requestBody"]["content"]["application/json"]
    assert served.predict(content["example"])[0] == 200
    by_column, by_row = content["schema"]["oneOf"]
    assert by_column["required"] == ["inputs"]
    assert by_row["properties"]["instances"]["items"]["anyOf"][0]["required"] == ["sequence"]
    for path in (path for path, item in document["paths"].items() if "get" in item):
        assert served.ask("GET", path)[0] == 200


def test_the_page_loads_nothing_from_elsewhere_and_escapes_what_it_shows(served):
    status, content = served.ask("GET", "/docs")
    text = content.decode()
    assert status == 200
    assert not re.search(r"(src|href|action)\s*=\s*[\"']?(https?:)?//|@import|url\(", text)
    assert "bases &lt;A, C, G, T&gt;" in text
    assert f"curl -H &#x27;Content-Type: application/json&#x27; http://127.0.0.1:{served.port}{PREDICT}" in text
    assert all(f">{name}<" in text for name in CLASSES)


def copy(folder: Path, target: Path) -> Path:
    for file in (p for p in folder.rglob("*") if p.is_file()):
        place = target / file.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read_bytes())
    write_metadata(target)
    return target


def refused(capsys, *arguments: str) -> str:
    """The one line on stderr of a command that exits with 2."""
    with pytest.raises(SystemExit) as stop:
        command.main(list(arguments))
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_an_altered_file_refuses_to_start(export_folder, tmp_path, capsys):
    folder = copy(export_folder, tmp_path / "1")
    with (folder / "saved_model.pb").open("ab") as file:
        file.write(b"\0")
    assert "is not the file that was exported; wanted sha256 " in refused(capsys, str(folder))


def test_a_missing_an_unlisted_and_an_outside_file_refuse_to_start(export_folder, tmp_path, capsys):
    folder = copy(export_folder, tmp_path / "1")
    (folder / "assets" / "words.txt").parent.mkdir(exist_ok=True)
    (folder / "assets" / "words.txt").write_text("a")
    assert "words.txt is not listed" in refused(capsys, str(folder))
    (folder / "assets" / "words.txt").unlink()
    (folder / "variables" / "variables.index").unlink()
    assert "wanted the file variables/variables.index" in refused(capsys, str(folder))
    digest = hashlib.sha256(b"a").hexdigest()
    (tmp_path / "outside").write_text("a")
    files = json.loads((folder / "metadata.json").read_text())["files"]
    files = {k: v for k, v in files.items() if k != "variables/variables.index"} | {"../outside": digest}
    write_metadata(folder, files=files)
    assert "wanted the file ../outside" in refused(capsys, str(folder))


@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        (None, "wanted metadata.json"),
        ("{", "is not JSON"),
        ("[]", "wanted schema 1, got list"),
        ('{"schema": 2}', "wanted schema 1, got 2"),
        ('{"schema": 1, "name": 5}', "wanted the field 'name'"),
    ],
)
def test_unreadable_metadata_refuses_to_start(tmp_path, capsys, content, phrase):
    (tmp_path / "saved_model.pb").write_bytes(b"")
    if content is not None:
        (tmp_path / "metadata.json").write_text(content)
    assert phrase in refused(capsys, str(tmp_path))


def test_a_folder_that_is_none_or_no_export_is_told(tmp_path, capsys):
    assert refused(capsys, str(tmp_path / "none")).startswith("serve: no such folder; wanted an export or run folder")
    assert refused(capsys, str(tmp_path)).startswith("serve: not an export; wanted a folder with saved_model.pb")


def test_a_port_in_use_is_told_before_anything_is_loaded(export_folder, capsys):
    with command.listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        line = refused(capsys, str(export_folder), "--port", port)
    assert line.startswith("serve: cannot listen; wanted an address of this machine and a free port, got 127.0.0.1:")


@pytest.mark.parametrize("flag", [("--port", "65536"), ("--max-rows", "0"), ("--threads", "two")])
def test_a_flag_out_of_range_is_told(flag, capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(["somewhere", *flag])
    assert stop.value.code == 2
    assert "wanted a whole number from" in capsys.readouterr().err


def test_without_mlflow_a_uri_is_told_to_need_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pipelines.tracking", None)
    assert "cannot be resolved without MLflow" in refused(capsys, "models:/toy@champion")


def test_a_run_or_model_folder_means_its_newest_whole_export(export_folder, tmp_path):
    assert open_export(str(export_folder.parents[2])).folder == export_folder
    model = tmp_path / "toy"
    for version in ("9", "10", ".11.4711", "old"):
        copy(export_folder, model / version)
    assert open_export(str(model)).version == "10"
    copy(export_folder, tmp_path / "run/exports/a/1")
    copy(export_folder, tmp_path / "run/exports/b/1")
    with pytest.raises(ExportError, match="several models; wanted the folder of one of them, got a, b"):
        open_export(str(tmp_path / "run"))


def test_the_command_serves_until_sigterm_and_needs_nothing_of_the_project_but_the_export(export_folder):
    hidden = "import sys; sys.modules.update(dict.fromkeys(('arch', 'data', 'mlflow', 'sklearn', 'spektral')))"
    code = f"{hidden}; from pipelines.serve.__main__ import main; main(sys.argv[1:])"
    arguments = [sys.executable, "-c", code, str(export_folder), "--port", "0"]
    process = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ})
    said = ""
    try:
        for line in process.stderr:
            said += line
            if found := re.match(r"serve: toy version 20250102 on http://127.0.0.1:(\d+)/docs", line):
                break
        assert found, said
        until_ready(int(found[1]))
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_help_imports_no_framework():
    code = (
        "import sys; from pipelines.serve.__main__ import parser; parser().format_help();"
        "print(sorted({'tensorflow', 'keras', 'mlflow', 'fastapi', 'numpy'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


MESSAGES = {
    "Graph execution error:\n\nDetected at node a defined at\nassertion failed: [toy: letters of [ACGT]] [SECRET]"
    "\n\t [[{{node a/Assert}}]] [Op:__inference_9]": "toy: letters of [ACGT]",
    "assertion failed: [too long]\n\t [[{{node a}}]]": "too long",
    "Detected at node b\n\nUnknown image file format. One of JPEG, PNG required.\n\t [[{{node b}}]] [Op:x]": "Unknown "
    "image file format. One of JPEG, PNG required.",
    "could not convert string: SECRET\n\t [[{{node b}}]]": "could not convert string",
    "{{function_node x}} starts with 'SECRET' [Op:Decode]": "starts with",
    "": "the model refuses this input",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_tensorflows_message_becomes_one_sentence(message):
    assert reason(message) == MESSAGES[message]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["x", "s", "b64"]), inner, max_size=3),
    max_leaves=12,
)
FIELDS = [
    {"s": Field("s", np.dtype(object), (None,))},
    {"x": Field("x", np.dtype("float32"), (None, 2)), "s": Field("s", np.dtype("int32"), (None,))},
    {"x": Field("x", np.dtype("bool"), None)},
]


@settings(max_examples=300, deadline=None)
@given(value=JSON, form=st.sampled_from(["instances", "inputs"]), fields=st.sampled_from(FIELDS))
def test_any_json_is_either_refused_or_of_the_declared_types_and_shapes(value, form, fields):
    try:
        question = read_question({form: value}, fields, max_rows=3)
    except Refusal:
        return
    for name, field in fields.items():
        array = question.arrays[name]
        assert array.dtype == field.dtype
        if field.shape is not None:
            assert len(array.shape) == len(field.shape)
            assert all(wanted in (None, size) for wanted, size in zip(field.shape, array.shape, strict=True))
        if field.dtype == object:
            assert all(isinstance(item, bytes) for item in array.ravel())
