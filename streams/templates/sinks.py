"""Where rendered text goes: each place has its own way to keep a value from breaking out of it.

A template writes its own words with `write` and values with `put`; only values are escaped.
"""

import re
from html import escape
from typing import Any, Final
from urllib.parse import quote, quote_plus

from schemas.wire import json_bytes
from streams.templates.meter import Meter
from streams.templates.values import Json, as_text, native


class Refused(Exception):
    """A value that cannot go where the template puts it; the message never shows the value."""


class Sink:
    """Plain text: values go in as they are."""

    __slots__ = ("_written", "meter")

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self._written: list[str] = []

    def write(self, text: str) -> int:
        """Add the template's own words."""
        self.meter.write(len(text))
        self._written.append(text)
        return len(text)

    def put(self, value: Any) -> int:
        """Add a value."""
        if not isinstance(value, str):
            self.meter.value(value)
        return self.add(as_text(value))

    def add(self, text: str) -> int:
        """Add the text of a value, escaped for this place."""
        return Sink.write(self, text)

    def lack(self, policy: str) -> int:
        """Add what stands for a missing value: nothing, in a text."""
        return 0

    def getvalue(self) -> str:
        """All that was written."""
        return "".join(self._written)


class UrlSink(Sink):
    """A URL: a value becomes part of one segment, or of one part of the query."""

    __slots__ = ()

    def write(self, text: str) -> int:
        """Add the template's own words; what no URL can hold is percent-encoded."""
        return super().write(text if text.isascii() else quote(text, safe=_URL_SIGNS))

    def add(self, text: str) -> int:
        """Add a value, percent-encoded but for letters, digits and `-._~`."""
        return Sink.write(self, quote(text, safe=""))


_URL_SIGNS: Final = ":/?#[]@!$&'()*+,;=%-._~"


class HeaderSink(Sink):
    """A header value: one line of latin-1."""

    __slots__ = ()

    def add(self, text: str) -> int:
        """Add a value. Raises Refused if it holds what no header value can."""
        if _NO_HEADER.search(text):
            raise Refused(
                "found a line break, a control sign or a sign outside latin-1; expected header text"
            )
        return Sink.write(self, text)


_NO_HEADER: Final = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


class FormSink(Sink):
    """A form body: a value becomes part of one field."""

    __slots__ = ()

    def add(self, text: str) -> int:
        """Add a value in the encoding of HTML forms."""
        return Sink.write(self, quote_plus(text))


class XmlSink(Sink):
    """An XML or HTML body: a value becomes text of an element or of a quoted attribute."""

    __slots__ = ()

    def add(self, text: str) -> int:
        """Add a value; signs that XML cannot hold at all become the replacement sign."""
        return Sink.write(self, escape(_NO_XML.sub("\ufffd", text)))


_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class JsonSink(Sink):
    """A JSON body that is a text: between quotes a value is part of a string, elsewhere a whole value."""

    __slots__ = ("_escaping", "_quoted")

    def __init__(self, meter: Meter) -> None:
        super().__init__(meter)
        self._quoted = self._escaping = False

    def write(self, text: str) -> int:
        """Add the template's own words, and note whether they end between quotes."""
        if not text:
            return 0
        following, self._escaping = text[1:] if self._escaping else text, False
        for sign in _QUOTE_OR_BACKSLASH.findall(following):
            if sign == '"':
                self._quoted = not self._quoted
            elif self._quoted and len(sign) == 1:
                self._escaping = True
        return super().write(text)

    def put(self, value: Any) -> int:
        """Add a value, as a part of a string or as JSON."""
        if self._escaping:
            raise Refused("found a backslash before a value; expected none")
        if self._quoted:
            return super().put(value)
        if isinstance(value, Json):
            return Sink.write(self, value)
        self.meter.value(value)
        return Sink.write(self, json_bytes(native(value)).decode())

    def add(self, text: str) -> int:
        """Add a value between quotes."""
        return Sink.write(self, json_bytes(text).decode()[1:-1])

    def lack(self, policy: str) -> int:
        """A missing value is nothing within a string; elsewhere null, or an empty string."""
        return 0 if self._quoted else Sink.write(self, '""' if policy == "empty" else "null")


_QUOTE_OR_BACKSLASH: Final = re.compile(r'"|\\.?', re.DOTALL)
