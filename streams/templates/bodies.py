"""The body of a request, in the form that its content type asks for."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlencode

from msgspec import Struct

from schemas import wire
from schemas.workflow import Node
from streams.template import Escaping, RenderFault, render_json, render_text
from streams.templates.values import as_text

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
TEXT: Final = "text/plain; charset=utf-8"


class Body(Struct, frozen=True):
    """Bytes, their content type, and the paths that were missing. No bytes and no type: no body."""

    content: bytes
    content_type: str | None
    missing: tuple[str, ...] = ()


def render(node: Node, context: Mapping[str, Any]) -> Body:
    """The body of a Post Call API node. Raises RenderFault."""
    headers = node.sending.headers if node.sending is not None else {}
    if node.body is None:
        return Body(b"", None)
    stated = _stated(headers)
    body = _as_rendered(node.body, stated)
    kind = stated or (TEXT if isinstance(body, str) and not _looks_json(body) else JSON)
    escaping = _escaping(kind)
    if not isinstance(body, str):
        values = render_json(body, context, node.missing)
        content = _form(values.value) if escaping == "form" else json_body(values.value)
        return Body(content, kind, values.missing)
    text = render_text(body, context, node.missing, escaping)
    content = text.value.encode("utf-8", "replace")
    if escaping == "json":
        _check_json(content)
    return Body(content, kind, text.missing)


def as_rendered(node: Node) -> Any:
    """The body whose leaves are rendered: a text that is JSON, where JSON is sent, is read as that."""
    return _as_rendered(node.body, _stated(node.sending.headers if node.sending is not None else {}))


def _as_rendered(body: Any, stated: str | None) -> Any:
    return _read(body) if isinstance(body, str) and _escaping(stated or JSON) == "json" else body


def _stated(headers: Mapping[str, str]) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == "content-type"), None)


@lru_cache(maxsize=1024)
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


def json_body(value: Any) -> bytes:
    """A JSON body. Raises RenderFault for what JSON cannot say."""
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
