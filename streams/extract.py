"""What of a reply is kept: only what a later template, a condition or `extract` names.

`extract` says it in JSONPath, limited to members and items (`streams/jsonpaths.py`).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from schemas.delivery import Keep
from schemas.wire import json_value
from schemas.workflow import Workflow
from streams.jsonpaths import Steps, steps
from streams.templates import uses
from streams.templates.paths import MISSING, step
from streams.templates.remembered import by_identity

ALL_HEADERS: Final = "*"
"""In `Keep.headers`: a template names `response.headers` as a whole."""

DEEPEST: Final = 64
"""Levels of a reply's JSON; one that is nested deeper is not kept as JSON, rows could not hold it."""


class Extraction(Struct, frozen=True):
    """What was kept of a reply, in the fields of `Answered`."""

    headers: dict[str, str]
    body: Any
    extracted: dict[str, Any]


@by_identity
def keeps(workflow: Workflow, node_id: str) -> Keep:
    """What to keep of a node's reply, as other nodes and its own `extract` ask."""
    node = workflow.node(node_id)
    named = {
        path[3:]
        for other in workflow.nodes
        for path in uses.paths(other)
        if path[:2] == ("nodes", node_id) and path[2:3] in ((), ("response",))
    }
    headers = {rest[1].lower() for rest in named if rest[:1] == ("headers",) and len(rest) > 1}
    whole = any(rest in ((), ("headers",)) for rest in named)
    body = any(rest == () or rest[0] == "body" for rest in named)
    return Keep((ALL_HEADERS,) if whole else tuple(sorted(headers)), body, node.extract if node else {})


def extract(
    keep: Keep, headers: Iterable[tuple[str, str]], body: bytes, content_type: str | None
) -> Extraction:
    """What to keep of a reply, whatever its status. `body` is all of it, secrets already masked; of a cut
    or late one give b"". Header names are in lower case; repeated headers are joined by commas."""
    kept_headers: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        if key in keep.headers or ALL_HEADERS in keep.headers:
            kept_headers[key] = f"{kept_headers[key]}, {value}" if key in kept_headers else value
    if not (keep.body or keep.extract) or not body:
        return Extraction(kept_headers, None, {})
    value = _json(body)
    extracted = {} if value is MISSING else _extracted(value, keep.extract)
    shown = _text(body, content_type) if value is MISSING else value
    return Extraction(kept_headers, shown if keep.body else None, extracted)


def _extracted(value: Any, wanted: Mapping[str, str]) -> dict[str, Any]:
    found = {name: _walk(value, steps(path)) for name, path in wanted.items()}
    return {name: one for name, one in found.items() if one is not MISSING}


def _walk(value: Any, along: Steps) -> Any:
    for one in along:
        inside = isinstance(value, dict) if isinstance(one, str) else isinstance(value, list)
        value = step(value, one) if inside and (isinstance(one, int) or one in value) else MISSING
    return value


def _json(body: bytes) -> Any:
    """The JSON value of a reply, MISSING if it is none or nested too deep."""
    try:
        value = json_value(body)
    except ValueError:
        return MISSING
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    return MISSING


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


_CHARSET: Final = re.compile(r"charset=\"?(utf-8|us-ascii|iso-8859-1|latin-1|windows-1252)\b", re.IGNORECASE)


def _text(body: bytes, content_type: str | None) -> str:
    stated = _CHARSET.search(content_type or "")
    return body.decode(stated[1] if stated else "utf-8", "replace")
