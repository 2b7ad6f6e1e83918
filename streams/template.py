"""What a customer's templates mean: checked when a document is applied, rendered when a call is over.

A JSON body is rendered leaf by leaf, so that no data can change its shape; every other place escapes
values by its own rules (`streams/templates/sinks.py`). Most templates are words and plain paths and never see
the template engine; the rest is Liquid (`streams/templates/liquid.py`). Secrets are cut out of the source when
it is read, so text that comes with the data is never taken for one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from msgspec import Struct

from schemas.delivery import Secret, Text
from schemas.workflow import Missing
from streams.templates import addresses, filling, written
from streams.templates.filling import RenderFault
from streams.templates.meter import Meter
from streams.templates.paths import MISSING, Path, PathFault, parse
from streams.templates.run import Run
from streams.templates.sinks import FormSink, HeaderSink, JsonSink, Refused, Sink, UrlSink, XmlSink
from streams.templates.written import Piece, TemplateFault

__all__ = [
    "Names",
    "Output",
    "RenderFault",
    "Slot",
    "TemplateFault",
    "check",
    "check_path",
    "references",
    "render_header",
    "render_json",
    "render_text",
    "render_url",
]

Slot: TypeAlias = Literal["body", "text", "url", "header", "auth"]
"""Where a template stands: a leaf of a JSON body, a text body, a URL, a header, a field of auth."""

Escaping: TypeAlias = Literal["plain", "json", "form", "xml"]

T = TypeVar("T")

_REMEMBERED: Final = 4096
"""Constant URLs, and headers, that are rendered once."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a template uses: canonical paths, the nodes among them, the secrets, and the words that
    stand after a bar without being a filter (they are defaults; perhaps misspelled filters)."""

    paths: frozenset[Path] = frozenset()
    nodes: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    def __or__(self, other: "Names") -> "Names":
        """What two templates use together."""
        return Names(
            self.paths | other.paths,
            self.nodes | other.nodes,
            self.secrets | other.secrets,
            self.words | other.words,
        )


class Output(Struct, Generic[T], frozen=True):
    """What a template came to, and the paths that it found missing, in order."""

    value: T
    missing: tuple[str, ...] = ()


def check(source: str, slot: Slot) -> Names:
    """What a template uses. Raises TemplateFault if it does not parse or may not stand there."""
    pieces = written.pieces(source, slot == "url")
    names = written.names(pieces)
    if names.secrets and slot in ("body", "text"):
        raise TemplateFault(f"found secrets.{min(names.secrets)} in a body; expected secrets only elsewhere")
    if slot == "auth" and any(not isinstance(piece, str | Secret) for piece in pieces):
        raise TemplateFault("found a template of call data in auth; expected constants and secrets")
    if slot == "url":
        addresses.check(source)
    if slot in ("header", "auth"):
        _check_line(pieces)
    return _names(names)


def check_path(path: str) -> Names:
    """What the path of a condition uses. Raises TemplateFault."""
    try:
        return _names(written.Used(paths=frozenset({parse(path)})))
    except PathFault as fault:
        raise TemplateFault(str(fault)) from None


def render_json(body: Any, context: Mapping[str, Any], missing: Missing | None = None) -> Output[Any]:
    """A JSON value with its leaf texts rendered; None means the policy `omit`.

    A leaf that is one `{{ … }}` alone becomes the value itself, of whatever type. `omit` drops a
    missing member of an object, and leaves null in a list. Raises RenderFault, as all of these do, also
    for a template that `check` refuses.
    """
    run = Run(context, missing or "omit", Meter(), [])
    with filling.Told(run):
        value = filling.leaf_by_leaf(body, run)
    return Output(None if value is MISSING else value, tuple(dict.fromkeys(run.missed)))


def render_text(
    source: str, context: Mapping[str, Any], missing: Missing | None = None, escaping: Escaping = "plain"
) -> Output[str]:
    """A text body, its values escaped for its kind; None means the policy `empty` (in JSON `omit`).

    JSON texts are only escaped here, not read. Raises RenderFault.
    """
    run = Run(context, missing or ("omit" if escaping == "json" else "empty"), Meter(), [])
    sink = _SINKS[escaping](run.meter)
    with filling.Told(run):
        filling.write(written.pieces(source, False), run, sink)
    return Output(sink.getvalue(), tuple(dict.fromkeys(run.missed)))


def render_url(source: str, context: Mapping[str, Any], missing: Missing | None = None) -> Output[Text]:
    """A URL, its values percent-encoded, its secrets still references; None means the policy `error`.

    Raises RenderFault, also for a path segment that came to be `.` or `..`: clients collapse those.
    """
    return _constant_url(source) if _is_constant(source, True) else _render_url(source, context, missing)


def _render_url(source: str, context: Mapping[str, Any], missing: Missing | None) -> Output[Text]:
    run = Run(context, missing or "error", Meter(), [])
    with filling.Told(run):
        text = filling.text(written.pieces(source, True), run, UrlSink)
        addresses.check_rendered(text)
    return Output(text, tuple(dict.fromkeys(run.missed)))


def render_header(source: str, context: Mapping[str, Any], missing: Missing | None = None) -> Output[Text]:
    """A header value, its secrets still references; None means the policy `empty`.

    Raises RenderFault for what no header may hold, such as a line break.
    """
    return (
        _constant_header(source) if _is_constant(source, False) else _render_header(source, context, missing)
    )


def _render_header(source: str, context: Mapping[str, Any], missing: Missing | None) -> Output[Text]:
    run = Run(context, missing or "empty", Meter(), [])
    with filling.Told(run):
        text = filling.text(written.pieces(source, False), run, HeaderSink)
    return Output(text, tuple(dict.fromkeys(run.missed)))


def references(source: str) -> Text:
    """A field of auth or a signing key: constants, and secrets as references. Raises TemplateFault."""
    check(source, "auth")
    return tuple(piece for piece in written.pieces(source, False) if isinstance(piece, str | Secret))


@lru_cache(_REMEMBERED)
def _is_constant(source: str, in_url: bool) -> bool:
    """Whether nothing of a call goes into it, as is so of most URLs and headers."""
    try:
        return all(isinstance(piece, str | Secret) for piece in written.pieces(source, in_url))
    except TemplateFault:
        return False


@lru_cache(_REMEMBERED)
def _constant_url(source: str) -> Output[Text]:
    return _render_url(source, {}, None)


@lru_cache(_REMEMBERED)
def _constant_header(source: str) -> Output[Text]:
    return _render_header(source, {}, None)


_SINKS: Final[dict[Escaping, type[Sink]]] = {
    "plain": Sink,
    "json": JsonSink,
    "form": FormSink,
    "xml": XmlSink,
}


def _check_line(pieces: tuple[Piece, ...]) -> None:
    for piece in pieces:
        if isinstance(piece, str):
            try:
                HeaderSink(Meter()).put(piece)
            except Refused as refused:
                raise TemplateFault(str(refused)) from None


def _names(used: "written.Used") -> Names:
    nodes = frozenset(path[1] for path in used.paths if path[0] == "nodes")
    return Names(used.paths, nodes, used.secrets, used.words)
