"""What an `auth` of the document adds to a request, with its secrets in it."""

from base64 import b64encode
from collections.abc import Mapping
from typing import assert_never
from urllib.parse import quote

from msgspec import Struct

from agents.http.errors import Unsendable
from agents.http.tls import PUBLIC, TlsIdentity
from schemas.workflow import ApiKey, Auth, Basic, Bearer, HmacAuth, Mtls, NoAuth, OAuth2, Tls
from streams.signing import hex_hmac


class Grant(Struct, frozen=True):
    """Client credentials, and where they are exchanged for a token (RFC 6749, 4.4)."""

    token_url: str
    client_id: str
    client_secret: str
    scope: str | None = None
    audience: str | None = None

    def __repr__(self) -> str:
        return "Grant(…)"


class Credentials(Struct, frozen=True):
    """What is added: headers, a query parameter, a TLS identity, or a token that must be fetched first."""

    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    tls: TlsIdentity = PUBLIC
    grant: Grant | None = None

    def __repr__(self) -> str:
        return "Credentials(…)"


def credentials(auth: Auth, fields: Mapping[str, str], body: bytes, tls: Tls) -> Credentials:
    """The credentials of one request; `fields` are the resolved texts of `auth` by field name.

    Raises Unsendable where they cannot be used.
    """
    public = TlsIdentity(ca=tls.ca, insecure=tls.insecure)
    match auth:
        case NoAuth():
            return Credentials(tls=public)
        case Bearer():
            return _header("Authorization", bearer(_field(fields, "token")), public)
        case Basic():
            value = basic(fields.get("username", auth.username), _field(fields, "password"))
            return _header("Authorization", value, public)
        case ApiKey():
            return _api_key(auth, _field(fields, "value"), public)
        case HmacAuth():
            return _header(auth.header, _hmac(auth, _field(fields, "secret"), body), public)
        case OAuth2():
            return Credentials(tls=public, grant=_grant(auth, fields))
        case Mtls():
            return Credentials(tls=_identity(auth, fields, tls))
        case _:
            assert_never(auth)


def bearer(token: str) -> str:
    """The value of an Authorization header that shows a token (RFC 6750)."""
    return f"Bearer {token}"


def basic(username: str, password: str) -> str:
    """The value of an Authorization header that shows a name and password (RFC 7617, as UTF-8)."""
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode()


def _header(name: str, value: str, tls: TlsIdentity) -> Credentials:
    return Credentials(headers=((name, value),), tls=tls)


def _api_key(auth: ApiKey, value: str, tls: TlsIdentity) -> Credentials:
    if auth.place == "header":
        return _header(auth.name, value, tls)
    return Credentials(query=f"{quote(auth.name, safe='')}={quote(value, safe='')}", tls=tls)


def _hmac(auth: HmacAuth, secret: str, body: bytes) -> str:
    try:
        return hex_hmac(secret.encode(), body, auth.algorithm)
    except (ValueError, TypeError):
        reason = f"found the algorithm {auth.algorithm!r}; expected one as sha256"
        raise Unsendable("auth_unsupported", reason) from None


def _grant(auth: OAuth2, fields: Mapping[str, str]) -> Grant:
    return Grant(
        token_url=fields.get("token_url", auth.token_url),
        client_id=fields.get("client_id", auth.client_id),
        client_secret=_field(fields, "client_secret"),
        scope=fields.get("scope", auth.scope),
        audience=fields.get("audience", auth.audience),
    )


def _identity(auth: Mtls, fields: Mapping[str, str], tls: Tls) -> TlsIdentity:
    return TlsIdentity(
        ca=fields.get("ca", auth.ca or tls.ca),
        insecure=tls.insecure,
        cert=_field(fields, "cert"),
        key=_field(fields, "key"),
    )


def _field(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "")
    if not value:
        raise Unsendable("bad_secret", f"found an empty `{name}` under `auth`; expected a value")
    return value
