"""From a node or a webhook to the one request that is sent, with the same bytes on every attempt.

What differs by attempt (webhook-timestamp, webhook-signature, postcall-attempt, postcall-replay), and
every secret's value, is added by the sender.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from schemas import wire
from schemas.delivery import Keep, Request, Text
from schemas.events import short_hash
from schemas.workflow import Auth, Missing, Node, Sending, Workflow
from streams import addresses, extract
from streams.filters import as_text
from streams.template import (
    Escaping,
    Output,
    RenderFault,
    TemplateFault,
    references,
    render_header,
    render_json,
    render_text,
    render_url,
)

BODY_LIMIT: Final = 1 << 20
"""Bytes of a request's body."""

NODE_EVENT: Final = "post_call_api"
"""What `postcall-event` says on the request of a node; on a webhook it is the event type."""

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
TEXT: Final = "text/plain; charset=utf-8"

Headers = tuple[tuple[str, Text], ...]


@dataclass(frozen=True, slots=True)
class Rendering:
    """A request, the paths that its templates found missing, and its endpoint, scheme://host:port."""

    request: Request
    missing: tuple[str, ...]
    endpoint: str


def render(
    node: Node,
    workflow: Workflow,
    context: Mapping[str, Any],
    *,
    call_id: str,
    delivery_id: str,
    is_test: bool,
    traceparent: str | None,
    user_agent: str,
) -> Rendering:
    """The request of a Post Call API node. Raises RenderFault, also where a document that an earlier
    release took holds a template that this one refuses."""
    if node.sending is None:
        raise ValueError(f"found node {node.id!r} with nothing to send; expected a Post Call API node")
    own = _own_headers(NODE_EVENT, call_id, delivery_id, is_test, traceparent, user_agent)
    try:
        body = _body(node, node.sending, context)
        keep = extract.keeps(workflow, node.id)
        return _rendering(node.sending, context, node.missing, body, own, keep)
    except TemplateFault as fault:
        raise RenderFault(str(fault)) from None


def render_webhook(
    sending: Sending,
    body: dict[str, Any],
    context: Mapping[str, Any] | None = None,
    *,
    call_id: str,
    delivery_id: str,
    is_test: bool,
    traceparent: str | None,
    user_agent: str,
) -> Rendering:
    """The request of a webhook; `body` is its `{"type", "timestamp", "data"}`. Raises RenderFault.

    Without a context its URL and headers have no call data to use.
    """
    own = _own_headers(body["type"], call_id, delivery_id, is_test, traceparent, user_agent)
    written = _Body(_json_bytes(body), JSON)
    try:
        return _rendering(sending, context or {}, None, written, own, Keep())
    except TemplateFault as fault:
        raise RenderFault(str(fault)) from None


@dataclass(frozen=True, slots=True)
class _Body:
    content: bytes
    content_type: str | None
    missing: tuple[str, ...] = ()


def _rendering(
    sending: Sending,
    context: Mapping[str, Any],
    missing: Missing | None,
    body: _Body,
    own: dict[str, str],
    keep: Keep,
) -> Rendering:
    if len(body.content) > BODY_LIMIT:
        raise RenderFault(f"found a body of {len(body.content)} bytes; expected at most {BODY_LIMIT}")
    url = render_url(sending.url, context, missing)
    asked = _asked_headers(sending, context, missing)
    request = Request(
        method=sending.method,
        url=url.value,
        headers=_all_headers(asked.value, body.content_type, own),
        body=body.content,
        timeout=sending.timeout,
        retry=sending.retry,
        auth=sending.auth,
        auth_texts=_auth_texts(sending.auth),
        secrets=tuple(references(source) for source in sending.secrets),
        x_signature=sending.x_signature,
        retry_ambiguous=sending.retry_ambiguous,
        redirects=sending.redirects,
        rate=sending.rate,
        tls=sending.tls,
        keep=keep,
    )
    lacking = tuple(dict.fromkeys((*url.missing, *asked.missing, *body.missing)))
    return Rendering(request, lacking, addresses.endpoint(sending.url))


def _body(node: Node, sending: Sending, context: Mapping[str, Any]) -> _Body:
    """The body of a node in the form that its content type asks for."""
    if node.body is None:
        return _Body(b"", None)
    stated = next((value for name, value in sending.headers.items() if name.lower() == "content-type"), None)
    body = (
        _read(node.body) if isinstance(node.body, str) and _escaping(stated or JSON) == "json" else node.body
    )
    kind = stated or (TEXT if isinstance(body, str) and not _looks_json(body) else JSON)
    escaping = _escaping(kind)
    if not isinstance(body, str):
        values = render_json(body, context, node.missing)
        content = _form(values.value) if escaping == "form" else _json_bytes(values.value)
        return _Body(content, kind, values.missing)
    text = render_text(body, context, node.missing, escaping)
    content = text.value.encode("utf-8", "replace")
    if escaping == "json":
        _check_json(content)
    return _Body(content, kind, text.missing)


def _escaping(content_type: str | None) -> Escaping:
    kind = (content_type or "").split(";")[0].strip().lower()
    if kind == JSON or kind.endswith("+json"):
        return "json"
    if kind == FORM:
        return "form"
    return "xml" if kind in ("text/xml", "application/xml", "text/html") or kind.endswith("+xml") else "plain"


@lru_cache(maxsize=1024)
def _read(text: str) -> Any:
    """A body written as JSON in one text, read, so that it is rendered by its leaves like any other;
    the text itself where it is no JSON object or list before it is rendered."""
    try:
        value = wire.json_value(text)
    except ValueError:
        return text
    return value if isinstance(value, dict | list) else text


@lru_cache(maxsize=1024)
def _looks_json(text: str) -> bool:
    """Whether a text would be a JSON object or list with any number in place of its templates."""
    return _read(_SLOT.sub("0", text)).__class__ is not str


_SLOT: Final = re.compile(r"\{\{[^{}]*\}\}")


def _form(value: Any) -> bytes:
    """An object as a form: a list is a field given several times."""
    if not isinstance(value, dict):
        raise RenderFault("found a form body that is no object; expected one")
    fields = {
        name: [as_text(item) for item in member] if isinstance(member, list) else as_text(member)
        for name, member in value.items()
    }
    return urlencode(fields, doseq=True).encode()


def _json_bytes(value: Any) -> bytes:
    try:
        return wire.json_bytes(value)
    except TypeError as fault:
        raise RenderFault(f"found a body that JSON cannot say: {fault}; expected a JSON value") from None


def _check_json(content: bytes) -> None:
    try:
        wire.json_value(content)
    except ValueError:
        raise RenderFault(
            "found a body that is no JSON once rendered; expected JSON, as its content type says"
        ) from None


def _own_headers(
    event: str, call_id: str, delivery_id: str, is_test: bool, traceparent: str | None, user_agent: str
) -> dict[str, str]:
    """The headers that are postcall's, the same on every attempt."""
    own = {
        "user-agent": user_agent,
        "webhook-id": delivery_id,
        "idempotency-key": delivery_id,
        "postcall-event": quote(event, safe=""),
        "postcall-call-id": quote(call_id.encode("utf-8", "surrogatepass"), safe=""),
    }
    if is_test:
        own["postcall-test"] = "true"
    own["traceparent"] = _traceparent(traceparent, call_id, delivery_id)
    return own


_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def _traceparent(stated: str | None, call_id: str, delivery_id: str) -> str:
    """The trace of the call's events, else one that all deliveries of a call share."""
    if stated is not None and _TRACEPARENT.fullmatch(stated):
        return stated
    return f"00-{short_hash(call_id, size=16).hex()}-{short_hash(delivery_id).hex()}-00"


def _asked_headers(sending: Sending, context: Mapping[str, Any], missing: Missing | None) -> Output[Headers]:
    """The headers of the document. Under `omit` one that came to nothing is left out."""
    asked: list[tuple[str, Text]] = []
    lacking: list[str] = []
    for name, source in sending.headers.items():
        value = render_header(source, context, missing)
        lacking += value.missing
        if not (missing == "omit" and value.missing and not value.value):
            asked.append((name, value.value))
    return Output(tuple(asked), tuple(lacking))


def _all_headers(asked: Headers, content_type: str | None, own: dict[str, str]) -> Headers:
    """Postcall's own headers cannot be set by a document; the content type can."""
    names = {name.lower() for name, _ in asked}
    kind = [("content-type", (content_type,))] if content_type and "content-type" not in names else []
    theirs = [(name, value) for name, value in asked if name.lower() not in own]
    return (*kind, *theirs, *((name, (value,)) for name, value in own.items()))


def _auth_texts(auth: Auth) -> dict[str, Text]:
    """The fields of auth as text with references to secrets."""
    fields = msgspec.structs.asdict(auth)
    return {name: references(value) for name, value in fields.items() if isinstance(value, str)}
