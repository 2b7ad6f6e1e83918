"""A document of kind `agent`: a voice agent, its workflow, its webhooks."""

import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.destinations import EXPECTED, is_destination
from schemas.documents import editors
from schemas.documents.faults import found, one_of, quoted
from schemas.documents.fields import Field
from schemas.documents.names import identifier, name_of
from schemas.documents.sendings import KEYS as SENDING_KEYS
from schemas.documents.sendings import sending
from schemas.documents.subscriptions import ALIASES, WEBHOOK_TYPES, canonical
from schemas.workflow import Sending, VoiceAgent

_KEYS: Final = frozenset(["kind", "id", "name", "workflow", "webhooks", "timezone", "privacy", "egress"])
_PRIVACY: Final = ("drop", "hash", "mask")
_PRIVATE_PATH: Final = re.compile(r"[A-Za-z_][\w-]*(?:\.(?:[\w-]+|\*)|\[(?:[0-9]{1,9}|\*)\])*", re.ASCII)


def voice_agent(field: Field) -> VoiceAgent:
    """The voice agent of a document."""
    fields = field.fields("an object", _KEYS, editors.DOCUMENT)
    egress = fields.stated("egress")
    return VoiceAgent(
        id=identifier(fields),
        name=name_of(fields),
        workflow=fields.text("workflow") or None,
        webhooks=_webhooks(fields.stated("webhooks")),
        timezone=_timezone(fields.stated("timezone")),
        privacy=_privacy(fields.stated("privacy")),
        egress=_egress(egress) if egress else (),
    )


def _webhooks(field: Field | None) -> dict[str, Sending]:
    webhooks: dict[str, Sending] = {}
    written: dict[str, str] = {}
    for name, member in field.members("an object of event types and webhooks") if field else ():
        kind = canonical(name)
        if kind is None:
            _refuse_type(member, name)
        elif kind in webhooks:
            expected = f"one webhook for {kind}"
            member.refuse(expected, f"{quoted(name)} beside {quoted(written[kind])}")
        one = sending(member.fields("a webhook {url, …}", SENDING_KEYS))
        if kind is not None:
            webhooks.setdefault(kind, one)
            written.setdefault(kind, name)
    return webhooks


def _refuse_type(member: Field, name: str) -> None:
    seen = f"the unknown event type {quoted(name)}"
    member.refuse(one_of(WEBHOOK_TYPES | ALIASES.keys()), seen)


def _timezone(field: Field | None) -> str:
    name = field.text("a time zone such as Europe/Paris") if field else None
    if field is None or name is None:
        return "UTC"
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        field.refuse("a time zone such as Europe/Paris")
    return name


def _privacy(field: Field | None) -> dict[str, tuple[str, ...]]:
    if field is None:
        return {}
    fields = field.fields("{drop, hash, mask} of lists of paths", frozenset(_PRIVACY))
    taken: dict[str, tuple[str, ...]] = {}
    for action in _PRIVACY:
        member = fields.stated(action)
        if member:
            taken[action] = tuple(map(_private_path, member.items("a list of paths")))
    return taken


def _private_path(field: Field) -> str:
    if not isinstance(field.value, str) or not _PRIVATE_PATH.fullmatch(field.value):
        field.refuse("a path such as variables.card_number", found(field.value))
        return ""
    return field.value


def _egress(field: Field) -> tuple[str, ...]:
    listed = field.items("a list of CIDRs, addresses and host names")
    if field.value == []:
        # "Nothing" and "anything" are too far apart to be guessed at.
        field.refuse("at least one entry, or no `egress` at all", "an empty list")
    for entry in listed:
        text = entry.text(EXPECTED)
        if text is not None and not is_destination(text):
            entry.refuse(EXPECTED)
    return tuple(entry.value for entry in listed if isinstance(entry.value, str))
