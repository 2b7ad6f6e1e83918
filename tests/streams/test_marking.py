"""What all workers are told of an endpoint, and when it is given up."""

from datetime import timedelta

import pytest

from schemas.endpoints import Mark
from streams.marking import GIVEN_UP_AFTER, ended, failing
from tests.builders import START

FAILING = Mark(failing_since=START)
DISABLED = Mark(disabled=True, failing_since=START, why="410")


def test_an_endpoint_whose_breaker_opens_is_marked_as_failing_since_then() -> None:
    assert failing(None, START) == FAILING


def test_the_first_failure_counts_and_not_the_last() -> None:
    assert failing(FAILING, START + timedelta(hours=119)) is None


def test_after_120_hours_without_a_success_an_endpoint_is_disabled_and_its_mark_says_why() -> None:
    assert timedelta(hours=120) == GIVEN_UP_AFTER
    assert failing(FAILING, START + GIVEN_UP_AFTER) == Mark(
        disabled=True, failing_since=START, why="no success for 120 hours"
    )


def test_what_is_disabled_stays_so_as_it_is() -> None:
    assert failing(DISABLED, START + timedelta(days=365)) is None


@pytest.mark.parametrize(("mark", "ends"), [(None, False), (FAILING, True), (DISABLED, False)])
def test_a_success_ends_a_failure_and_nothing_else(mark: Mark | None, ends: bool) -> None:
    assert ended(mark) is ends
