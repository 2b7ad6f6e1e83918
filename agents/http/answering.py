"""The head of an answer, as aiohttp's parser reads it, within limits; the final one behind interim ones."""

from typing import Final, TypeAlias

from aiohttp import ClientError, ClientPayloadError, ServerDisconnectedError
from aiohttp.http import HttpResponseParser, RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.streams import StreamReader

from agents.http.dialing import Line
from agents.http.errors import Closed, Garbage, HeadersTooLarge, Reset

INTERIM_AT_MOST: Final = 16
"""Interim (1xx) answers before the real one; a receiver that sends more talks nonsense."""

SWITCHING_PROTOCOLS: Final = 101

LARGEST_HEADER: Final = 16_384
"""Bytes of one header line of an answer."""

MOST_HEADERS: Final = 128
TOO_MANY: Final = "Too many headers"
"""How aiohttp's parser says so; it has no exception of its own for it."""

END: Final = b"\r\n\r\n"

Head: TypeAlias = tuple[RawResponseMessage, StreamReader]


def prepare_for_answer(line: Line) -> None:
    """Make a connection ready to read one answer."""
    line.first = b""
    line.set_response_params(
        read_until_eof=True,
        auto_decompress=False,
        max_line_size=LARGEST_HEADER,
        max_field_size=LARGEST_HEADER,
        max_headers=MOST_HEADERS,
    )


async def read_head(line: Line) -> Head:
    """The head of the final answer and its body to come. Raises Closed, Garbage, HeadersTooLarge, Reset."""
    for _ in range(INTERIM_AT_MOST):
        message, payload = await _message(line)
        if message.version.major != 1 or message.code < 100:
            raise Garbage("found an answer that is not HTTP/1.1")
        if message.code >= 200:
            return message, payload
        if message.code == SWITCHING_PROTOCOLS:
            break
    raise Garbage("found only interim answers; expected a final one")


async def _message(line: Line) -> Head:
    try:
        return await line.read()
    except ServerDisconnectedError as found:
        # Half an answer head is not the silence of a dropped connection.
        if found.message is not None and not isinstance(found.message, str):
            raise Garbage("the answer broke off within its head") from None
        raise Closed("the connection was closed without an answer") from None
    except HttpProcessingError as found:
        whole = _before_the_fault(line)
        if whole is not None:
            return whole
        if isinstance(found.__cause__, LineTooLong) or TOO_MANY in found.message:
            raise HeadersTooLarge("found an answer head over the limit") from None
        raise Garbage("found an answer that is not HTTP/1.1") from None
    except (ClientPayloadError, ValueError):
        raise Garbage("found an answer that is not HTTP/1.1") from None
    except (ClientError, OSError):
        raise Reset("the connection was reset") from None


def _before_the_fault(line: Line) -> Head | None:
    """A sound head that came in one packet with a broken body, which the parser throws away together.

    The status decides, whatever becomes of the body, and must not hang on how the packets were cut.
    """
    head, end, _ = line.first.partition(END)
    if not end:
        return None
    parser = HttpResponseParser(
        line,
        line._loop,  # noqa: SLF001  the parser wants the loop that aiohttp gave the protocol
        2**16,
        payload_exception=ClientPayloadError,
        response_with_body=True,
        read_until_eof=True,
        auto_decompress=False,
        max_line_size=LARGEST_HEADER,
        max_field_size=LARGEST_HEADER,
        max_headers=MOST_HEADERS,
    )
    try:
        [(message, payload)], _, _ = parser.feed_data(head + end)
    except (HttpProcessingError, ValueError):
        return None
    payload.set_exception(ClientPayloadError("the body is broken"))
    return message, payload
