"""What Post Call API nodes and webhooks have in common: where to, as whom, how insistently."""

from datetime import timedelta
from typing import Final

from schemas.documents.auths import auth
from schemas.documents.faults import found
from schemas.documents.fields import Field, Fields
from schemas.documents.headers import wrong_with_name
from schemas.documents.retries import retry
from schemas.spans import span
from schemas.workflow import Sending, Tls

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")

KEYS: Final = frozenset(
    [
        "url",
        "headers",
        "auth",
        "timeout",
        "retry",
        "secret",
        "signature",
        "retry_ambiguous",
        "redirects",
        "rate",
        "tls",
    ]
)

_DEFAULT_TIMEOUT: Final = span("15s")
_SHORTEST, _LONGEST = span("1s"), span("60s")


def sending(fields: Fields, method: str = "POST") -> Sending:
    """How a node's or webhook's request is sent. Reserved headers and bad URLs are faults."""
    secrets = _secrets(fields.stated("secret"))
    return Sending(
        url=fields.need_text("url", "the URL to send to"),
        retry=retry(fields.stated("retry")),
        method=method,
        headers=_headers(fields.stated("headers")),
        auth=auth(fields.stated("auth")),
        timeout=_timeout(fields.stated("timeout")),
        secrets=secrets,
        x_signature=_x_signature(fields.stated("signature"), secrets),
        retry_ambiguous=fields.flag("retry_ambiguous", True),
        redirects=fields.flag("redirects", False),
        rate=_rate(fields.stated("rate")),
        tls=_tls(fields.stated("tls")),
    )


def _headers(field: Field | None) -> dict[str, str]:
    headers: dict[str, str] = {}
    spelled: dict[str, str] = {}
    for name, member in field.members("an object of header names and texts") if field else ():
        complaint = wrong_with_name(name)
        if name.lower() in spelled:
            complaint = f"found the header a second time, also as {spelled[name.lower()]}; expected it once"
        if complaint:
            member.findings.fault(member.path, complaint)
        spelled.setdefault(name.lower(), name)
        headers[name] = _header_value(member)
    return headers


def _header_value(member: Field) -> str:
    value = member.value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        member.refuse("text, in quotes", found(value))
        return ""
    return value


def _timeout(field: Field | None) -> timedelta:
    timeout = field.duration(_SHORTEST, _LONGEST) if field else None
    return timeout or _DEFAULT_TIMEOUT


def _secrets(field: Field | None) -> tuple[str, ...]:
    """One signing key or a list of them. Plain text is a warning: a document is no place for it."""
    if field is None:
        return ()
    several = isinstance(field.value, list)
    listed = field.items("text or a list of texts") if several else [field]
    if several and not listed:
        field.refuse("at least one secret", "an empty list")
    for secret in listed:
        if isinstance(secret.value, str) and "{{" not in secret.value and secret.value.strip():
            secret.warn("found a plain text; expected a reference such as {{ secrets.NAME }}")
    texts = [secret.text("text such as {{ secrets.NAME }}") for secret in listed]
    return tuple(text or "" for text in texts)


def _x_signature(field: Field | None, secrets: tuple[str, ...]) -> bool:
    if field is None or field.choice(("x-signature",)) is None:
        return False
    if not secrets:
        field.refuse("a secret beside it to sign with", "signature without secret")
    return True


def _rate(field: Field | None) -> float | None:
    if field is None:
        return None
    is_number = isinstance(field.value, int | float) and not isinstance(field.value, bool)
    if is_number and 0 < field.value <= 1_000_000:
        return float(field.value)
    field.refuse("a number of requests a second, above 0")
    return None


def _tls(field: Field | None) -> Tls:
    if field is None:
        return Tls()
    fields = field.fields("{ca, insecure}", frozenset({"ca", "insecure"}))
    insecure, member = fields.flag("insecure", False), fields.get("insecure")
    if insecure and member is not None:
        member.warn("found true: whoever poses as the endpoint gets its requests; expected a `ca` instead")
    return Tls(ca=fields.text("ca") or None, insecure=insecure)
