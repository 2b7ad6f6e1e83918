"""What a customer's templates mean: checked when a document is applied, rendered when a call is over.

A JSON body is rendered leaf by leaf, so that no data can change its shape; every other place escapes
values by its own rules (`streams/sinks.py`). Most templates are words and plain paths and never see
the template engine; the rest is Liquid (`streams/liquid.py`). Secrets are cut out of the source when
it is read, so text that comes with the data is never taken for one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from schemas.delivery import Secret, Text
from schemas.workflow import Missing
from streams import addresses, liquid, written
from streams.liquid import Lacking, Run
from streams.meter import Meter, TooMuch
from streams.paths import MISSING, Path, PathFault, lookup, parse
from streams.sinks import FormSink, HeaderSink, JsonSink, Refused, Sink, UrlSink, XmlSink
from streams.written import Engine, Lookup, Piece, TemplateFault

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


class RenderFault(Exception):
    """A template cannot be rendered with this call's data. `path` is what was at fault, "" if it was
    no single path. The message never shows a value."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


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


@dataclass(frozen=True, slots=True)
class Output(Generic[T]):
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
    with _Told(run):
        value = _leaf_by_leaf(body, run)
    return Output(None if value is MISSING else value, tuple(dict.fromkeys(run.missed)))


def render_text(
    source: str, context: Mapping[str, Any], missing: Missing | None = None, escaping: Escaping = "plain"
) -> Output[str]:
    """A text body, its values escaped for its kind; None means the policy `empty` (in JSON `omit`).

    JSON texts are only escaped here, not read. Raises RenderFault.
    """
    run = Run(context, missing or ("omit" if escaping == "json" else "empty"), Meter(), [])
    sink = _SINKS[escaping](run.meter)
    with _Told(run):
        _write(written.pieces(source, False), run, sink)
    return Output(sink.getvalue(), tuple(dict.fromkeys(run.missed)))


def render_url(source: str, context: Mapping[str, Any], missing: Missing | None = None) -> Output[Text]:
    """A URL, its values percent-encoded, its secrets still references; None means the policy `error`.

    Raises RenderFault, also for a path segment that came to be `.` or `..`: clients collapse those.
    """
    run = Run(context, missing or "error", Meter(), [])
    with _Told(run):
        text = _text(written.pieces(source, True), run, UrlSink)
        addresses.check_rendered(text)
    return Output(text, tuple(dict.fromkeys(run.missed)))


def render_header(source: str, context: Mapping[str, Any], missing: Missing | None = None) -> Output[Text]:
    """A header value, its secrets still references; None means the policy `empty`.

    Raises RenderFault for what no header may hold, such as a line break.
    """
    run = Run(context, missing or "empty", Meter(), [])
    with _Told(run):
        text = _text(written.pieces(source, False), run, HeaderSink)
    return Output(text, tuple(dict.fromkeys(run.missed)))


def references(source: str) -> Text:
    """A field of auth or a signing key: constants, and secrets as references. Raises TemplateFault."""
    check(source, "auth")
    return tuple(piece for piece in written.pieces(source, False) if isinstance(piece, str | Secret))


_SINKS: dict[Escaping, type[Sink]] = {"plain": Sink, "json": JsonSink, "form": FormSink, "xml": XmlSink}


def _leaf_by_leaf(body: Any, run: Run) -> Any:
    """The rendered value of a leaf or of what holds leaves; MISSING only where it is to be left out."""
    if isinstance(body, str):
        return _leaf(body, run)
    if isinstance(body, Mapping):
        members = ((name, _leaf_by_leaf(member, run)) for name, member in body.items())
        return {name: member for name, member in members if member is not MISSING}
    if isinstance(body, list | tuple):
        items = (_leaf_by_leaf(item, run) for item in body)
        return [None if item is MISSING else item for item in items]
    return body


def _leaf(source: str, run: Run) -> Any:
    pieces = written.pieces(source, False)
    if len(pieces) > 1:
        sink = Sink(run.meter)
        _write(pieces, run, sink)
        return sink.getvalue()
    match pieces:
        case (Lookup() as only,):
            value = _found(only, run)
        case (Engine(parsed),) if parsed.alone is not None:
            value = liquid.value(parsed, run)
        case (Engine(parsed),):
            sink = Sink(run.meter)
            liquid.write(parsed, run, sink)
            return sink.getvalue()
        case (Secret(),):
            raise Refused("found a secret in a body; expected none there")
        case _:
            return source
    return _STAND_INS.get(run.policy) if value is MISSING else _counted(value, run)


_STAND_INS: dict[str, Any] = {"omit": MISSING, "null": None, "empty": ""}
"""What stands for a missing value that was a leaf alone."""


def _counted(value: Any, run: Run) -> Any:
    if isinstance(value, str):
        run.meter.write(len(value))
    elif isinstance(value, dict | list):
        run.meter.value(value)
    return value


def _found(sought: Lookup, run: Run) -> Any:
    """The value that a plain path leads to, or its default, or MISSING."""
    value = lookup(run.context, sought.path)
    if sought.default is not None and (value is MISSING or value in _EMPTY):
        return sought.default
    if value is MISSING:
        run.missed.append(sought.name)
        if run.policy == "error":
            raise Lacking(sought.name)
    return value


class _Empty:
    """What Liquid's `default` replaces: nothing, null, false, and what is empty; never a zero."""

    def __contains__(self, value: Any) -> bool:
        return value is None or value is False or (isinstance(value, str | dict | list) and not value)


_EMPTY = _Empty()


def _write(pieces: tuple[Piece, ...], run: Run, sink: Sink) -> None:
    for piece in pieces:
        match piece:
            case str():
                sink.write(piece)
            case Lookup():
                value = _found(piece, run)
                if value is MISSING:
                    sink.lack(run.policy)
                else:
                    _put(sink, value, piece)
            case Engine(parsed):
                liquid.write(parsed, run, sink)
            case Secret():
                raise Refused("found a secret; expected none here")


def _put(sink: Sink, value: Any, piece: Lookup) -> None:
    try:
        sink.put(value)
    except Refused as refused:
        raise RenderFault(f"{piece.name}: {refused}", piece.name) from None


def _text(pieces: tuple[Piece, ...], run: Run, kind: type[Sink]) -> Text:
    """Rendered pieces, with the secrets between them as references."""
    text: list[str | Secret] = []
    sink = kind(run.meter)
    for piece in pieces:
        if isinstance(piece, Secret):
            text += [sink.getvalue(), piece]
            sink = kind(run.meter)
        else:
            _write((piece,), run, sink)
    text.append(sink.getvalue())
    return tuple(part for part in text if part != "")


class _Told:
    """Tell what goes wrong in a rendering as a RenderFault."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: object) -> None:
        match fault:
            case Lacking(path=path):
                raise RenderFault(str(fault), path) from None
            case Refused() | TooMuch() | liquid.Gave() | addresses.BadAddress() | TemplateFault():
                raise RenderFault(str(fault)) from None


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
