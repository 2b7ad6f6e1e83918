"""Documents in a few words: a workflow around one Post Call API node, an agent around one webhook."""

import json
from typing import Any

from schemas.documents.reading import Reading
from streams.validation.checking import read_checked

URL = "https://api.example.com/calls"


def flow(*nodes: dict[str, Any], edges: str = "end>api", **fields: Any) -> dict[str, Any]:
    """A workflow of `talk`, `end` and these Post Call API nodes; `edges` such as "end>a a>b:failure"."""
    first = [{"id": "talk", "type": "default"}, {"id": "end", "type": "end_call"}]
    arrows = [dict(zip(("source", "target", "on"), _ends(arrow), strict=False)) for arrow in edges.split()]
    return {
        "kind": "workflow",
        "id": "flow",
        "version": 1,
        "nodes": [*first, *nodes],
        "edges": arrows,
    } | fields


def api(node_id: str = "api", **fields: Any) -> dict[str, Any]:
    """A Post Call API node; a field that is `...` is left out."""
    whole = {"id": node_id, "type": "post_call_api", "url": URL} | fields
    return {key: value for key, value in whole.items() if value is not ...}


def agent(**fields: Any) -> dict[str, Any]:
    """A voice agent."""
    return {"kind": "agent", "id": "bot"} | fields


def reading(*documents: Any) -> Reading:
    """What these documents come to, written as JSON."""
    return read_checked(json.dumps(documents), "flow.json")


def faults(*documents: Any) -> dict[str, str]:
    """The message of each fault by its path."""
    return {fault.path: fault.message for fault in reading(*documents).errors}


def node_faults(**fields: Any) -> dict[str, str]:
    """The faults of one Post Call API node, by their path below it."""
    return {path.removeprefix("nodes[2]."): message for path, message in faults(flow(api(**fields))).items()}


def node_warnings(**fields: Any) -> dict[str, str]:
    """The warnings of one Post Call API node, by their path below it."""
    found = reading(flow(api(**fields))).warnings
    return {warning.path.removeprefix("nodes[2]."): warning.message for warning in found}


def webhook_faults(kind: str = "call.ended", **fields: Any) -> dict[str, str]:
    """The faults of one webhook, by their path below it."""
    found = faults(agent(webhooks={kind: {"url": URL} | fields}))
    return {path.removeprefix(f"webhooks.{kind}."): message for path, message in found.items()}


def _ends(arrow: str) -> list[str]:
    return arrow.replace(":", ">").split(">")
