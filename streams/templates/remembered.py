"""Answers about a document, worked out once: documents are immutable, but hold what cannot be hashed."""

from collections.abc import Callable
from typing import Concatenate, Final, ParamSpec, TypeVar

Document = TypeVar("Document")
Rest = ParamSpec("Rest")
Answer = TypeVar("Answer")

LIMIT: Final = 4096
"""Answers remembered by one function; above it all of them are forgotten and worked out anew."""


def by_identity(
    function: Callable[Concatenate[Document, Rest], Answer],
) -> Callable[Concatenate[Document, Rest], Answer]:
    """Remember the answers about a very object. It is kept with its answer, so that no other object
    can take its identity meanwhile. The other arguments must be hashable, and positional."""
    known: dict[tuple[object, ...], tuple[Document, Answer]] = {}

    def remembering(document: Document, /, *rest: Rest.args, **named: Rest.kwargs) -> Answer:
        key = (id(document), *rest)
        found = known.get(key)
        if found is None:
            if len(known) >= LIMIT:
                known.clear()
            found = known[key] = (document, function(document, *rest, **named))
        return found[1]

    remembering.__doc__ = function.__doc__
    return remembering
