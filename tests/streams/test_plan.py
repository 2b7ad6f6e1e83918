"""A node goes when every parent is final and every arrow holds; what does not go says why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.calls import Conversation
from schemas.delivery import FINAL, State
from schemas.workflow import Edge
from streams.plan import Go, Hold, Skip, gate, planned
from tests.builders import START
from tests.streams.tales import CHAIN, flow

ONS = ("success", "failure", "always")
edges = st.lists(st.sampled_from(ONS), min_size=1, max_size=4)
states = st.lists(st.sampled_from(list(State)), min_size=4, max_size=4)


@pytest.mark.parametrize(
    ("on", "parent", "expected"),
    [
        ("success", State.DONE, Go()),
        ("success", State.DEAD, Skip("upstream_failed")),
        ("success", State.SKIPPED, Skip("upstream_skipped")),
        ("failure", State.DONE, Skip("not_needed")),
        ("failure", State.DEAD, Go()),
        ("failure", State.SKIPPED, Skip("upstream_skipped")),
        ("always", State.DONE, Go()),
        ("always", State.DEAD, Go()),
        ("always", State.SKIPPED, Go()),
        ("always", State.PARKED, Hold()),
    ],
)
def test_one_arrow_holds_as_its_word_says(on: str, parent: State, expected: object) -> None:
    assert gate((Edge("a", "b", on),), {"a": parent}) == expected  # type: ignore[arg-type]  # one of ONS


@given(edges, states)
def test_a_join_waits_for_the_last_of_its_parents(ons: list[str], stand: list[State]) -> None:
    arrows = tuple(Edge(str(number), "x", on) for number, on in enumerate(ons))  # type: ignore[arg-type]  # the same
    at = {str(number): state for number, state in enumerate(stand)}
    open_parent = any(at[arrow.source] not in FINAL for arrow in arrows)
    assert isinstance(gate(arrows, at), Hold) == open_parent


@given(edges, states)
def test_a_join_goes_exactly_when_each_arrow_alone_would_let_it(ons: list[str], stand: list[State]) -> None:
    arrows = tuple(Edge(str(number), "x", on) for number, on in enumerate(ons))  # type: ignore[arg-type]  # the same
    at = {str(number): state for number, state in enumerate(stand)}
    alone = [isinstance(gate((arrow,), at), Go) for arrow in arrows]
    assert isinstance(gate(arrows, at), Go) == all(alone)


def test_a_failure_is_told_before_a_skip_and_a_skip_before_what_was_not_needed() -> None:
    arrows = (Edge("a", "x", "failure"), Edge("b", "x"), Edge("c", "x"))
    assert gate(arrows, {"a": State.DONE, "b": State.SKIPPED, "c": State.DEAD}) == Skip("upstream_failed")
    assert gate(arrows, {"a": State.DONE, "b": State.SKIPPED, "c": State.DONE}) == Skip("upstream_skipped")


def test_a_parent_that_was_not_planned_does_not_count() -> None:
    assert gate((Edge("a", "x"), Edge("other", "x")), {"a": State.DONE}) == Go()


def test_a_plan_has_parents_before_children_all_waiting() -> None:
    deliveries = planned("c1", Conversation(1, START), CHAIN, "resolved", START)
    assert [one.id for one in deliveries] == ["crm", "mail", "alarm", "log"]
    assert {one.state for one in deliveries} == {State.WAITING}
    assert {one.id: one.after for one in deliveries} == {
        "crm": (),
        "mail": ("crm",),
        "alarm": ("crm",),
        "log": ("mail",),
    }


def test_nothing_is_planned_for_an_end_call_node_without_nodes() -> None:
    bare = flow((), "")
    assert planned("c1", Conversation(1, START), bare, "sorry", START) == []
