"""Which verdicts a call may have come to depends on what had arrived before, to the record."""

import json
from typing import Any

from agents.ledger.arrivals import Course, course_of
from agents.ledger.reading import Given
from agents.ledger.rules import Rules
from agents.ledger.told import Told, read
from agents.ledger.witnesses import Record

END = ("call.ended", {"reason": "end_node", "end_node_id": "done"})
AT_NODE = ("node.entered", {"node_id": "done", "node_type": "end_call"})


def course(*told: tuple[float, str, dict[str, Any]]) -> Course:
    workflow = {"id": "w", "version": 1, "nodes": [{"id": "done", "type": "end_call"}]}
    return course_of([event(seq, *each) for seq, each in enumerate(told)], Given(workflow), Rules())


def event(seq: int, at: float, kind: str, data: dict[str, Any]) -> Told:
    said = {"id": f"e{seq}", "type": kind, "call_id": "c", "agent_id": "a", "seq": seq, "source": "s"}
    return read(Record("call-events", 0, seq, at, b"c", json.dumps(said | {"data": data}).encode()), at)


def test_an_end_that_names_its_node_does_not_wait_for_what_is_behind_it_in_the_same_millisecond() -> None:
    after = course((1000.0, *END), (1000.0, *AT_NODE))
    assert [each.rule for each in after.possible] == ["R2", "R1"]


def test_what_is_before_such_an_end_in_the_same_millisecond_was_known() -> None:
    before = course((1000.0, *AT_NODE), (1000.0, *END))
    assert [each.rule for each in before.possible] == ["R1"]
