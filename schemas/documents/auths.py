"""Who a request says it is from: the shapes of `auth`. Values are templates, usually one secret."""

from collections.abc import Callable
from typing import Any, Final, cast

from schemas.documents.faults import one_of, quoted
from schemas.documents.fields import Field, Fields
from schemas.documents.headers import wrong_with_name
from schemas.workflow import ApiKey, Auth, Basic, Bearer, HmacAuth, Mtls, NoAuth, OAuth2

HMAC_ALGORITHMS: Final = ("sha256", "sha512", "sha1")


def auth(field: Field | None) -> Auth:
    """The credentials that a document asks for; none where it says nothing."""
    if field is None:
        return NoAuth()
    name = field.value.get("type") if isinstance(field.value, dict) else None
    if not isinstance(name, str) or name not in SHAPES:
        _refuse_type(field, name)
        return NoAuth()
    known, read = SHAPES[name]
    return read(field.fields(f"{{type: {name}, …}}", known | {"type"}))


def _refuse_type(field: Field, name: object) -> None:
    expected = f"{{type: …}} with {one_of(tuple(SHAPES))}"
    if isinstance(field.value, dict):
        seen = "no type" if name is None else f"the type {quoted(str(name))}"
        Field(name, (*field.path, "type"), field.findings).refuse(expected, seen)
    else:
        field.refuse(expected, "no object")


def _api_key(fields: Fields) -> Auth:
    place = fields.stated("in")
    chosen = (place.choice(("header", "query")) if place else None) or "header"
    name = fields.need_text("name", "the name of the header or query parameter")
    if chosen == "header":
        _check_header(fields, "name", name)
    return ApiKey(name=name, value=_secret(fields, "value"), place=cast(Any, chosen))


def _hmac(fields: Fields) -> Auth:
    header = fields.need_text("header", "the name of the header that carries the signature")
    _check_header(fields, "header", header)
    stated = fields.stated("algorithm")
    algorithm = stated.choice(HMAC_ALGORITHMS) if stated else None
    return HmacAuth(secret=_secret(fields, "secret"), header=header, algorithm=algorithm or "sha256")


def _oauth2(fields: Fields) -> Auth:
    return OAuth2(
        token_url=fields.need_text("token_url", "the URL of the token endpoint"),
        client_id=fields.need_text("client_id", "text"),
        client_secret=_secret(fields, "client_secret"),
        scope=fields.text("scope") or None,
        audience=fields.text("audience") or None,
    )


def _mtls(fields: Fields) -> Auth:
    cert = fields.need_text("cert", "a client certificate")
    return Mtls(cert=cert, key=_secret(fields, "key"), ca=fields.text("ca") or None)


def _secret(fields: Fields, name: str) -> str:
    value = fields.need_text(name, f"a template such as {{{{ secrets.{name.upper()} }}}}")
    if value and "{{" not in value:
        path = (*fields.whole.path, name)
        fields.whole.findings.warn(
            path, "found a plain text; expected a reference such as {{ secrets.NAME }}"
        )
    return value


def _check_header(fields: Fields, key: str, name: str) -> None:
    complaint = wrong_with_name(name) if name else None
    if complaint:
        fields.whole.findings.fault((*fields.whole.path, key), complaint)


SHAPES: Final[dict[str, tuple[frozenset[str], Callable[[Fields], Auth]]]] = {
    "none": (frozenset(), lambda _: NoAuth()),
    "bearer": (frozenset({"token"}), lambda fields: Bearer(_secret(fields, "token"))),
    "basic": (
        frozenset({"username", "password"}),
        lambda fields: Basic(fields.need_text("username", "text"), _secret(fields, "password")),
    ),
    "api_key": (frozenset({"name", "value", "in"}), _api_key),
    "hmac": (frozenset({"secret", "header", "algorithm"}), _hmac),
    "oauth2_client_credentials": (
        frozenset({"token_url", "client_id", "client_secret", "scope", "audience"}),
        _oauth2,
    ),
    "mtls": (frozenset({"cert", "key", "ca"}), _mtls),
}
"""The known keys of each type, and how it is read."""
