"""JSON as a tree that knows its lines, which the JSON reader of the standard library does not.

Strict (RFC 8259): no comments, no trailing commas, no NaN.
"""

import re
from json.decoder import JSONDecodeError, JSONDecoder
from typing import Final

from schemas.documents.trees import DEEPEST, Leaf, Scalar, Tree, Unreadable, branch, too_deep

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_TOKEN: Final = re.compile(
    r'(?P<mark>[{}\[\]:,])|(?P<quote>")|(?P<word>true|false|null)\b'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?P<float>(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?))|(?P<end>\Z)",
    re.ASCII,
)
_WORDS: Final = {"true": True, "false": False, "null": None}
_STRINGS: Final = JSONDecoder()
_TOO_LONG: Final = 400
"""Characters of a number."""


def json_tree(text: str) -> Tree:
    """The one value of a JSON text. Raises Unreadable."""
    reader = _Reader(text)
    tree = reader.tree(0)
    reader.expect("end", "the end of the text")
    return tree


class _Reader:
    """Reads token after token; one token is looked at ahead."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._start = 0
        self._advance()

    def tree(self, level: int) -> Tree:
        line = self._line
        if level > DEEPEST:
            raise too_deep(line)
        if self._mark == "{":
            return self._object(line, level)
        if self._mark == "[":
            return self._list(line, level)
        if self._sort not in ("scalar", "quote"):
            raise self._unexpected("a value")
        leaf = Leaf(self._value, line)
        self._advance()
        return leaf

    def expect(self, sort: str, name: str) -> None:
        if sort not in (self._mark, self._sort):
            raise self._unexpected(name)
        if sort != "end":
            self._advance()

    def _object(self, line: int, level: int) -> Tree:
        self._advance()
        keys: list[tuple[str, int]] = []
        children: list[Tree] = []
        while self._mark != "}" or keys:
            if self._sort != "quote":
                raise self._unexpected("a key in double quotes")
            keys.append((str(self._value), self._line))
            self._advance()
            self.expect(":", "a colon")
            children.append(self.tree(level + 1))
            if self._mark == "}":
                break
            self.expect(",", "a comma or }")
        self._advance()
        return branch(line, children, keys)

    def _list(self, line: int, level: int) -> Tree:
        self._advance()
        children: list[Tree] = []
        while self._mark != "]" or children:
            children.append(self.tree(level + 1))
            if self._mark == "]":
                break
            self.expect(",", "a comma or ]")
        self._advance()
        return branch(line, children, None)

    def _advance(self) -> None:
        """Takes the next token: its sort (mark, quote, scalar, end, odd) and its value."""
        start = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches nothing too
        self._line += self._text.count("\n", self._start, start)
        self._start = start
        self._mark = ""
        self._value: Scalar = None
        match = _TOKEN.match(self._text, start)
        if match is None:
            self._sort = "odd"
            return
        self._at = match.end()
        if match["quote"]:
            self._sort, self._value = "quote", self._string()
        elif match["mark"]:
            self._sort, self._mark = "mark", match["mark"]
        elif match["end"] is not None:
            self._sort = "end"
        else:
            self._sort, self._value = "scalar", self._scalar(match)

    def _string(self) -> str:
        try:
            value, self._at = _STRINGS.raw_decode(self._text, self._start)
        except JSONDecodeError as error:
            raise Unreadable(self._line, f"found {error.msg.lower()}; expected JSON") from error
        return str(value)

    def _scalar(self, match: re.Match[str]) -> Scalar:
        if match["word"]:
            return _WORDS[match["word"]]
        number = match["number"]
        if len(number) > _TOO_LONG:
            message = "found a number of too many digits; expected fewer, or text in quotes"
            raise Unreadable(self._line, message)
        return float(number) if match["float"] else int(number)

    def _unexpected(self, expected: str) -> Unreadable:
        if self._sort == "end":
            return Unreadable(self._line, f"found the end of the text; expected {expected}")
        seen = self._text[self._start : self._start + 20].split("\n")[0]
        return Unreadable(self._line, f"found {seen!r}; expected {expected}")
