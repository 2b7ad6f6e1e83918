"""JSON Schemas (2020-12) of the topics, for people who write producers and consumers.

They are generated from the types of `schemas/published/events.py` and `schemas/published/records.py`,
so that they cannot say anything else.
"""

from typing import Any, Final, TypeAlias

from msgspec.json import schema_components
from msgspec.structs import fields

from schemas.published.events import DATA, CallData, CallEvent
from schemas.published.records import DeadLetter, DeliveryAttempt, OutcomeRecord

JsonSchema: TypeAlias = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REF: Final = "#/$defs/{name}"


def json_schemas() -> dict[str, JsonSchema]:
    """The schema of each public topic's values, by the topic's plain name."""
    return {
        "call-events": _event_schema(),
        "call-outcomes": _schema(OutcomeRecord, "A record of call-outcomes"),
        "delivery-log": _schema(DeliveryAttempt, "A record of delivery-log"),
        "dead-letters": _schema(DeadLetter, "A record of dead-letters"),
    }


def _event_schema() -> JsonSchema:
    """The envelope, and by its `type` what `data` looks like."""
    schema = _schema(CallEvent, "An event of call-events", *DATA.values(), CallData)
    schema["allOf"] = [
        {
            "if": {"required": ["type"], "properties": {"type": {"const": event_type}}},
            "then": {"properties": {"data": _reference(data)}, **_needs(data)},
        }
        for event_type, data in DATA.items()
    ]
    schema["allOf"].append(
        {
            "if": {"required": ["type"], "properties": {"type": {"not": {"enum": list(DATA)}}}},
            "then": {"properties": {"data": {"anyOf": [_reference(CallData), {"type": "null"}]}}},
        }
    )
    return schema


def _schema(of: Any, title: str, *more: Any) -> JsonSchema:
    (root, *_), components = schema_components([of, *more], ref_template=_REF)
    return {"$schema": DIALECT, "title": title, **root, "$defs": components}


def _reference(data: type[CallData]) -> JsonSchema:
    return {"$ref": _REF.format(name=data.__name__)}


def _needs(data: type[CallData]) -> JsonSchema:
    """`data` may be left out where none of its fields is needed."""
    return {"required": ["data"]} if any(field.required for field in fields(data)) else {}
