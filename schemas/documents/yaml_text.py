"""YAML as trees, by the core rules of YAML 1.2: `on` is a key, `no` is text, `012` is twelve.

Built from the parser's events, so that the limits of `schemas/documents/trees.py` hold while it reads and an
alias is never written out beyond them.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from schemas.documents.trees import DEEPEST, Leaf, Scalar, Tree, Unreadable, branch, too_deep

_TAG: Final = "tag:yaml.org,2002:"
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_FLAGS: Final = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_BEYOND: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TOO_LONG: Final = 400
"""Characters of a number: beyond it Python itself refuses to read digits, or takes long."""

_BROKEN: Final = (ValueError, OverflowError, AssertionError, IndexError, AttributeError, TypeError)
"""What ruamel raises, besides its own errors, for escapes beyond Unicode, odd directives and the like."""


def yaml_trees(text: str, first: int = 1) -> list[Tree]:
    """The documents of a YAML text, empty ones left out. Raises Unreadable. `first` is the number of its
    first line."""
    try:
        return list(_documents(YAML(typ="safe", pure=True).parse(text), first))
    except MarkedYAMLError as error:
        raise _unreadable(error, text, first) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + first
        raise Unreadable(line, "found a control character; expected text in UTF-8") from error
    except (YAMLError, YAMLStreamError, *_BROKEN) as error:
        raise Unreadable(first, "found what is no YAML; expected YAML") from error


def _unreadable(error: MarkedYAMLError, text: str, first: int) -> Unreadable:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    what = " ".join(filter(None, (error.context, error.problem)))
    written = text.split("\n", line)[line - 1 : line]
    hint = ", with quotes around what holds {{ … }}" if written and "{{" in written[0] else ""
    return Unreadable(line - 1 + first, f"found no YAML ({what}); expected YAML{hint}")


def _documents(events: Iterator[Any], first: int) -> Iterator[Tree]:
    for event in events:
        if isinstance(event, DocumentStartEvent):
            grower = _Grower(events, first)
            tree = grower.tree(next(events), 0)
            if tree != Leaf(None, tree.line):
                yield tree


class _Grower:
    """Grows the tree of one document; anchors are its own."""

    def __init__(self, events: Iterator[Any], first: int) -> None:
        self._events = events
        self._first = first
        self._anchors: dict[str, Tree | None] = {}

    def tree(self, event: Any, level: int) -> Tree:
        line = event.start_mark.line + self._first
        if isinstance(event, AliasEvent):
            return self._alias(str(event.anchor), line)
        if level > DEEPEST:
            raise too_deep(line)
        anchor = event.anchor if isinstance(event, NodeEvent) else None
        if anchor is not None:
            self._anchors[anchor] = None
        tree = self._new_tree(event, line, level)
        if anchor is not None:
            self._anchors[anchor] = tree
        return tree

    def _alias(self, name: str, line: int) -> Tree:
        if name not in self._anchors:
            raise Unreadable(line, f"found the alias *{name[:40]}; expected an anchor &{name[:40]} before it")
        tree = self._anchors[name]
        if tree is None:
            raise Unreadable(line, f"found the alias *{name[:40]} inside its own anchor; expected it outside")
        return tree

    def _new_tree(self, event: Any, line: int, level: int) -> Tree:
        match event:
            case ScalarEvent():
                return Leaf(_scalar(event, line), line)
            case SequenceStartEvent():
                _expect_tag(event, "seq", line)
                return branch(line, [self.tree(item, level + 1) for item in self._until_end()], None)
            case MappingStartEvent():
                _expect_tag(event, "map", line)
                return self._mapping(line, level)
        raise Unreadable(line, "found no value; expected YAML")

    def _mapping(self, line: int, level: int) -> Tree:
        keys, children = [], []
        for event in self._until_end():
            keys.append(self._key(event))
            children.append(self.tree(next(self._events), level + 1))
        return branch(line, children, keys)

    def _key(self, event: Any) -> tuple[str, int]:
        line = event.start_mark.line + self._first
        key = self._alias(str(event.anchor), line) if isinstance(event, AliasEvent) else None
        if isinstance(event, ScalarEvent) and event.value == "<<" and event.style is None:
            raise Unreadable(line, "found a merge key <<; expected the keys written out: YAML 1.2 has none")
        if isinstance(event, ScalarEvent):
            if event.anchor is not None:
                self._anchors[event.anchor] = Leaf(event.value, line)
            return event.value, line
        if isinstance(key, Leaf) and isinstance(key.value, str):
            return key.value, line
        raise Unreadable(line, "found a list or object as a key; expected text")

    def _until_end(self) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, CollectionEndEvent):
                return
            yield event


def _expect_tag(event: Any, name: str, line: int) -> None:
    if event.tag not in (None, "!", _TAG + name):
        raise _odd_tag(event.tag, line)


def _odd_tag(tag: str, line: int) -> Unreadable:
    return Unreadable(line, f"found the tag {str(tag)[:40]!r}; expected plain YAML values without tags")


def _scalar(event: ScalarEvent, line: int) -> Scalar:
    """A plain scalar by its looks, a quoted one as text, a tagged one as its tag says."""
    text = str(event.value)
    if event.tag in (None, ""):
        return _plain(text, line) if event.implicit[0] else text
    if event.tag in ("!", f"{_TAG}str"):
        return text
    value = _plain(text, line)
    wanted: dict[str, tuple[type, ...]] = {
        f"{_TAG}int": (int,),
        f"{_TAG}float": (int, float),
        f"{_TAG}bool": (bool,),
        f"{_TAG}null": (type(None),),
    }
    if type(value) not in wanted.get(str(event.tag), ()):
        raise _odd_tag(str(event.tag), line)
    return value


def _plain(text: str, line: int) -> Scalar:
    if text in _NULLS:
        return None
    if text in _FLAGS:
        return _FLAGS[text]
    if _BEYOND.fullmatch(text):
        return float(text.replace(".", ""))
    is_integer = _INTEGER.fullmatch(text)
    if not (is_integer or _FLOAT.fullmatch(text)):
        return text
    if len(text) > _TOO_LONG:
        raise Unreadable(line, "found a number of too many digits; expected fewer, or text in quotes")
    if is_integer:
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    return float(text)
