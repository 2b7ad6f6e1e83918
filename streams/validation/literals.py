"""Texts of a document that are used as they stand: the keys of a body, and signing keys in plain text."""

import re
from collections.abc import Iterator
from typing import Any, Final

from schemas.documents.faults import Findings, Path, quoted
from schemas.documents.subscriptions import canonical
from schemas.workflow import Sending, VoiceAgent, Workflow
from streams.signing import BadKey, key_bytes
from streams.templates import bodies

_TEMPLATE: Final = re.compile(r"\{\{|\{%")


def check_literals(value: Workflow | VoiceAgent, source: dict[str, Any], findings: Findings) -> None:
    """Notes a fault for every signing key that cannot be read, a warning for every key that is taken for
    a template.

    `source` is the document as written: a webhook may stand there under an alias.
    """
    if isinstance(value, VoiceAgent):
        for name in source.get("webhooks") or {} if value.webhooks else ():
            sending = value.webhooks.get(canonical(name) or "")
            if sending is not None:
                _check_secrets(sending, ("webhooks", name), findings)
        return
    for at, node in enumerate(value.nodes):
        path: Path = ("nodes", at)
        if node.sending is None:
            continue
        _check_secrets(node.sending, path, findings)
        read = bodies.as_rendered(node)
        for where, key in _keys(read, (*path, "body")):
            if _TEMPLATE.search(key):
                # A JSON text has no paths of its own.
                place = (*path, "body") if isinstance(node.body, str) else where
                message = f"found a template in the key {quoted(key)}; expected it in a value: keys are sent"
                findings.warn(place, f"{message} as they are written")


def _keys(body: Any, path: Path) -> Iterator[tuple[Path, str]]:
    match body:
        case dict():
            for key, value in body.items():
                yield (*path, key), key
                yield from _keys(value, (*path, key))
        case list():
            for at, value in enumerate(body):
                yield from _keys(value, (*path, at))


def _check_secrets(sending: Sending, path: Path, findings: Findings) -> None:
    several = len(sending.secrets) > 1
    for at, secret in enumerate(sending.secrets):
        if not secret or _TEMPLATE.search(secret):
            continue
        try:
            key_bytes(secret)
        except BadKey as complaint:
            where = (*path, "secret", at) if several else (*path, "secret")
            findings.fault(where, f"{complaint}; expected base64 there, or a key without that prefix")
