"""Whatever stands in an envelope is an event or Unreadable, never anything else: one poison record that
broke the reader would break the worker again at every start."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.encodings import reading as encodings
from schemas.encodings.reading import Unreadable
from schemas.events import Event

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

FIELDS = [
    "id",
    "type",
    "call_id",
    "occurred_at",
    "agent_id",
    "source",
    "seq",
    "workflow_id",
    "workflow_version",
    "direction",
    "channel",
    "is_test",
    "attempt",
    "session_id",
    "traceparent",
    "data",
    "specversion",
    "subject",
    "time",
    "agentid",
    "workflowid",
    "workflowversion",
    "sessionid",
    "istest",
    "datacontenttype",
    "data_base64",
    "dataschema",
    "_arrived_at",
    "extra",
    "other",
]

MOMENTS = st.sampled_from(
    ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00", "2026-01-01T00:00:60Z", "2026-01-01", ""]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | MOMENTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=5,
)
HEADERS = st.sampled_from(
    [
        (),
        (("content-type", b"application/cloudevents+json"),),
        (("ce_type", b"call.ended"), ("ce_id", b"1"), ("ce_subject", b"c-1"), ("ce_istest", b"\xff")),
    ]
)


@settings(max_examples=600)
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8), HEADERS)
def test_any_value_in_any_field_is_an_event_or_unreadable(
    fields: dict[str, Any], headers: tuple[tuple[str, bytes], ...]
) -> None:
    said = {"type": "call.ended", "call_id": "c-1", "specversion": "1.0", **fields}

    with suppress(Unreadable):
        assert isinstance(encodings.read(orjson.dumps(said), headers, NOW, b"c-1"), Event)


@settings(max_examples=600)
@given(st.binary(max_size=200), HEADERS)
def test_any_bytes_are_an_event_or_refused_with_what_was_found(
    value: bytes, headers: tuple[tuple[str, bytes], ...]
) -> None:
    try:
        event = encodings.read(value, headers, NOW, None)
    except Unreadable as why:
        event, refused = None, str(why)
    assert event.call_id if event else refused.startswith("found ")
