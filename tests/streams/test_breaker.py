"""A breaker opens for who fails, stays open longer each time, and lets one probe find out."""

from hypothesis import given
from hypothesis import strategies as some

from streams.breaker import ENOUGH, FIRST_OPEN, IN_A_ROW, LONGEST_OPEN, Breaker
from streams.judge import Health


def heard(breaker: Breaker, *healths: Health, at: float = 0.0) -> list[str | None]:
    """Each of a new attempt."""
    return [breaker.heed(health, breaker.era, at) for health in healths]


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker()
    heard(breaker, *["hurts"] * IN_A_ROW, at=at)
    return breaker


def probed(breaker: Breaker, health: Health, at: float) -> str | None:
    breaker.began()
    return breaker.heed(health, breaker.era, at)


def test_five_failures_in_a_row_open_it() -> None:
    assert heard(Breaker(), *["hurts"] * 5) == [None, None, None, None, "opened"]


def test_a_success_in_between_begins_the_row_again() -> None:
    assert set(heard(Breaker(), *["hurts"] * 4, "resets", *["hurts"] * 4)) == {None}


def test_what_says_nothing_of_its_health_does_not_begin_the_row_again() -> None:
    assert heard(Breaker(), *["hurts"] * 4, "keeps", "hurts")[-1] == "opened"


def test_half_of_twenty_within_a_minute_open_it() -> None:
    breaker = Breaker()
    assert set(heard(breaker, *["resets", "hurts"] * 9, "resets")) == {None}
    assert heard(breaker, "hurts") == ["opened"]


def test_less_than_half_never_opens_it() -> None:
    assert set(heard(Breaker(), *["resets", "hurts", "resets"] * 100)) == {None}


def test_failures_of_over_a_minute_ago_are_forgotten() -> None:
    breaker = Breaker()
    heard(breaker, *["hurts", "hurts", "hurts", "resets"] * 4, at=0.0)
    assert breaker.closed
    assert set(heard(breaker, *["resets", "hurts"] * 9, at=65.0)) == {None}


def test_it_is_open_for_15_s_and_twice_as_long_after_each_probe_that_failed() -> None:
    breaker, now, spans = opened(), 0.0, []
    for _ in range(8):
        spans.append(breaker.open_until - now)
        assert breaker.state(breaker.open_until - 0.1) == "open"
        now = breaker.open_until
        assert breaker.state(now) == "half_open"
        assert probed(breaker, "hurts", now) == "opened"
    assert spans == [15, 30, 60, 120, 240, 480, 600, 600]
    assert (spans[0], spans[-1]) == (FIRST_OPEN, LONGEST_OPEN)


def test_a_probe_that_succeeds_closes_it_and_the_next_time_is_the_first_again() -> None:
    breaker = opened()
    probed(breaker, "hurts", 15.0)
    assert probed(breaker, "resets", 45.0) == "closed"
    assert breaker.state(45.0) == "closed"
    heard(breaker, *["hurts"] * 5, at=50.0)
    assert breaker.open_until == 65.0


def test_a_probe_that_was_answered_at_all_closes_it() -> None:
    assert probed(opened(), "keeps", 15.0) == "closed"


def test_a_probe_that_was_not_made_makes_way_for_another() -> None:
    breaker = opened()
    breaker.began()
    assert breaker.probing
    breaker.forgone(breaker.era)
    assert (breaker.probing, breaker.state(15.0)) == (False, "half_open")


def test_what_started_before_it_opened_says_nothing_after() -> None:
    breaker = Breaker()
    before = breaker.era
    heard(breaker, *["hurts"] * 5)
    assert breaker.heed("resets", before, 1.0) is None
    breaker.began()
    assert breaker.heed("hurts", before, 15.0) is None
    breaker.forgone(before)
    assert (breaker.probing, breaker.open_until) == (True, 15.0)
    assert breaker.heed("resets", breaker.era, 16.0) == "closed"
    assert {breaker.heed("hurts", before, 17.0) for _ in range(10)} == {None}


verdicts = some.lists(
    some.tuples(some.sampled_from(["resets", "hurts", "keeps", "disables"]), some.floats(0, 30)), max_size=200
)


@given(verdicts)
def test_it_opens_exactly_when_its_rule_says(script: list[tuple[Health, float]]) -> None:
    """Against the rule written over a plain list of all that was heard."""
    breaker, now, heard_of = Breaker(), 0.0, list[tuple[float, Health]]()
    for health, later in script:
        now += later
        if not breaker.closed:
            now = max(now, breaker.open_until)
            breaker.began()
            changed = breaker.heed(health, breaker.era, now)
            assert changed == ("opened" if health == "hurts" else "closed")
            heard_of = []
            continue
        if health in ("resets", "hurts"):
            heard_of.append((now, health))
        # A minute in pieces of five seconds, the last of them begun.
        recent = [one for at, one in heard_of if at // 5 > now // 5 - 12]
        row = len(heard_of) >= IN_A_ROW and all(one == "hurts" for _, one in heard_of[-IN_A_ROW:])
        mostly = len(recent) >= ENOUGH and recent.count("hurts") * 2 >= len(recent)
        opens = health == "hurts" and (row or mostly)
        assert breaker.heed(health, breaker.era, now) == ("opened" if opens else None)
