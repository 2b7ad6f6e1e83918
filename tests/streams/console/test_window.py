"""The console's window: what records come to, in whatever order topics are read, and never more than so many."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.wire import moment
from streams.console import window as limits
from streams.console.calls import UNDECIDED, Filter, chosen
from streams.console.window import Window
from tests.agents.web.consoles import NOW, letter, line, outcome, window

SETTLED = {
    "type": "call.settled",
    "deliveries": [{"delivery_id": "d-c", "kind": "node", "id": "crm", "result": "done", "attempts": 2}],
}
RECORDS = (
    ("call-outcomes", outcome("c")),
    ("call-outcomes", outcome("c", **SETTLED)),
    ("delivery-log", line("c", "transient", next_at=moment(NOW))),
    ("delivery-log", line("c", attempt=2)),
    ("dead-letters", letter("c")),
)


@given(st.permutations(RECORDS))
def test_a_delivery_that_is_done_stays_done_whatever_is_read_after_it(
    records: list[tuple[str, bytes]],
) -> None:
    (row,) = window(*records).calls.values()
    assert (row.verdict, row.rule, row.deliveries) == ("PROPER", "R1", {"d-c": "done"})


def test_a_call_of_which_only_requests_are_known_is_undecided() -> None:
    (row,) = window(("delivery-log", line("c"))).calls.values()
    assert (row.verdict, row.count("done")) == (UNDECIDED, 1)


def test_an_upgrade_and_a_second_incarnation_are_told_apart() -> None:
    made = window(
        ("call-outcomes", outcome("c", "PREMATURE", "R4")),
        (
            "call-outcomes",
            outcome("c", "PROPER", "R1", type="call.outcome_upgraded", upgraded_from="PREMATURE"),
        ),
        ("call-outcomes", outcome("c", "NOT_CONNECTED", "R10", incarnation=2)),
    )
    assert [one.verdict for one in made.calls.values()] == ["PROPER", "NOT_CONNECTED"]


def test_what_no_postcall_wrote_is_passed_over() -> None:
    made = Window()
    for value in (None, b"", b"[]", b"{}", b'{"call_id": 1}', outcome("c", decided_at="soon"), b"\xff"):
        for topic in ("call-outcomes", "delivery-log", "dead-letters"):
            made.take(topic, value)
    assert all(one.verdict == UNDECIDED for one in made.calls.values())


def test_it_holds_no_more_than_so_many_and_nothing_too_old(monkeypatch: object) -> None:
    made = Window()
    for number in range(limits.MOST_CALLS + 50):
        made.take("call-outcomes", outcome(f"c-{number}"))
    assert (len(made.calls), made.forgotten) == (limits.MOST_CALLS, 50)
    assert ("c-49", 1) not in made.calls
    made.prune(NOW + timedelta(seconds=1))
    assert not made.calls


def test_filters_are_joined_by_and() -> None:
    made = window(
        ("call-outcomes", outcome("a")), ("call-outcomes", outcome("b", rule="R3", agent_id="other"))
    )
    calls = list(made.calls.values())
    assert [one.call_id for one in chosen(calls, Filter(verdict="PROPER"))] == ["a", "b"]
    assert [one.call_id for one in chosen(calls, Filter(verdict="PROPER", agent="other", rule="R3"))] == ["b"]
    assert chosen(calls, Filter(since=NOW + timedelta(seconds=1))) == []
