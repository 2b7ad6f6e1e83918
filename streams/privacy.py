"""What a voice agent's document wants taken away before anything of a call is stored.

`drop` removes a field, `mask` shows `***` in its place, `hash` a keyed hash that is the same in every call.
Where several paths name a value, the first of these wins. Below an object or a list every leaf is taken,
numbers and truths too; null stays, it says that there is nothing; names of members stay.

An event is treated as soon as it is heard, before it is evidence, a part, a webhook. Its dedupe id was taken
from what it said before.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from schemas import wire
from schemas.events import CALL_ENDED, EVENT_TYPES, Event
from schemas.evidence import Evidence
from schemas.workflow import VoiceAgent
from streams.private_paths import DATA, EXTRA, places
from streams.private_ways import Action, Rule, Way
from streams.templates.paths import MISSING, PathFault
from streams.templates.remembered import by_identity

MASK: Final = "***"
HASH_DIGITS: Final = 32
"""Hex digits of a hash that are kept: 128 bits."""

OTHER: Final = ""
"""Stands for all types that nobody knows."""

_WHOLE_FLOATS: Final = 2.0**53
"""Up to here a float without a fraction is one whole number and no other."""


Hide: TypeAlias = Callable[[Action, Any], Any]


def faults(agent: VoiceAgent) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Each path that takes nothing away, by its place in the document, with what is wrong with it."""
    for action, paths in agent.privacy.items():
        for at, path in enumerate(paths):
            try:
                # What is not written like a path is empty, and has its fault from whoever read it.
                places(path or _NO_FAULT)
            except PathFault as fault:
                yield ("privacy", action, at), str(fault)


def take_away(event: Event, agent: VoiceAgent | None, key: bytes) -> Event:
    """The event as this voice agent's calls may keep it; asked again, it changes nothing more.

    `key` is that of the hash, empty for one without.
    """
    if agent is None or not agent.privacy or agent.id in event.taken_for:
        return event
    rules = _rules(agent, event.type if event.type in EVENT_TYPES else OTHER)
    said = _taken({DATA: event.data, EXTRA: event.extra}, rules, Action.KEEP, _hiding(key))
    taken_for = (*event.taken_for, agent.id)
    return replace(event, data=said.get(DATA, {}), extra=said.get(EXTRA, {}), taken_for=taken_for)


def take_from_evidence(evidence: Evidence, agent: VoiceAgent, key: bytes) -> Evidence:
    """What events said before anybody named the voice agent, as its calls may keep it."""
    hide = _hiding(key)
    rules, of_ends = _rules(agent, OTHER), _rules(agent, CALL_ENDED)
    statements = tuple(_known(said, _STATED, rules, hide) for said in evidence.statements)
    terminals = tuple(_known(said, _OF_TERMINALS, of_ends, hide) for said in evidence.terminals)
    return replace(evidence, statements=statements, terminals=terminals)


_NO_FAULT: Final = "variables"
_STATED: Final = {"from_number": "from", "to_number": "to"}
_OF_TERMINALS: Final = {
    "raw_reason": "raw_reason",
    "ended_by": "ended_by",
    "duration_seconds": "duration_seconds",
}
"""Fields of the evidence, and the members of `data` that they came from."""


def _known(said: Any, fields: dict[str, str], way: Way, hide: Hide) -> Any:
    """The same words of evidence after the rules; a value of another type than before is none."""
    told = {name: getattr(said, field) for field, name in fields.items()}
    left = _taken({DATA: told}, way, Action.KEEP, hide).get(DATA, {})
    changes = {}
    for field, name in fields.items():
        value = left.get(name)
        changes[field] = value if isinstance(value, type(told[name])) else None
    return replace(said, **changes)


@by_identity
def _rules(agent: VoiceAgent, event_type: str) -> Way:
    """Where the rules of a document lead from an event of this type."""
    return Way(
        Rule(Action[action.upper()], place.steps, place.texts)
        for action, paths in agent.privacy.items()
        for path in paths
        for place in places(path)
        if place.type in (None, event_type)
    )


def _taken(value: Any, way: Way | None, action: Action, hide: Hide) -> Any:
    """A value after the rules that lead to it or into it; MISSING if it is dropped."""
    if way is None:
        if action is Action.KEEP:
            return value
    else:
        action = max(action, way.action, way.of_texts if isinstance(value, str) else Action.KEEP)
    if action is Action.DROP:
        return MISSING
    if isinstance(value, dict):
        return _members(value, way, action, hide)
    if isinstance(value, list):
        items = [_taken(each, way and way.item(at), action, hide) for at, each in enumerate(value)]
        # The items behind a dropped one keep their index.
        return [None if item is MISSING else item for item in items] if any(map(_there, items)) else []
    return value if value is None or action is Action.KEEP else hide(action, value)


def _members(value: dict[str, Any], way: Way | None, action: Action, hide: Hide) -> dict[str, Any]:
    members = {}
    for name, member in value.items():
        taken = _taken(member, way and way.member(name), action, hide)
        if taken is not MISSING:
            members[name] = taken
    return members


def _there(item: Any) -> bool:
    return item is not MISSING


def _hiding(key: bytes) -> Hide:
    def hide(action: Action, value: Any) -> str:
        return MASK if action is Action.MASK else hashed(value, key)

    return hide


def hashed(value: Any, key: bytes) -> str:
    """What stands for a value everywhere: HMAC-SHA256 of a text, or of the JSON of anything else."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE_FLOATS:
        value = int(value)
    said = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else wire.json_bytes(value)
    digest = hmac.new(key, said, hashlib.sha256) if key else hashlib.sha256(said)
    return digest.hexdigest()[:HASH_DIGITS]
