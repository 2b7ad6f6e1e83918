"""The topics as an AsyncAPI 3 document, made from the same types as the JSON Schemas.

It speaks of postcall itself: it receives `call-events` and sends the other three. Of each event type there is a
message, for people who look for one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec.json import schema_components
from msgspec.structs import fields

from schemas.events import EVENT_TYPES
from schemas.published.events import DATA, CallData, CallEvent
from schemas.published.records import (
    CallOutcome,
    CallOutcomeUpgraded,
    CallSettled,
    DeadLetter,
    DeliveryAttempt,
)

VERSION: Final = "3.0.0"

_SCHEMA: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"
_PARTITIONER: Final = (
    "All events of a call belong on one partition, that of murmur2(call id): Java's default partitioner, "
    "librdkafka's `partitioner=murmur2_random`."
)

_OUTPUTS: Final[Mapping[str, tuple[str, Mapping[str, type[Any]]]]] = {
    "call-outcomes": (
        "How calls ended: a record for each verdict, and one when all that a call led to is final.",
        {
            "call.outcome": CallOutcome,
            "call.outcome_upgraded": CallOutcomeUpgraded,
            "call.settled": CallSettled,
        },
    ),
    "delivery-log": ("One record for each attempt at a delivery.", {"delivery.attempted": DeliveryAttempt}),
    "dead-letters": (
        "What was given up: events that cannot be read, deliveries that will not be tried again by themselves.",
        {"delivery.dead": DeadLetter, "event.unreadable": DeadLetter},
    ),
}


def document(release: str) -> dict[str, Any]:
    """The AsyncAPI document of a release."""
    outputs = {topic: (says, list(messages)) for topic, (says, messages) in _OUTPUTS.items()}
    inputs = {"call-events": (f"What is said about calls. {_PARTITIONER}", sorted(EVENT_TYPES))}
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "postcall",
            "version": release,
            "description": "Runs what must happen after a phone conversation with a voice agent.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _JSON,
        "servers": {"kafka": {"host": "127.0.0.1:9092", "protocol": "kafka"}},
        "channels": {
            topic: _channel(topic, says, named) for topic, (says, named) in (inputs | outputs).items()
        },
        "operations": {
            "hear": _operation("receive", "call-events", inputs["call-events"][1]),
            **{f"tell-{topic}": _operation("send", topic, named) for topic, (_, named) in outputs.items()},
        },
        "components": {"messages": dict(_messages()), "schemas": _schemas()},
    }


def _channel(topic: str, says: str, messages: Sequence[str]) -> dict[str, Any]:
    return {
        "address": topic,
        "description": f"{says} POSTCALL_TOPIC_PREFIX stands before the name.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"kafka": {"topic": topic}},
    }


def _operation(action: str, topic: str, messages: Sequence[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": [{"$ref": f"#/channels/{topic}/messages/{name}"} for name in messages],
    }


def _messages() -> Iterator[tuple[str, dict[str, Any]]]:
    for event_type in sorted(EVENT_TYPES):
        yield event_type, _message(event_type, _event(event_type), "The call's id.")
    for _, messages in _OUTPUTS.values():
        for name, kind in messages.items():
            key = (
                "None: what cannot be read names no call." if name == "event.unreadable" else "The call's id."
            )
            told = _message(name, _reference(kind), key)
            yield name, told | {"headers": _reference_to("Headers")}


def _message(name: str, payload: dict[str, Any], key: str) -> dict[str, Any]:
    """A message; the name of a record of ours is its `ce_type`."""
    return {
        "name": name,
        "contentType": _JSON,
        "payload": payload,
        "bindings": {"kafka": {"key": {"type": "string", "description": key}}},
    }


def _event(event_type: str) -> dict[str, Any]:
    """The envelope, and what `data` is in an event of this type."""
    data = DATA.get(event_type, CallData)
    needed = ["type", "data"] if any(field.required for field in fields(data)) else ["type"]
    own = {"type": {"const": event_type}, "data": _reference(data)}
    return {"allOf": [_reference(CallEvent), {"type": "object", "properties": own, "required": needed}]}


def _schemas() -> dict[str, Any]:
    kinds: list[Any] = [CallEvent, CallData, *DATA.values()]
    kinds += [kind for _, messages in _OUTPUTS.values() for kind in messages.values()]
    _, components = schema_components(kinds, ref_template=_SCHEMA)
    return {**components, "Headers": _HEADERS}


def _reference(kind: type[Any]) -> dict[str, Any]:
    return _reference_to(kind.__name__)


def _reference_to(name: str) -> dict[str, Any]:
    return {"$ref": _SCHEMA.format(name=name)}


_HEADERS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "CloudEvents' attributes, in binary mode. A crash may write a record twice, with the same `ce_id`.",
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string"},
        "ce_type": {"type": "string"},
        "ce_source": {"type": "string"},
        "ce_subject": {"type": "string", "description": "The call's id, percent-encoded."},
        "ce_time": {"type": "string", "format": "date-time"},
    },
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"],
}
