"""What the demo shows: a board on a terminal, lines elsewhere, and at the end whether all is well."""

from io import StringIO

import pytest
from rich.console import Console

from agents.demo.ledger import balance
from agents.demo.show import Board, Lines, open_show, print_ledger, summary
from agents.demo.witnesses import Witnesses
from tests.agents.demo.test_ledger import LOAD, faultless, request


def console(terminal: bool) -> Console:
    return Console(file=StringIO(), force_terminal=terminal, width=140, height=60)


def printed(seen: Witnesses) -> str:
    screen = console(terminal=False)
    print_ledger(screen, balance(LOAD.stories, seen), LOAD, 30.0)
    return screen.file.getvalue()  # type: ignore[attr-defined]  # a StringIO


@pytest.mark.parametrize(("terminal", "kind"), [(True, Board), (False, Lines)])
def test_a_board_is_for_terminals_only(terminal: bool, kind: type) -> None:
    with open_show(console(terminal), LOAD) as show:
        assert isinstance(show, kind)


def test_the_board_shows_verdicts_requests_and_what_happened_last() -> None:
    screen = console(terminal=True)
    with open_show(screen, LOAD) as show:
        show(faultless(LOAD), 10)
    shown = screen.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert all(word in shown for word in ("PROPER", "NOT_CONNECTED", "send_email", "webhooks", "p50"))
    assert any(story.title in shown for story in LOAD.stories.values())


def test_the_summary_counts_calls_events_and_failures() -> None:
    text = summary(LOAD, faultless(LOAD), 10)
    assert f"10 of {len(LOAD.arrivals)} events" in text
    assert f"{len(LOAD.stories)} of {len(LOAD.stories)} calls" in text
    assert "0 of them failed" in text


def test_clean_accounts_say_so() -> None:
    assert "The ledger is clean" in printed(faultless(LOAD))


def test_a_fault_is_named_and_nothing_is_called_clean() -> None:
    seen = faultless(LOAD)
    missing = request(seen, "update_crm")
    seen.requests.remove(missing)
    assert f"lost: node requests: {missing.call_id} update_crm" in printed(seen)
    assert "THE LEDGER IS NOT CLEAN" in printed(seen)
