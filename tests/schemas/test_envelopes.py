"""An event comes to the same whether its envelope is read in one pass or field by field."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.encodings.envelopes import Envelope, Usual
from schemas.encodings.reading import Unreadable, read
from schemas.events import Event

RECORDED = datetime(2026, 3, 1, 12, tzinfo=UTC)
KNOWN = [name for name in Envelope.__struct_fields__ if name not in ("call_id", "type")]
TIMES = st.sampled_from(
    [
        "2026-03-01T13:00:01.250+01:00",
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00",
        "1970-01-01T00:00:00Z",
        "x",
    ]
)
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2**70), st.floats(), st.text(), TIMES, st.just("x" * 300)
) | st.dictionaries(st.text(), st.integers() | st.text(), max_size=2)
FIELDS = st.fixed_dictionaries(
    {"call_id": st.text() | st.just("c1"), "type": st.just("call.answered") | VALUES},
    optional=dict.fromkeys(KNOWN, VALUES),
)


def outcome(fields: dict[str, Any]) -> Event | str:
    """The event of these fields, or why there is none."""
    try:
        return read(json.dumps(fields).encode(), (), RECORDED, None)
    except Unreadable as why:
        return str(why)


@given(FIELDS)
def test_both_ways_of_reading_come_to_the_same(fields: dict[str, Any]) -> None:
    usual, unusual = outcome(fields), outcome({**fields, "unknown": 1})
    if isinstance(unusual, Event):
        assert unusual.extra == {"unknown": 1}
        assert isinstance(usual, Event)
        assert repr(usual) == repr(unusual).replace("extra={'unknown': 1}", "extra={}")
    else:
        assert usual == unusual


def test_an_ordinary_event_is_a_usual_one() -> None:
    said = {"call_id": "c1", "type": "call.answered", "agent_id": "a", "seq": 1, "data": {"a": [1]}}
    envelope = Usual(Envelope).read(json.dumps(said).encode())
    assert envelope is not None
    assert (envelope.call_id, envelope.seq, envelope.data) == ("c1", 1, {"a": [1]})


def test_what_nobody_knows_makes_an_envelope_unusual() -> None:
    assert Usual(Envelope).read(b'{"call_id": "c1", "type": "call.answered", "mood": "fine"}') is None
