"""What the demo shows while it runs: a board on a terminal, else a line now and then; and at the end, the ledger."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agents.demo.calls import Load
from agents.demo.ledger import Account, Ledger, latency
from agents.demo.witnesses import Seen, Witnesses

_LAST_LINES: Final = 8
_LINE_SECONDS: Final = 5.0


class Show(Protocol):
    """Is told what was seen so far, and how many events were sent."""

    def __call__(self, seen: Witnesses, sent: int) -> None:
        """Show it, if it is time to."""


@contextmanager
def open_show(console: Console, load: Load) -> Iterator[Show]:
    """A board where somebody looks at a terminal, else lines."""
    if not console.is_terminal:
        yield Lines(console, load)
        return
    with Live(console=console, refresh_per_second=5, transient=False) as live:
        yield Board(live, load)


class Lines:
    """A line every few seconds."""

    def __init__(self, console: Console, load: Load) -> None:
        self._console, self._load = console, load
        self._told_at = time.monotonic()

    def __call__(self, seen: Witnesses, sent: int) -> None:
        """Print the line when it is time."""
        if time.monotonic() - self._told_at >= _LINE_SECONDS:
            self._told_at = time.monotonic()
            self._console.print(
                summary(self._load, seen, sent), markup=False, highlight=False, soft_wrap=True
            )


class Board:
    """Calls by verdict, requests by result, the latency, and what happened last."""

    def __init__(self, live: Live, load: Load) -> None:
        self._live, self._load = live, load
        self._drawn_at = 0.0

    def __call__(self, seen: Witnesses, sent: int) -> None:
        """Draw the board anew, five times a second."""
        if time.monotonic() - self._drawn_at >= 0.2:
            self._drawn_at = time.monotonic()
            self._live.update(self._board(seen, sent))

    def _board(self, seen: Witnesses, sent: int) -> Group:
        tables = Columns([_verdicts(seen), _requests(seen)], padding=(0, 6))
        happened = Text(
            "\n".join(_last_lines(self._load, seen)), style="dim", no_wrap=True, overflow="ellipsis"
        )
        return Group(Text(summary(self._load, seen, sent), style="bold"), "", tables, "", happened)


def summary(load: Load, seen: Witnesses, sent: int) -> str:
    """Where the demo is, in one line."""
    decided = len({each["call_id"] for each in seen.outcomes})
    again = sum(not each.succeeded for each in seen.requests)
    parts = (
        f"{sent} of {len(load.arrivals)} events sent",
        f"{decided} of {len(load.stories)} calls decided",
        f"{len(seen.requests)} requests, {again} of them failed",
        _latency(latency(seen)),
    )
    return " · ".join(parts)


def _verdicts(seen: Witnesses) -> Table:
    table = Table("verdict", "rule", "calls", title="calls", title_justify="left", box=None, pad_edge=False)
    counted = Counter((each["verdict"], each["rule"]) for each in seen.outcomes if _decided(each))
    for (verdict, rule), count in sorted(counted.items(), reverse=True):
        table.add_row(Text(verdict, _COLOURS[verdict]), rule, str(count))
    return table


_COLOURS: Final = {"PROPER": "green", "PREMATURE": "yellow", "TRANSFERRED": "cyan", "NOT_CONNECTED": "dim"}


def _requests(seen: Witnesses) -> Table:
    table = Table("to", "taken", "failed", title="requests", title_justify="left", box=None, pad_edge=False)
    taken = Counter(_endpoint(each) for each in seen.requests if each.succeeded)
    failed = Counter(_endpoint(each) for each in seen.requests if not each.succeeded)
    for endpoint in sorted(taken | failed):
        bad = failed[endpoint]
        table.add_row(endpoint, str(taken[endpoint]), Text(str(bad), "red") if bad else "")
    return table


def _endpoint(each: Seen) -> str:
    return each.name if each.kind == "node" else "webhooks"


def _last_lines(load: Load, seen: Witnesses) -> list[str]:
    decided = [each for each in seen.outcomes if _decided(each)][-_LAST_LINES:]
    verdicts = [_verdict_line(load, each) for each in decided]
    requests = [f"{each.call_id}  {each.name} answered {each.answer}" for each in seen.requests[-3:]]
    failures = [each for each in seen.requests if not each.succeeded][-2:]
    tried = [f"{each.call_id}  {each.name} answered {each.answer}: it is tried again" for each in failures]
    return [*verdicts, *requests, *tried]


def _decided(outcome: dict[str, Any]) -> bool:
    return bool(outcome["type"] != "call.settled")


def _verdict_line(load: Load, outcome: dict[str, Any]) -> str:
    title = load.stories[outcome["call_id"]].title
    at = f" at {outcome['end_node_id']}" if outcome["end_node_id"] else ""
    return f"{outcome['call_id']}  {title}: {outcome['verdict']}{at} ({outcome['rule']})"


def print_ledger(console: Console, ledger: Ledger, load: Load, seconds: float) -> None:
    """The accounts, and in words whether they are clean."""
    table = Table("", "expected", "came", "lost", "phantom", "repeated", box=None, pad_edge=False)
    for name, account in _accounts(ledger):
        wrong = (account.lost, account.phantom, account.repeated)
        table.add_row(name, str(account.expected), str(account.received), *(str(len(each)) for each in wrong))
    console.print("", table, "")
    for name, account in _accounts(ledger):
        for what in ("lost", "phantom", "repeated"):
            for each in getattr(account, what)[:5]:
                console.print(f"{what}: {name}: {each}", markup=False, highlight=False)
    again = ledger.attempts - ledger.nodes.received - ledger.webhooks.received
    console.print(
        f"{len(load.arrivals)} events, {load.doubled} of them told twice, all out of order (seed {load.seed}); "
        f"{ledger.attempts} requests, {again} of them made again after a failure; {seconds:.0f} s",
        f"{_latency(ledger.latency)} from a verdict to the first byte of its call.ended",
        "The ledger is clean: nothing lost, nothing made up, nothing repeated, every chain in order."
        if ledger.clean
        else "THE LEDGER IS NOT CLEAN.",
        sep="\n",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _accounts(ledger: Ledger) -> Iterator[tuple[str, Account]]:
    yield "calls", ledger.calls
    for verdict, account in ledger.verdicts.items():
        yield f"  {verdict}", account
    yield "node requests", ledger.nodes
    yield "webhooks", ledger.webhooks
    yield "chains", ledger.chains


def _latency(spans: tuple[float, float] | None) -> str:
    if spans is None:
        return "no latency yet"
    median, most = spans
    return f"p50 {median * 1000:.0f} ms, p99 {most * 1000:.0f} ms"
