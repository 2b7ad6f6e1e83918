"""Which dead letters a selection means, and what a replay makes of each."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as some

from schemas.messages import Replay
from schemas.wire import moment
from streams.letters import Fate, Letter, Selection, fate, latest, messages, messages_for, read, selects
from tests.builders import START, second


def said(**more: Any) -> dict[str, Any]:
    return {
        "reason": "exhausted",
        "call_id": "c-1",
        "agent_id": "bot",
        "delivery_id": "abc",
        "kind": "node",
        "id": "crm",
        "endpoint": "https://crm.example.com:443",
        "attempts": [],
        "at": moment(second(60)),
    } | more


def letter(**more: Any) -> Letter:
    found = read(orjson.dumps(said(**more)))
    assert found is not None
    return found


def test_a_letter_keeps_all_that_its_record_says() -> None:
    assert (letter(new=1).said["new"], letter().at) == (1, second(60))


def test_a_letter_without_a_delivery_is_of_an_event() -> None:
    value = {"reason": "unreadable", "source": {}, "attempts": [], "at": moment(START)}
    assert read(orjson.dumps(value)) == Letter("unreadable", START, value)


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"1", b"{}", b'{"reason":1,"at":"now"}'])
def test_what_no_postcall_wrote_is_no_letter(value: bytes) -> None:
    assert read(value) is None


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(call="c-1"),
        Selection(node="crm"),
        Selection(endpoint="https://crm.example.com"),
        Selection(endpoint="https://crm.example.com:443"),
        Selection(endpoint="bot/crm"),
        Selection(endpoint="endpoint/bot/crm"),
        Selection(reason="exhausted", since=second(60), until=second(61)),
    ],
)
def test_a_letter_is_selected_by_each_thing_that_it_is(selection: Selection) -> None:
    assert selects(selection, letter())


@pytest.mark.parametrize(
    "selection",
    [
        Selection(call="c-2"),
        Selection(node="mail"),
        Selection(webhook="crm"),
        Selection(endpoint="http://crm.example.com"),
        Selection(endpoint="other/crm"),
        Selection(reason="gone"),
        Selection(since=second(61)),
        Selection(until=second(60)),
        Selection(call="c-1", reason="gone"),
    ],
)
def test_a_letter_is_not_selected_by_what_it_is_not(selection: Selection) -> None:
    assert not selects(selection, letter())


def test_only_a_selection_that_says_nothing_but_the_call_is_the_whole_call() -> None:
    assert Selection(call="c-1").whole_call
    assert not Selection(call="c-1", node="crm").whole_call
    assert (Selection().empty, Selection().whole_call) == (True, False)


def test_the_last_letter_of_a_delivery_counts() -> None:
    twice = [letter(at=moment(second(9)), reason="gone"), letter(at=moment(second(3)))]
    unread = Letter("unreadable", second(5), {})
    assert [one.reason for one in latest([*twice, unread, unread])] == ["unreadable", "unreadable", "gone"]


def test_what_was_done_or_forgotten_or_never_read_is_not_replayed() -> None:
    since = second(30)
    assert fate(letter(), (), since) == "replay"
    assert fate(letter(), {"abc"}, since) == "done"
    assert fate(letter(at=moment(second(29))), (), since) == "forgotten"
    assert fate(Letter("unreadable", second(60), {}), (), since) == "unreadable"


@given(
    some.lists(some.tuples(some.sampled_from("abc"), some.uuids()), unique_by=lambda one: one[1]),
    some.integers(1, 5),
)
def test_every_delivery_is_asked_for_once_and_never_too_many_at_a_time(
    named: list[tuple[str, Any]], most: int
) -> None:
    found = [letter(call_id=call_id, delivery_id=str(name)) for call_id, name in named]
    asked = list(messages(found, most))
    pairs = [(one.call_id, delivery) for one in asked for delivery in one.deliveries]
    assert sorted(pairs) == sorted((call_id, str(name)) for call_id, name in named)
    assert all(0 < len(one.deliveries) <= most for one in asked)


@pytest.mark.parametrize(
    ("fates", "asked"),
    [
        ((), [Replay("c-1")]),
        (("replay", "done"), [Replay("c-1")]),
        (("done",), [Replay("c-1")]),
        (("forgotten", "replay", "done"), [Replay("c-1", ("1",))]),
        (("forgotten", "forgotten"), []),
        (("forgotten", "done"), []),
    ],
)
def test_a_whole_call_is_asked_for_all_that_it_has_but_never_for_what_is_forgotten(
    fates: tuple[Fate, ...], asked: list[Replay]
) -> None:
    found = [(letter(delivery_id=str(number)), becomes) for number, becomes in enumerate(fates)]
    assert list(messages_for("c-1", found, 10)) == asked
