"""What a node asks of a call's data: the paths of its URL, headers, body and condition."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from schemas.workflow import Node
from streams import conditions
from streams.templates import written
from streams.templates.paths import Path
from streams.templates.remembered import by_identity


@by_identity
def paths(node: Node) -> frozenset[Path]:
    """The canonical paths that a node uses. Raises PathFault for those of a condition; a template that
    does not parse uses nothing, and says so when it is rendered."""
    used = conditions.paths(node.when)
    for source in _texts(node.body):
        used |= _of(source)
    if node.sending is not None:
        used |= _of(node.sending.url)
        for source in node.sending.headers.values():
            used |= _of(source)
    return used


@lru_cache(maxsize=8192)
def _of(source: str) -> frozenset[Path]:
    try:
        return written.names(written.pieces(source, False)).paths
    except written.TemplateFault:
        return frozenset()


def _texts(body: Any) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, Mapping):
        for member in body.values():
            yield from _texts(member)
    elif isinstance(body, list | tuple):
        for item in body:
            yield from _texts(item)
