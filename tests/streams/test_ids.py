"""The same delivery has the same id for ever, and no two deliveries share one."""

from hypothesis import given
from hypothesis import strategies as st

from streams import ids

WORDS = st.text(max_size=6)


@given(WORDS, st.integers(1, 30), WORDS)
def test_an_id_is_safe_in_a_url_and_in_what_is_signed(call_id: str, number: int, node_id: str) -> None:
    made = ids.of_node(call_id, number, node_id)
    assert made.isascii()
    assert made.isalnum()
    assert made == ids.of_node(call_id, number, node_id)


@given(st.tuples(WORDS, st.integers(1, 30), WORDS), st.tuples(WORDS, st.integers(1, 30), WORDS))
def test_two_nodes_or_calls_never_share_an_id(one: tuple[str, int, str], other: tuple[str, int, str]) -> None:
    assert (ids.of_node(*one) == ids.of_node(*other)) is (one == other)


def test_an_incarnation_is_not_a_call_of_that_name() -> None:
    assert ids.of_node("a", 2, "n") != ids.of_node("a#2", 1, "n")


def test_every_part_of_a_webhooks_key_makes_another_id() -> None:
    made = {
        ids.of_event("c", 1, "s", "e", "a", "t"),
        ids.of_event("c", 1, "s2", "e", "a", "t"),
        ids.of_event("c", 1, "s", "e2", "a", "t"),
        ids.of_event("c", 1, "s", "e", "a2", "t"),
        ids.of_event("c", 1, "s", "e", "a", "t2"),
        ids.of_outcome("c", 1, "call.ended", 1, "a"),
        ids.of_outcome("c", 1, "call.ended", 2, "a"),
        ids.of_outcome("c", 1, "call.settled", 1, "a"),
        ids.of_outcome("c", 1, "call.ended", 1, "a2"),
    }
    assert len(made) == 9
