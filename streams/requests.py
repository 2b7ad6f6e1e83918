"""From a node or a webhook to the one request that is sent, with the same bytes on every attempt.

What differs by attempt (webhook-timestamp, webhook-signature, postcall-attempt, postcall-replay), and
every secret's value, is added by the sender.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, structs

from schemas.delivery import Keep, Request, Text
from schemas.workflow import Missing, Node, Sending, Workflow
from streams import extract, ids, tracing
from streams.template import (
    Output,
    RenderFault,
    TemplateFault,
    references,
    render_header,
    render_url,
)
from streams.templates import addresses, bodies
from streams.templates.bodies import Body
from streams.templates.remembered import by_identity

BODY_LIMIT: Final = 1 << 20
"""Bytes of a request's body."""

NODE_EVENT: Final = "post_call_api"
"""What `postcall-event` says on the request of a node; on a webhook it is the event type."""

Headers = tuple[tuple[str, Text], ...]


class Rendering(Struct, frozen=True):
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
        body = bodies.render(node, context)
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
    written = Body(bodies.json_body(body), bodies.JSON)
    try:
        return _rendering(sending, {} if context is None else context, None, written, own, Keep())
    except TemplateFault as fault:
        raise RenderFault(str(fault)) from None


def readdress(sending: Sending, kept: Request, context: Mapping[str, Any]) -> Rendering:
    """A webhook's kept request for where the voice agent's document says by now: its body and postcall's own
    headers stay. Raises RenderFault."""
    own = {name: "".join(map(str, text)) for name, text in kept.headers if name in _OWN}
    try:
        return _rendering(sending, context, None, Body(kept.body, bodies.JSON), own, Keep())
    except TemplateFault as fault:
        raise RenderFault(str(fault)) from None


def _rendering(
    sending: Sending,
    context: Mapping[str, Any],
    missing: Missing | None,
    body: Body,
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
        auth_texts=_auth_texts(sending),
        secrets=_secrets(sending),
        x_signature=sending.x_signature,
        retry_ambiguous=sending.retry_ambiguous,
        redirects=sending.redirects,
        rate=sending.rate,
        tls=sending.tls,
        keep=keep,
    )
    lacking = tuple(dict.fromkeys((*url.missing, *asked.missing, *body.missing)))
    return Rendering(request, lacking, addresses.endpoint(sending.url))


def _own_headers(
    event: str, call_id: str, delivery_id: str, is_test: bool, traceparent: str | None, user_agent: str
) -> dict[str, str]:
    """The headers that are postcall's, the same on every attempt."""
    own = {
        "user-agent": user_agent,
        "webhook-id": delivery_id,
        "idempotency-key": delivery_id,
        "postcall-event": ids.in_header(event),
        "postcall-call-id": ids.in_header(call_id),
    }
    if is_test:
        own["postcall-test"] = "true"
    own["traceparent"] = tracing.traceparent(traceparent, call_id, delivery_id)
    return own


_OWN: Final = frozenset(_own_headers("", "", "", True, None, ""))
"""The names of all headers that are postcall's; a document cannot set them."""


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


@by_identity
def _auth_texts(sending: Sending) -> dict[str, Text]:
    """The fields of auth as text with references to secrets."""
    fields = structs.asdict(sending.auth)
    return {name: references(value) for name, value in fields.items() if isinstance(value, str)}


@by_identity
def _secrets(sending: Sending) -> tuple[Text, ...]:
    """What the request is signed with."""
    return tuple(references(source) for source in sending.secrets)
