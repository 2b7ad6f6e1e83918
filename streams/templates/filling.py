"""Filling a template's pieces with the data of a call: a leaf, a text, or text with secrets in it."""

from collections.abc import Mapping
from typing import Any

from schemas.delivery import Secret, Text
from streams.templates import addresses, written
from streams.templates.faults import Gave, Lacking
from streams.templates.meter import TooMuch
from streams.templates.paths import MISSING, lookup
from streams.templates.run import Run
from streams.templates.sinks import Refused, Sink
from streams.templates.written import Engine, Lookup, Piece, TemplateFault


class RenderFault(Exception):
    """A template cannot be rendered with this call's data. `path` is what was at fault, "" if it was
    no single path; `missing` are the paths that led to nothing. The message never shows a value."""

    def __init__(self, message: str, path: str = "", missing: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.path = path
        self.missing = missing


def leaf_by_leaf(body: Any, run: Run) -> Any:
    """The rendered value of a leaf or of what holds leaves; MISSING only where it is to be left out."""
    if isinstance(body, str):
        return _leaf(body, run)
    if isinstance(body, Mapping):
        members = ((name, leaf_by_leaf(member, run)) for name, member in body.items())
        return {name: member for name, member in members if member is not MISSING}
    if isinstance(body, list | tuple):
        items = (leaf_by_leaf(item, run) for item in body)
        return [None if item is MISSING else item for item in items]
    return body


def _leaf(source: str, run: Run) -> Any:
    pieces = written.pieces(source, False)
    if len(pieces) > 1:
        sink = Sink(run.meter)
        write(pieces, run, sink)
        return sink.getvalue()
    match pieces:
        case (Lookup() as only,):
            value = _found(only, run)
        case (Engine(parsed),) if parsed.alone is not None:
            value = parsed.value(run)
        case (Engine(parsed),):
            sink = Sink(run.meter)
            parsed.write(run, sink)
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


def write(pieces: tuple[Piece, ...], run: Run, sink: Sink) -> None:
    """Write pieces where they go. Raises as `Told` expects."""
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
                parsed.write(run, sink)
            case Secret():
                raise Refused("found a secret; expected none here")


def _put(sink: Sink, value: Any, piece: Lookup) -> None:
    try:
        sink.put(value)
    except Refused as refused:
        raise RenderFault(f"{piece.name}: {refused}", piece.name) from None


def text(pieces: tuple[Piece, ...], run: Run, kind: type[Sink]) -> Text:
    """Rendered pieces, with the secrets between them as references."""
    text: list[str | Secret] = []
    sink = kind(run.meter)
    for piece in pieces:
        if isinstance(piece, Secret):
            text += [sink.getvalue(), piece]
            sink = kind(run.meter)
        else:
            write((piece,), run, sink)
    text.append(sink.getvalue())
    return tuple(part for part in text if part != "")


class Told:
    """Tell what goes wrong in a rendering as a RenderFault."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: object) -> None:
        match fault:
            case Lacking(path=path):
                raise RenderFault(str(fault), path, self._missed()) from None
            case Refused() | TooMuch() | Gave() | addresses.BadAddress() | TemplateFault():
                raise RenderFault(str(fault), missing=self._missed()) from None

    def _missed(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._run.missed))
