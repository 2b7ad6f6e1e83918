"""The workflow and the voice agent that the generated calls belong to, as JSON documents."""

import json
from typing import Any

from tests.system.kafka_topics import Record

AGENT = "support-bot"
WORKFLOW = "customer-support"
SECRET_NAME = "CRM_TOKEN"
SECRET_VALUE = "planted-3f9c1d77e2"
"""It may be seen in requests to the CRM and nowhere else."""

CONVERSATION_NODES = ("greet", "talk")
END_NODES = ("resolved", "escalated", "silent")
"""On `silent` hangs nothing."""

SIGNATURE = "x-worker"
SIGNING_SECRET = "WORKER"
"""Every worker of a test has another value of it: its own name. A secret is looked up by whoever sends."""

HOOKS = (
    *("call.ended", "call.completed", "call.premature", "call.transferred", "call.voicemail", "call.busy"),
    *("call.no_answer", "call.cancelled", "call.failed", "call.lost", "call.outcome_upgraded"),
    *("call.settled", "analytics.completed"),
)

REJECTING_NODE = "audit"
"""Its endpoint answers 404 (see `receiver_rules`): what is after it depends on how an edge says `on`."""

_QUICKLY = {"schedule": ["200ms", "400ms", "800ms", "1500ms", "2s", "3s", "5s", "5s"]}


def documents(receiver_url: str, retry: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the workflow and its agent, with every request going to the receiver at this address.

    A node's request goes to `/node/<id>` and a webhook's to `/hook/<event type>`: a path names its delivery.
    """
    return [_workflow(receiver_url, retry or _QUICKLY), _agent(receiver_url, retry or _QUICKLY)]


def sign(applied: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let every request of these documents say which worker made it; the documents are changed."""
    for document in applied:
        nodes = [node for node in document.get("nodes", []) if node["type"] == "post_call_api"]
        for sending in (*nodes, *document.get("webhooks", {}).values()):
            sending["headers"] = {SIGNATURE: f"{{{{ secrets.{SIGNING_SECRET} }}}}"}
    return applied


def bad_documents() -> list[Record]:
    """Records that are no documents, or not those that their keys say."""
    workflow, agent = f"workflow/{WORKFLOW}@1".encode(), f"agent/{AGENT}".encode()
    cyclic = {
        "kind": "workflow",
        "id": WORKFLOW,
        "version": 1,
        "nodes": [{"id": "talk", "type": "default", "start": True}],
        "edges": [{"source": "talk", "target": "nowhere"}],
    }
    other = {"kind": "agent", "id": "somebody-else", "workflow": WORKFLOW}
    return [
        (workflow, b"{", []),
        (workflow, b"[]", []),
        (workflow, b"\xff\xfe", []),
        (workflow, json.dumps(cyclic).encode(), []),
        (workflow, b'{"kind": "workflow"}', []),
        (agent, json.dumps(other).encode(), []),
        (agent, b"[" * 100_000, []),
        (agent, json.dumps({"kind": "agent", "id": AGENT, "webhooks": 7}).encode(), []),
        (b"nonsense", b"{}", []),
    ]


def _workflow(url: str, retry: dict[str, Any]) -> dict[str, Any]:
    nodes = [
        {"id": "greet", "type": "default", "start": True},
        {"id": "talk", "type": "default"},
        *({"id": node, "type": "end_call"} for node in END_NODES),
        _node(url, retry, "update_crm", {"contact": "{{ variables.contact_id }}"})
        | {
            "method": "PATCH",
            "auth": {"type": "bearer", "token": f"{{{{ secrets.{SECRET_NAME} }}}}"},
            "extract": {"ticket_id": "$.ticket.id"},
        },
        _node(url, retry, "send_email", {"ticket": "{{ nodes.update_crm.response.extracted.ticket_id }}"}),
        _node(url, retry, "record_metrics", {"seconds": "{{ call.duration_seconds }}"}),
        _node(url, retry, "summarise", {"summary": "{{ analytics.summary }}"}),
        _node(url, retry, "open_ticket", {"call": "{{ call.id }}", "reason": "{{ call.end_reason }}"}),
        _node(url, retry, "notify_team", {"call": "{{ call.id }}"}),
        _node(url, retry, "page_on_call", {"call": "{{ call.id }}"}),
        _node(url, retry, REJECTING_NODE, {"call": "{{ call.id }}"}),
        _node(url, retry, "audit_filed", {"call": "{{ call.id }}"}),
        _node(url, retry, "audit_missing", {"call": "{{ call.id }}"}),
    ]
    edges = [
        *(("greet", "talk"), ("talk", "resolved"), ("talk", "escalated"), ("talk", "silent")),
        *(("resolved", "update_crm"), ("resolved", "record_metrics"), ("resolved", "summarise")),
        *(("update_crm", "send_email"), ("escalated", "open_ticket"), ("escalated", REJECTING_NODE)),
        *(("open_ticket", "notify_team"), ("open_ticket", "page_on_call")),
        (REJECTING_NODE, "audit_filed"),
    ]
    failing = {"source": REJECTING_NODE, "target": "audit_missing", "on": "failure"}
    return {
        "kind": "workflow",
        "id": WORKFLOW,
        "version": 1,
        "nodes": nodes,
        "edges": [*({"source": source, "target": target} for source, target in edges), failing],
    }


def _node(url: str, retry: dict[str, Any], name: str, body: dict[str, str]) -> dict[str, Any]:
    return {
        "id": name,
        "type": "post_call_api",
        "method": "POST",
        "url": f"{url}/node/{name}",
        "body": body,
        "retry": retry,
    }


def _agent(url: str, retry: dict[str, Any]) -> dict[str, Any]:
    hooks = {hook: {"url": f"{url}/hook/{hook}", "retry": retry} for hook in HOOKS}
    return {"kind": "agent", "id": AGENT, "workflow": WORKFLOW, "webhooks": hooks}
