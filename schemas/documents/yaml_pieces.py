"""A YAML text of several documents, read one by one where one of them is broken.

A line that begins with `---` or `...` ends a document wherever it stands, also inside quotes and block
scalars (YAML 1.2.2, 9.1.1 and 9.1.2): a mistake before it says nothing of what comes after.
"""

import re
from collections.abc import Iterator
from typing import Final

from schemas.documents.trees import MOST_DOCUMENTS, TooLarge, Tree, Unreadable
from schemas.documents.yaml_text import yaml_trees

_LINES: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_START: Final = re.compile(r"---(?=[ \t\r\n]|\Z)")
_END: Final = re.compile(r"\.\.\.(?=[ \t\r\n]|\Z)")
_PRELUDE: Final = re.compile(r"[ \t]*(?:#.*)?[\r\n]*|%.*[\r\n]*")
"""What may stand before a document's own `---`: nothing, a comment, a directive."""


def yaml_documents(text: str) -> tuple[list[Tree], list[Unreadable]]:
    """The documents of a YAML text, and why each of the others cannot be read. Never raises."""
    try:
        return yaml_trees(text), []
    except Unreadable as whole:
        pieces = list(_pieces(text))
        if len(pieces) > MOST_DOCUMENTS:
            return [], [whole]
        trees, faults = _read(pieces)
        # What is broken only as a whole is broken all the same.
        return (trees, faults) if faults else ([], [whole])


def _read(pieces: list[tuple[int, str]]) -> tuple[list[Tree], list[Unreadable]]:
    trees: list[Tree] = []
    faults: list[Unreadable] = []
    for first, piece in pieces:
        try:
            trees += yaml_trees(piece, first)
        except Unreadable as fault:
            # What is left open is found missing at the end, which may be a line that is no longer its own.
            last = first + piece.rstrip().count("\n")
            kind = TooLarge if isinstance(fault, TooLarge) else Unreadable
            faults.append(kind(min(fault.line, last), fault.message))
    return trees, faults


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Each document with all that belongs to it, and the number of its first line."""
    first, start, begun = 1, 0, False
    for number, match in enumerate(_LINES.finditer(text), start=1):
        line = match[0]
        if begun and _START.match(line):
            yield first, text[start : match.start()]
            first, start = number, match.start()
        begun = begun or not _PRELUDE.fullmatch(line)
        if _END.match(line):
            yield first, text[start : match.end()]
            first, start, begun = number + 1, match.end(), False
    yield first, text[start:]
