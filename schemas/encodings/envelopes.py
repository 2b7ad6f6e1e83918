"""The usual envelope, read in one pass: known fields of their own types, and nothing else.

Almost every event is one, and reading it so takes a tenth of the time. What is not (a field that nobody
knows, a text of unusual length, a moment in no time zone, anything at fault) comes to None: whoever asks
then reads it field by field, which accepts the rest and says what is wrong.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar

from msgspec import DecodeError, Meta, Struct
from msgspec.json import Decoder

from schemas.encodings.bounded_json import check

MOST_CALL_ID_BYTES: Final = 256
MOST_TEXT_BYTES: Final = 1024
"""Of the envelope's other texts, which are kept with a call for as long as it is remembered."""

_BYTES_A_CHARACTER: Final = 4
"""At most, in UTF-8: a text of a quarter of the bytes in characters is certainly short enough."""

CallId = Annotated[str, Meta(min_length=1, max_length=MOST_CALL_ID_BYTES // _BYTES_A_CHARACTER)]
Type = Annotated[str, Meta(min_length=1, max_length=MOST_TEXT_BYTES // _BYTES_A_CHARACTER)]
Text = Annotated[str, Meta(max_length=MOST_TEXT_BYTES // _BYTES_A_CHARACTER)]


class Envelope(Struct, forbid_unknown_fields=True):
    """An event as it is usually written. Empty texts and null are left to the reader."""

    call_id: CallId
    type: Type
    id: Text | None = None
    occurred_at: datetime | None = None
    agent_id: Text | None = None
    source: Text | None = None
    seq: int | None = None
    workflow_id: Text | None = None
    workflow_version: int | None = None
    direction: Text | None = None
    channel: Text | None = None
    is_test: bool | None = None
    attempt: int | None = None
    session_id: Text | None = None
    traceparent: str | None = None
    data: dict[str, Any] | None = None


E = TypeVar("E", bound=Envelope)


class Usual(Generic[E]):
    """Reads usual envelopes of one kind."""

    def __init__(self, kind: type[E]) -> None:
        self._decode = Decoder(kind).decode

    def read(self, text: bytes) -> E | None:
        """The envelope of a text; None if it is not a usual one. Raises Unreadable as `check` does."""
        check(text)
        return self.known(text)

    def known(self, text: bytes) -> E | None:
        """The same of a text that was checked before."""
        try:
            return self._decode(text)
        except (DecodeError, UnicodeDecodeError):
            return None
