"""A template as it was written, cut into pieces: words, plain paths, secrets, and what needs the engine.

Cutting is done once for each source text and kept; rendering only walks the pieces. The engine takes longer
to load than all the rest: most documents never need it, so it is loaded with the first template that does.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from schemas.delivery import Secret
from streams.templates.faults import SyntaxFault
from streams.templates.filter_names import FILTERS, LEFT_OUT
from streams.templates.paths import PATH, Path, PathFault, canonical

if TYPE_CHECKING:
    from streams.templates.liquid import Parsed

SOURCE_LIMIT: Final = 64 * 1024
"""Characters of one template."""


class TemplateFault(Exception):
    """A template does not parse, or is not allowed where it stands: what was found and expected."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """`{{ path }}`, perhaps with a default."""

    path: Path
    name: str
    default: str | None = None
    word: bool = False
    """The default was written as a bare word."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A piece that is Liquid."""

    parsed: "Parsed"


Piece: TypeAlias = str | Secret | Lookup | Engine


@dataclass(frozen=True, slots=True)
class Used:
    """What pieces use: canonical paths, secrets, and bare words taken as defaults."""

    paths: frozenset[Path] = frozenset()
    secrets: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


@lru_cache(maxsize=8192)
def pieces(source: str, in_url: bool) -> tuple[Piece, ...]:
    """The pieces of a template; no text stands beside a text. Raises TemplateFault."""
    if len(source) > SOURCE_LIMIT:
        raise TemplateFault(f"found a template of {len(source)} characters; expected at most {SOURCE_LIMIT}")
    try:
        return tuple(_cut(source, in_url))
    except (SyntaxFault, PathFault) as fault:
        raise TemplateFault(str(fault)) from None


def names(written: tuple[Piece, ...]) -> Used:
    """What the pieces use."""
    paths: set[Path] = set()
    secrets: set[str] = set()
    words: set[str] = set()
    for piece in written:
        match piece:
            case Secret(name):
                secrets.add(name)
            case Lookup(path, _, default, word):
                paths.add(path)
                words |= {default} if word and default is not None else set()
            case Engine(parsed):
                paths |= parsed.paths
                words |= parsed.words
            case str():
                pass
    return Used(frozenset(paths), frozenset(secrets), frozenset(words))


_SECRET: Final = re.compile(r"\{\{-?\s*secrets\.([A-Za-z_][A-Za-z0-9_]*)\s*-?\}\}")
_SIMPLE: Final = re.compile(
    rf"\{{\{{\s*({PATH})\s*"
    r"(?:\|\s*(?:default:\s*(?:\"([^\"{}]*)\"|'([^'{}]*)')|([^\W\d][\w-]*))\s*)?\}\}"
)
"""`{{ path }}`, `{{ path | default: "words" }}`, `{{ path|word }}`."""
_MARKUP: Final = re.compile(r"\{\{|\{%")


def _cut(source: str, in_url: bool) -> list[Piece]:
    if not _MARKUP.search(source):
        return [source]
    _check_markup(source)
    between = _SECRET.split(source)
    if len(between) > 1 and "{%" in source:
        raise SyntaxFault("found secrets among tags; expected {{ secrets.NAME }} without {% … %} around it")
    cut: list[Piece] = []
    for index, text in enumerate(between):
        if index % 2:
            cut.append(_secret(text))
        elif text:
            cut += _simple(text) or [_engine(text, in_url)]
    return cut


def _engine(text: str, in_url: bool) -> Engine:
    from streams.templates import liquid

    return Engine(liquid.parse(text, in_url))


def _check_markup(source: str) -> None:
    """Refuse what would keep the engine's lexer busy for minutes: it looks for each missing end anew,
    and tries every way to share out a run of spaces."""
    at = 0
    while (opened := _MARKUP.search(source, at)) is not None:
        closing = "}}" if opened[0] == "{{" else "%}"
        closed = source.find(closing, opened.end())
        if closed < 0:
            raise SyntaxFault(f"found {opened[0]!r} without its {closing!r}; expected one after it")
        inside = source[opened.end() : closed]
        if _MANY_SPACES.search(inside):
            raise SyntaxFault(f"found over {_SPACES} spaces in a row inside {opened[0]}; expected fewer")
        name = inside.strip(" \t\r\n-").split(maxsplit=1)[:1]
        at = closed + 2
        if opened[0] == "{%" and name in (["raw"], ["doc"]):
            at = _end_of(name[0], source, at)


_SPACES: Final = 64
_MANY_SPACES: Final = re.compile(rf"\s{{{_SPACES + 1}}}")


def _end_of(name: str, source: str, at: int) -> int:
    ended = re.compile(rf"\{{%-?\s{{0,{_SPACES}}}end{name}\s{{0,{_SPACES}}}-?%\}}").search(source, at)
    if ended is None:
        raise SyntaxFault(f"found {{% {name} %}} without {{% end{name} %}}; expected one after it")
    return ended.end()


def _secret(name: str) -> Secret:
    if name.upper().endswith("_FILE"):
        raise SyntaxFault(f"found secrets.{name}; expected a name that does not end in _FILE")
    return Secret(name)


def _simple(text: str) -> list[Piece]:
    """Words and plain paths; nothing if there is more to it, which only the engine understands."""
    cut: list[Piece] = []
    at = 0
    for matched in _SIMPLE.finditer(text):
        path, quoted, single, word = matched.groups()
        keyword = path in _KEYWORDS or word in FILTERS | LEFT_OUT
        if keyword or _MARKUP.search(text, at, matched.start()):
            return []
        cut += [text[at : matched.start()]] if matched.start() > at else []
        default = next((one for one in (quoted, single, word) if one is not None), None)
        known = canonical(tuple(path.split(".")))
        cut.append(Lookup(known, ".".join(known), default, word is not None))
        at = matched.end()
    if _MARKUP.search(text, at):
        return []
    return [*cut, text[at:]] if at < len(text) else cut


_KEYWORDS: Final = frozenset({"true", "false", "nil", "null", "empty", "blank"})
