"""Calls are told of in their order, on one core as on many; a process that ends early is no silence."""

import os

import pytest

from agents.cli import simulated_shares
from agents.cli.simulated_shares import CALLS_A_SHARE, FEWEST_CALLS, told

CALLS = FEWEST_CALLS + 5


def in_words(calls: range) -> bytes:
    """A share that says which calls it is about."""
    return b"".join(b"%d," % call for call in calls)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_order_does_not_depend_on_the_processes(monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    monkeypatch.setattr(simulated_shares, "processes_for", lambda _: processes)
    assert b"".join(told(CALLS, in_words)) == in_words(range(CALLS))


def test_shares_are_played_in_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_shares, "processes_for", lambda _: 2)
    players = set(told(CALLS, lambda _: b"%d" % os.getpid()))
    assert len(players) == 2
    assert b"%d" % os.getpid() not in players


def test_few_calls_are_played_here() -> None:
    assert set(told(FEWEST_CALLS - 1, lambda _: b"%d" % os.getpid())) == {b"%d" % os.getpid()}


def test_a_process_that_ends_early_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_shares, "processes_for", lambda _: 2)
    with pytest.raises(EOFError):
        list(told(CALLS, lambda calls: os._exit(1) if CALLS_A_SHARE in calls else b""))
