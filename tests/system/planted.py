"""Documents that use a secret in every way there is, and calls that tell personal data in every place."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.agents.http.certificates import Authority
from tests.system.kafka_process import free_ports
from tests.system.kafka_topics import Record

CONTROL = "control-5d0e7a"
"""Told like personal data, and under no rule: a search that does not find it proves nothing."""

PRIVACY = {
    "drop": ["variables.card", "variables.customer.email", "transcript_text", "recording", "envelope.caller"],
    "mask": [
        "call.to",
        "analytics.summary",
        "analytics.metrics.score",
        "data.note",
        "variables.list[*].name",
    ],
    "hash": ["call.from", "variables.customer.name"],
}
PERSONAL = {
    name: f"person-{name}/+é-3b9f"
    for name in (
        "card",
        "email",
        "name",
        "from",
        "to",
        "summary",
        "score",
        "said",
        "url",
        "note",
        "caller",
        "listed",
    )
}

_SECRETS = (
    *("bearer", "basic", "key", "query", "hmac", "client", "path", "asked", "header", "hook", "hook_new"),
    *("failing", "refused", "closed"),
)
SECRETS = {f"T_{name.upper()}": f"planted-{name}/+&=%~6e1f4b" for name in _SECRETS}
IN_FILES = frozenset({"T_BASIC", "T_PATH", "T_HOOK", "T_CLIENT"})
"""Secrets that are files in the folder of secrets; the others are variables."""


@dataclass(frozen=True)
class Endpoints:
    """Where requests go: plain, and with client certificates of this authority."""

    port: int
    tls_port: int
    authority: Authority

    def url(self, what: str, rest: str = "") -> str:
        """The URL of an endpoint that answers so."""
        return f"http://127.0.0.1:{self.port}/{what}{rest}"


def secret(name: str) -> str:
    """A reference."""
    return f"{{{{ secrets.T_{name.upper()} }}}}"


def environment(folder: Path, authority: Authority) -> dict[str, str]:
    """The secrets, in variables and files, and the operator's own."""
    files = folder / "secrets"
    files.mkdir()
    client = authority.issue("client", "client.example.com")
    pems = {
        "T_CERT": client.cert.read_text(),
        "T_PEM": client.key.read_text(),
        "T_CA": authority.cert.read_text(),
    }
    for name, value in {**SECRETS, **pems}.items():
        if name in IN_FILES or name in pems:
            (files / name).write_text(value + "\n")
    plain = {f"POSTCALL_SECRET_{name}": value for name, value in SECRETS.items() if name not in IN_FILES}
    return {
        **plain,
        "POSTCALL_SECRETS_DIR": str(files),
        "POSTCALL_PRIVACY_KEY": "planted-privacy-key-88",
        "POSTCALL_WEB_TOKEN": "planted-web-token-99",
        "POSTCALL_LOG_LEVEL": "debug",
        "POSTCALL_LOST_LIVE": "1h",
        "POSTCALL_EGRESS_ALLOW": "127.0.0.0/8,::1",
    }


def key_line(authority_folder: Path) -> str:
    """A line of the client's private key that no other file has."""
    return (authority_folder / "client.key").read_text().splitlines()[2]


def documents(to: Endpoints) -> list[dict[str, Any]]:
    """A workflow whose nodes use every auth and every place of a secret, and a voice agent with rules."""
    nodes: list[dict[str, Any]] = [
        {"id": "greet", "type": "default", "start": True},
        {"id": "resolved", "type": "end_call"},
    ]
    edges = [{"source": "greet", "target": "resolved"}]
    for name, fields in _sendings(to).items():
        first = {"id": name, "type": "post_call_api", "retry": {"schedule": ["100ms"]}, "timeout": "2s"}
        everything = {
            "v": "{{ variables }}",
            "t": "{{ transcript_text }}",
            "a": "{{ analytics }}",
            "c": "{{ call }}",
        }
        nodes.append(
            {**first, "url": to.url("200"), "body": everything, "extract": {"told": "$.spelled"}, **fields}
        )
        response = f"nodes.{name}.response"
        body = {each: f"{{{{ {response}.{each} }}}}" for each in ("body", "headers", "extracted")}
        nodes.append({**first, "id": f"after_{name}", "url": to.url("200"), "body": body})
        edges.append({"source": "resolved", "target": name})
        edges.append({"source": name, "target": f"after_{name}", "on": "always"})
    workflow = {"kind": "workflow", "id": "leaky", "version": 1, "nodes": nodes, "edges": edges}
    return [workflow, _agent(to)]


def _sendings(to: Endpoints) -> dict[str, dict[str, Any]]:
    oauth = {"token_url": to.url("token"), "client_id": "c", "client_secret": secret("client")}
    (nobody,) = free_ports(1)
    return {
        "bearer": {"auth": {"type": "bearer", "token": secret("bearer")}},
        "basic": {"auth": {"type": "basic", "username": "u", "password": secret("basic")}},
        "key": {"auth": {"type": "api_key", "name": "X-Key", "value": secret("key"), "in": "header"}},
        "query": {"auth": {"type": "api_key", "name": "k", "value": secret("query"), "in": "query"}},
        "hmac": {"auth": {"type": "hmac", "secret": secret("hmac"), "header": "X-Mac"}},
        "oauth": {"auth": {"type": "oauth2_client_credentials", **oauth}},
        "mtls": {
            "url": f"https://localhost:{to.tls_port}/200",
            "auth": {"type": "mtls", "cert": secret("cert"), "key": secret("pem"), "ca": secret("ca")},
        },
        "address": {
            "url": to.url("200", f"/{secret('path')}?k={secret('asked')}"),
            "headers": {"X-Own": secret("header")},
        },
        "failing": {"url": to.url("500", f"/{secret('failing')}"), "headers": {"X-Own": secret("failing")}},
        "rejected": {"url": to.url("404", f"/{secret('failing')}?k={secret('failing')}")},
        "refused": {"url": f"http://127.0.0.1:{nobody}/{secret('refused')}"},
        "closed": {"url": to.url("close", f"/{secret('closed')}"), "headers": {"X-Own": secret("closed")}},
        "unknown": {"headers": {"X-Own": f"{secret('header')}{{{{ secrets.T_NOWHERE }}}}"}},
        "unrendered": {"headers": {"X-Own": "{{ variables.control | uniq: 'a' }}"}},
    }


def _agent(to: Endpoints) -> dict[str, Any]:
    told = ("call.ringing", "variables.updated", "turn.completed", "transcript.ready", "recording.ready")
    kinds = (*told, "analytics.completed", "call.ended", "call.completed", "call.premature", "call.settled")
    hook = {
        "url": to.url("200", f"/hook?k={secret('asked')}"),
        "secret": [secret("hook"), secret("hook_new")],
        "signature": "x-signature",
    }
    return {
        "kind": "agent",
        "id": "leaky-bot",
        "workflow": "leaky",
        "privacy": PRIVACY,
        "webhooks": {**dict.fromkeys(kinds, hook), "call.answered": {**hook, "url": to.url("404", "/gone")}},
    }


def events(call_id: str, *, end: str | None = "end_node") -> list[dict[str, Any]]:
    """A call that tells the personal data in every place; it goes on for ever without an `end`."""
    p = PERSONAL
    numbers = {"from": p["from"], "to": p["to"]}
    customer = {"email": p["email"], "name": p["name"]}
    variables = {"card": p["card"], "customer": customer, "control": CONTROL, "list": [{"name": p["listed"]}]}
    told: list[tuple[str, dict[str, Any]]] = [
        ("call.ringing", {**numbers, "note": p["note"]}),
        ("call.answered", numbers),
        ("variables.updated", {"variables": variables, "note": p["note"]}),
        ("turn.completed", {"role": "user", "content": p["said"]}),
        ("unheard.of", {"variables": variables, "analytics": {"summary": p["summary"]}}),
        (
            "transcript.ready",
            {"transcript": [{"role": "user", "content": p["said"]}], "transcript_text": p["said"]},
        ),
        ("recording.ready", {"url": p["url"]}),
        (
            "analytics.completed",
            {"summary": p["summary"], "disposition": CONTROL, "metrics": {"score": p["score"]}},
        ),
    ]
    if end == "end_node":
        told.append(("node.entered", {"node_id": "resolved", "node_type": "end_call"}))
    if end is not None:
        told.append(("call.ended", {"reason": end, "note": p["note"]}))
    return [
        {
            "id": f"{call_id}-{at}",
            "type": kind,
            "call_id": call_id,
            "agent_id": "leaky-bot",
            "occurred_at": datetime.now(UTC).isoformat(),
            "caller": p["caller"],
            "data": data,
        }
        for at, (kind, data) in enumerate(told)
    ]


def as_records(told: list[dict[str, Any]]) -> list[Record]:
    """Events as a producer writes them."""
    return [(event["call_id"].encode(), json.dumps(event).encode(), []) for event in told]
