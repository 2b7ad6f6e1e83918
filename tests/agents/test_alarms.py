"""The earliest moment first, in bounded memory: what is let go is set again before its time."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.alarms import SPARE, Alarms
from tests.builders import START, second


def test_outdated_places_do_not_pile_up() -> None:
    alarms = Alarms()
    for number in range(20 * SPARE):
        alarms.set(str(number), second(86_400))
        alarms.set(str(number), second(3))
        alarms.set(str(number), None)
    assert len(alarms._heap) <= SPARE + 2


def test_an_alarm_is_wanted_before_it_is_taken() -> None:
    with pytest.raises(IndexError, match="found no alarm"):
        Alarms().take()


def test_the_latest_are_let_go_when_there_are_too_many() -> None:
    alarms = Alarms(most=100)
    for number in range(101):
        alarms.set(str(number), second(number))
    assert (len(alarms), alarms.take()) == (50, (second(0), "0"))


def test_what_is_let_go_is_lacking_once_there_is_room_and_its_time_is_near() -> None:
    alarms = Alarms(most=100)
    for number in range(101):
        alarms.set(str(number), second(number))
    crowded = alarms.lacking(second(99))
    for _ in range(25):
        alarms.take()
    assert (crowded, alarms.lacking(second(49)), alarms.lacking(second(50))) == (False, False, True)


def test_a_moment_beyond_the_horizon_is_forgotten_and_one_before_it_is_kept() -> None:
    alarms = Alarms(most=2)
    for name in "abc":
        alarms.set(name, second(5))
    alarms.set("a", second(9))
    alarms.set("z", second(1))
    assert [alarms.take() for _ in range(len(alarms))] == [(second(1), "z")]


wishes = st.lists(st.tuples(st.sampled_from("abcd"), st.none() | st.integers(0, 9)), max_size=60)


@given(wishes)
def test_alarms_come_out_as_a_sorted_dict_would_give_them(said: list[tuple[str, int | None]]) -> None:
    alarms, expected = Alarms(), dict[str, datetime]()
    for name, due in said:
        at = None if due is None else START + timedelta(seconds=due)
        alarms.set(name, at)
        expected.pop(name, None)
        if at is not None:
            expected[name] = at
    taken = [alarms.take() for _ in range(len(alarms))]
    assert sorted(taken) == sorted((at, name) for name, at in expected.items())
    assert [at for at, _ in taken] == sorted(expected.values())
    assert alarms.next_at is None


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.none() | st.integers(0, 3)), max_size=80))
def test_with_little_room_all_come_out_in_order_when_lacking_ones_are_set_again(
    said: list[tuple[str, int | None]],
) -> None:
    alarms, rows = Alarms(most=4), dict[str, datetime]()
    for name, due in said:
        at = None if due is None else START + timedelta(seconds=due)
        alarms.set(name, at)
        rows.pop(name, None)
        if at is not None:
            rows[name] = at
        assert len(alarms) <= 4
    taken: list[tuple[datetime, str]] = []
    while rows:
        if alarms.lacking(second(9)):
            alarms.fill()
            for name, at in rows.items():
                alarms.set(name, at)
        taken.append(alarms.take())
        del rows[taken[-1][1]]
    assert taken == sorted(taken)
