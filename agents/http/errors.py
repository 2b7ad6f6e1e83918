"""What can go wrong between us and an endpoint, each told apart by how far the request got.

    httpx.TransportError
      httpx.ConnectError
        EgressDenied        our own guard refused the address
        NameUnknown         no address for the host
        Refused             nobody accepted the connection
        TlsFailed           no handshake, or a certificate that does not verify
        ProxyFailed         the operator's proxy led nowhere
      httpx.ConnectTimeout
      httpx.ReadTimeout
      httpx.ReadError
        Reset               torn down after the request was sent
      httpx.RemoteProtocolError
        Closed              closed in order, without an answer
        Garbage             an answer that is not HTTP
        HeadersTooLarge

`silence_of` turns any of them, and anything else that httpx's contract lets a transport raise, into
a `Silence`. Its error words are a closed list; no text of a peer or a library gets into a record.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import httpx

from schemas.delivery import Silence

Stage: TypeAlias = Literal["before", "unsent", "sent"]


class EgressDenied(httpx.ConnectError):
    """The guard refused an address; nothing was sent."""

    def __init__(self, reason: str, address: str | None = None) -> None:
        super().__init__(reason)
        self.address = address


class NameUnknown(httpx.ConnectError):
    """The host has no address, or the resolver gave none in time."""


class Refused(httpx.ConnectError):
    """No address of the host accepted the connection."""


class TlsFailed(httpx.ConnectError):
    """The TLS handshake failed, or the certificate does not verify."""


class ProxyFailed(httpx.ConnectError):
    """The operator's proxy is not there, or does not connect to the endpoint."""


class Reset(httpx.ReadError):
    """The connection broke after the request was sent; it may have been carried out."""


class Closed(httpx.RemoteProtocolError):
    """The connection was closed in order, without an answer."""


class Garbage(httpx.RemoteProtocolError):
    """What came back is not HTTP/1.1."""


class HeadersTooLarge(httpx.RemoteProtocolError):
    """The answer's head is larger than any honest one."""


class Unsendable(ValueError):
    """Ours: the request cannot be sent as it is. `error` is a word of `ERRORS`, `reason` a sentence."""

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(reason)
        self.error = error


class Withheld(Exception):
    """The request was about to leave, but is not this worker's to send any more. Nothing was sent, and
    there is no reply to report: it is still due in state."""


_SILENCES: Final[Mapping[type[Exception], tuple[str, Stage]]] = MappingProxyType(
    {
        EgressDenied: ("egress_denied", "before"),
        NameUnknown: ("dns", "unsent"),
        Refused: ("refused", "unsent"),
        TlsFailed: ("tls", "unsent"),
        ProxyFailed: ("proxy", "unsent"),
        httpx.ConnectTimeout: ("connect_timeout", "unsent"),
        httpx.PoolTimeout: ("connect_timeout", "unsent"),
        httpx.ConnectError: ("refused", "unsent"),
        httpx.ProxyError: ("refused", "unsent"),
        Reset: ("reset", "sent"),
        Closed: ("closed", "sent"),
        Garbage: ("garbage", "sent"),
        HeadersTooLarge: ("headers_too_large", "sent"),
        httpx.ReadTimeout: ("timeout", "sent"),
        httpx.WriteTimeout: ("timeout", "sent"),
        httpx.TimeoutException: ("timeout", "sent"),
        httpx.NetworkError: ("reset", "sent"),
        httpx.RemoteProtocolError: ("garbage", "sent"),
        httpx.LocalProtocolError: ("bad_request", "before"),
        httpx.UnsupportedProtocol: ("bad_url", "before"),
        httpx.InvalidURL: ("bad_url", "before"),
        httpx.RequestError: ("reset", "sent"),
    }
)
"""Exception → error word and stage; the nearest class in an exception's ancestry counts."""

ERRORS: Final = frozenset(
    {
        *(error for error, _ in _SILENCES.values()),
        *("auth_unsupported", "bad_secret", "secret_not_for_host", "bad_header", "too_large"),
        *("token", "token_refused"),
    }
)
"""Every word that `Silence.error` may be."""


def silence_of(failure: httpx.RequestError | httpx.InvalidURL) -> Silence:
    """What a failed exchange says about the attempt."""
    for class_ in type(failure).__mro__:
        if class_ in _SILENCES:
            error, stage = _SILENCES[class_]
            return Silence(error=error, stage=stage)
    raise AssertionError("found no ancestor of httpx.RequestError; expected one")
