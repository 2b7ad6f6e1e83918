"""What is told in every small run, the documents in force, and what has to come of it: spelled out by hand."""

import json
from datetime import UTC, datetime
from typing import Any

from agents.demo.receiver import Rule, Script

PROPER, PREMATURE, FAILING = "proper", "premature", "failing"
EXPECTED = {
    PROPER: {"/hook/call.ended", "/node/first", "/node/second", "/node/shaky", "/node/refused"},
    PREMATURE: {"/hook/call.ended"},
    FAILING: {"/node/down"},
}
"""The requests of a call, by its kind; `second` waits for `first`, `shaky` fails once."""

GIVEN_UP = {PROPER: {("rejected", "refused")}, PREMATURE: set(), FAILING: {("exhausted", "down")}}
CALLS = {"c-proper": PROPER, "c-other": PROPER, "c-broken": PREMATURE, "c-stray": PROPER}
"""The events of `c-stray` come to the other partition."""

SCRIPT = Script(
    rules=(
        Rule(path="/node/shaky", fail_first=1, failure_status=500, delay=0.05),
        Rule(path="/node/refused", status=404, delay=0.05),
        Rule(path="/node/down", status=500),
        Rule(delay=0.08),
    )
)


def documents(url: str) -> dict[str, Any]:
    """What is in force, by the key of its record."""
    retry = {"schedule": ["100ms", "200ms", "200ms", "200ms"]}
    nodes = [
        {"id": name, "type": "post_call_api", "url": f"{url}/node/{name}", "body": {"a": 1}, "retry": retry}
        for name in ("first", "second", "shaky", "refused", "down")
    ]
    talk = [{"id": "greet", "type": "default", "start": True}, {"id": "done", "type": "end_call"}]
    ways = [("greet", "done"), ("done", "first"), ("first", "second"), ("done", "shaky"), ("done", "refused")]
    hook = {"call.ended": {"url": f"{url}/hook/call.ended", "retry": retry}}
    return {
        "workflow/usual@1": _workflow("usual", [*talk, *nodes[:-1]], ways),
        "workflow/failing@1": _workflow("failing", [*talk, nodes[-1]], [("greet", "done"), ("done", "down")]),
        "agent/usual": {"kind": "agent", "id": "usual", "workflow": "usual", "webhooks": hook},
        "agent/failing": {"kind": "agent", "id": "failing", "workflow": "failing"},
    }


def _workflow(name: str, nodes: list[dict[str, Any]], ways: list[tuple[str, str]]) -> dict[str, Any]:
    edges = [{"source": source, "target": target} for source, target in ways]
    return {"kind": "workflow", "id": name, "version": 1, "nodes": nodes, "edges": edges}


def events(call_id: str, kind: str) -> list[bytes]:
    """What is said of a call, in order."""
    entered = [("node.entered", {"node_id": "greet"}), ("node.entered", {"node_id": "done"})]
    ended: dict[str, Any] = {"reason": "caller_hangup"}
    if kind != PREMATURE:
        ended = {"reason": "end_node", "end_node_id": "done"}
    told = [("call.answered", {}), *entered[: 1 if kind == PREMATURE else 2], ("call.ended", ended)]
    agent = "failing" if kind == FAILING else "usual"
    common = {
        "call_id": call_id,
        "agent_id": agent,
        "source": "s",
        "occurred_at": datetime.now(UTC).isoformat(),
    }
    return [
        json.dumps(common | {"id": f"{call_id}/{seq}", "type": said, "seq": seq, "data": data}).encode()
        for seq, (said, data) in enumerate(told)
    ]
