"""The model's OpenAPI document and its page, both from the export's metadata."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

import orjson

from pipelines.serve.folder import Export

SCRIPT = """
const body = document.getElementById("body"), answer = document.getElementById("answer");
const said = document.getElementById("said"), url = document.querySelector("main").dataset.url;
document.getElementById("send").onclick = async () => {
  said.textContent = "…";
  const started = performance.now();
  const headers = {"Content-Type": "application/json"};
  try {
    const response = await fetch(url, {method: "POST", headers, body: body.value});
    const result = await response.json();
    said.textContent = `${response.status} in ${(performance.now() - started).toFixed(1)} ms`;
    said.className = response.ok ? "" : "bad";
    answer.textContent = JSON.stringify(result, null, 2);
  } catch (error) { said.textContent = "no answer"; said.className = "bad"; }
};
"""
BYTES = {"type": "object", "required": ["b64"], "properties": {"b64": {"type": "string", "format": "byte"}}}
KINDS: dict[str, dict[str, Any]] = {"string": {"anyOf": [{"type": "string"}, BYTES]}, "bool": {"type": "boolean"}}


def html(export: Export, origin: str) -> tuple[str, str]:
    """The page, and the policy under which it may run its one script and talk to its own server alone.

    Args:
        export: whose metadata it shows.
        origin: where the client found this server, for the lines to copy.
    """
    facts, url = export.metadata, f"v1/models/{quote(export.name)}:predict"
    classes = "".join(f'<span class="class">{escape(str(name))}</span>' for name in facts.get("classes") or ())
    parts = {
        "name": escape(export.name),
        "version": escape(export.version),
        "domain": escape(f", {facts['domain']}" if facts.get("domain") else ""),
        "url": escape(url),
        "inputs": table(facts["inputs"]),
        "outputs": table(facts["outputs"]),
        "classes": section("Classes", classes),
        "scores": section("Measured", scores(facts.get("scores") or {})),
        "example": escape(pretty(export.example)),
        "columns": escape(curl(f"{origin}/{url}", export.example)),
        "rows": rows(f"{origin}/{url}", export),
        "script": SCRIPT,
    }
    text = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8")).substitute(parts)
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    own = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    return text, f"{own}; frame-ancestors 'none'; script-src 'sha256-{digest}'"


def table(fields: Mapping[str, Mapping[str, Any]]) -> str:
    """Rows of a table: name, type, shape, meaning."""
    lines = []
    for name, field in fields.items():
        shape = orjson.dumps(field.get("shape")).decode().replace("null", "any")
        cells = (f"<code>{escape(name)}</code>", escape(str(field.get("dtype", ""))), escape(shape))
        lines.append(
            "<tr>" + "".join(f"<td>{cell}</td>" for cell in (*cells, escape(str(field.get("doc", ""))))) + "</tr>"
        )
    return "".join(lines)


def section(title: str, content: str) -> str:
    """A part of the page, absent when empty."""
    return f"<section><h2>{title}</h2>{content}</section>" if content else ""


def scores(splits: Mapping[str, Any]) -> str:
    """A table of split by measure."""
    splits = {name: values for name, values in splits.items() if isinstance(values, Mapping)}
    measures = list(dict.fromkeys(measure for values in splits.values() for measure in values))
    if not measures:
        return ""
    head = "".join(f"<th>{escape(str(measure))}</th>" for measure in measures)
    lines = [
        f"<tr><td>{escape(str(name))}</td>" + "".join(f"<td>{figure(values.get(m))}</td>" for m in measures) + "</tr>"
        for name, values in splits.items()
    ]
    return f"<table><tr><th>split</th>{head}</tr>{''.join(lines)}</table>"


def figure(value: Any) -> str:
    """A number as people read it."""
    return f"{value:.4g}" if isinstance(value, int | float) else ""


def rows(url: str, export: Export) -> str:
    """The line to copy in the form of rows, where the inputs are rows: all of one length."""
    example = export.example["inputs"]
    columns = list(example.values()) if isinstance(example, dict) else []
    if not all(isinstance(column, list) for column in columns) or len({len(column) for column in columns}) != 1:
        return ""
    names = list(example)
    instances = (
        columns[0] if len(names) == 1 else [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    )
    return f"<pre>{escape(curl(url, {'instances': instances}))}</pre>"


def curl(url: str, body: Mapping[str, Any]) -> str:
    """A shell line; an example too long to copy is shortened to the file it should be in."""
    text = orjson.dumps(body).decode().replace("'", "'\\''")
    data = f"'{text}'" if len(text) < 1000 else "@request.json"
    return f"curl -H 'Content-Type: application/json' {url} -d {data}"


def pretty(value: Any) -> str:
    """Indented JSON."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def openapi(export: Export) -> dict[str, Any]:
    """The OpenAPI document of this model."""
    facts, model = export.metadata, f"/v1/models/{export.name}"
    predict = {"post": operation(export)}
    answers = {"200": {"description": "as TensorFlow Serving answers"}}
    gets = {model: "State of the versions", model + "/metadata": "The signatures"}
    gets |= {"/healthz": "The process answers", "/readyz": "The model has answered its example: 200, else 503"}
    gets |= {"/metrics": "Figures for Prometheus"}
    paths: dict[str, Any] = {f"{model}:predict": predict, f"{model}/versions/{export.version}:predict": predict}
    paths |= {path: {"get": {"summary": text, "responses": answers}} for path, text in gets.items()}
    info = {"title": export.name, "version": export.version, "description": str(facts.get("domain", ""))}
    return {"openapi": "3.1.0", "info": info, "paths": paths}


def operation(export: Export) -> dict[str, Any]:
    """The prediction: request and answers."""
    facts = export.metadata
    columns = objects({name: nested(field, field.get("shape")) for name, field in facts["inputs"].items()})
    row = objects({name: nested(field, (field.get("shape") or [None])[1:]) for name, field in facts["inputs"].items()})
    if len(facts["inputs"]) == 1:
        columns, row = ({"anyOf": [form, *form["properties"].values()]} for form in (columns, row))
    by_column = objects({"inputs": columns})
    by_row = objects({"instances": {"type": "array", "minItems": 1, "items": row}})
    for form in (by_column, by_row):
        form["properties"]["signature_name"] = {"type": "string"}
    content = {"application/json": {"schema": {"oneOf": [by_column, by_row]}, "example": export.example}}
    reasons = {
        400: "not what the model takes",
        404: "no such model",
        408: "the body took too long to arrive",
        413: "too large",
        415: "not JSON",
        503: "not ready",
    }
    error = {"application/json": {"schema": objects({"error": {"type": "string"}})}}
    errors = {str(code): {"description": text, "content": error} for code, text in reasons.items()}
    answer = {"application/json": {"schema": {"anyOf": [objects({"outputs": {}}), objects({"predictions": {}})]}}}
    responses = {"200": {"description": "one answer for each row", "content": answer}, **errors}
    return {"summary": "Predict", "requestBody": {"required": True, "content": content}, "responses": responses}


def objects(properties: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema: an object with all of these."""
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}


def nested(field: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    """A JSON schema: values of the field's type in lists as deep as its shape."""
    dtype = str(field.get("dtype", ""))
    kind = "integer" if "int" in dtype else "number"
    schema: dict[str, Any] = KINDS.get(dtype, {"type": kind})
    for _ in shape or ():
        schema = {"type": "array", "items": schema}
    return schema | ({"description": field["doc"]} if field.get("doc") else {})
