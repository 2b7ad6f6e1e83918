"""What `postcall replay` says of what it asked for, to people and to scripts."""

import json
from typing import Any

import pytest

from agents.cli.replay import tell_of
from agents.replaying import Plan
from schemas.messages import Replay
from streams.letters import Fate, Letter
from tests.builders import START


def plan(*fates: Fate, asked: tuple[Replay, ...] = ()) -> Plan:
    letters = ((Letter("gone", START, {}, "c-1", "bot", f"d{at}"), each) for at, each in enumerate(fates))
    return Plan(tuple(letters), asked)


def said(of: Plan, capsys: pytest.CaptureFixture[str], dry_run: bool = False) -> str:
    tell_of(of, dry_run, as_json=False)
    return capsys.readouterr().err


def value(of: Plan, capsys: pytest.CaptureFixture[str], dry_run: bool = False) -> dict[str, Any]:
    tell_of(of, dry_run, as_json=True)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {name: found[name] for name in ("asked", "calls", "whole_call")}


def test_a_call_without_a_letter_is_said_to_have_none_and_to_be_asked_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    unknown = plan(asked=(Replay("c-1"),))
    words = said(unknown, capsys)
    assert "found no letter of c-1; asked its worker all the same" in words
    assert "nothing_to_replay" in words
    assert value(unknown, capsys) == {"asked": 0, "calls": 1, "whole_call": "c-1"}


def test_a_whole_call_counts_the_letters_that_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    whole = plan("replay", "done", asked=(Replay("c-1"),))
    words = said(whole, capsys)
    assert "asked for all that c-1 has, 1 of 2 letters among it" in words
    assert "leaves alone what was erased" in words
    assert value(whole, capsys) == {"asked": 1, "calls": 1, "whole_call": "c-1"}


def test_where_nothing_was_asked_nothing_else_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    words = said(plan("forgotten"), capsys)
    assert words == "postcall: asked for 0 of 1\n"
    assert value(plan("forgotten"), capsys) == {"asked": 0, "calls": 0, "whole_call": None}


def test_a_dry_run_asks_for_nothing_and_says_what_it_would(capsys: pytest.CaptureFixture[str]) -> None:
    whole = plan("replay", asked=(Replay("c-1"),))
    assert "would ask for all that c-1 has" in said(whole, capsys, dry_run=True)
    assert value(whole, capsys, dry_run=True) == {"asked": 0, "calls": 0, "whole_call": "c-1"}
