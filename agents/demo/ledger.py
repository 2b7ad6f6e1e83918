"""The demo's accounts: what had to come of every call, against what the endpoints and the topics show.

What had to come was written down before the engine saw a single event (agents/demo/stories.py); what came
was written down by others than the engine. Nothing here asks the engine whether it did well.

It stands beside the product's ledger (`agents/ledger`, asked by agents/demo/judging.py) because it knows what that
one has to work out: the ledger reads from the events how each call ended, here it was decided before they were
drawn. Where the two disagree, one of them is wrong; and `play` needs to know while it runs when all has come.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from statistics import quantiles
from typing import Any

from agents.demo.stories import Story
from agents.demo.witnesses import Seen, Witnesses

Delivery = tuple[str, str]
"""A call's id and the name of a node or webhook."""


@dataclass(frozen=True, slots=True)
class Account:
    """One kind of thing: how many had to come, how many came, and which are wrong."""

    expected: int
    received: int
    lost: tuple[str, ...] = ()
    """Expected, and never came."""
    phantom: tuple[str, ...] = ()
    """Came, and should not have."""
    repeated: tuple[str, ...] = ()
    """Came again after it had succeeded."""

    @property
    def clean(self) -> bool:
        """Whether everything came, once, and nothing else."""
        return self.expected == self.received and not (self.lost or self.phantom or self.repeated)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The whole comparison."""

    calls: Account
    verdicts: dict[str, Account]
    """By verdict; a call with a wrong one is lost in one and a phantom in another."""
    nodes: Account
    webhooks: Account
    chains: Account
    """Chains of nodes; one whose second request was made before the first succeeded is a phantom."""
    attempts: int
    """Requests that were made for all of it, those that failed and were made again included."""
    latency: tuple[float, float] | None
    """Seconds from a verdict to the first byte of its call.ended: the median, and the 99th percentile."""

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, made up or repeated, and every chain was in order."""
        accounts = (self.calls, *self.verdicts.values(), self.nodes, self.webhooks, self.chains)
        return all(account.clean for account in accounts)

    def as_value(self) -> dict[str, Any]:
        """What `postcall demo --json` prints."""
        return {"clean": self.clean, **asdict(self)}


def balance(stories: Mapping[str, Story], seen: Witnesses) -> Ledger:
    """The ledger of these calls."""
    verdicts = {
        each["call_id"]: _conclusion(each) for each in seen.outcomes if each["type"] != "call.settled"
    }
    return Ledger(
        calls=_compared(Counter(list(stories)), Counter(list(verdicts))),
        verdicts=_by_verdict(stories, verdicts),
        nodes=_deliveries("node", stories, seen.requests),
        webhooks=_deliveries("webhook", stories, seen.requests),
        chains=_chains(stories, seen.requests),
        attempts=len(seen.requests),
        latency=latency(seen),
    )


def _conclusion(outcome: Mapping[str, Any]) -> tuple[str, str | None]:
    return outcome["verdict"], outcome["end_node_id"]


def _by_verdict(
    stories: Mapping[str, Story], verdicts: Mapping[str, tuple[str, str | None]]
) -> dict[str, Account]:
    expected = {call_id: (story.verdict.value, story.end_node_id) for call_id, story in stories.items()}
    names = sorted({verdict for verdict, _ in (*expected.values(), *verdicts.values())})
    return {name: _compared(_concluded(name, expected), _concluded(name, verdicts)) for name in names}


def _concluded(name: str, verdicts: Mapping[str, tuple[str, str | None]]) -> Counter[str]:
    return Counter(f"{call_id} at {end}" for call_id, (verdict, end) in verdicts.items() if verdict == name)


def _deliveries(kind: str, stories: Mapping[str, Story], requests: Iterable[Seen]) -> Account:
    of_kind = [each for each in requests if each.kind == kind]
    expected = Counter(
        f"{call_id} {name}"
        for call_id, story in stories.items()
        for name in (story.nodes if kind == "node" else story.hooks)
    )
    keys = {each.key: f"{each.call_id} {each.name}" for each in of_kind}
    taken = Counter(each.key for each in of_kind if each.succeeded)
    came = Counter(keys[key] for key in taken)
    tried = Counter(keys.values())
    return Account(
        expected=expected.total(),
        received=came.total(),
        lost=_names(expected - came),
        phantom=_names(tried - expected),
        repeated=_names(Counter(keys[key] for key, times in taken.items() if times > 1)),
    )


def _compared(expected: Counter[str], came: Counter[str]) -> Account:
    return Account(expected.total(), came.total(), _names(expected - came), _names(came - expected))


def _names(counted: Counter[str]) -> tuple[str, ...]:
    return tuple(sorted(counted))


def _chains(stories: Mapping[str, Story], requests: Iterable[Seen]) -> Account:
    """The e-mail comes after the CRM has answered well: its first try is not before that."""
    expected = Counter(call_id for call_id, story in stories.items() if "send_email" in story.nodes)
    updated: dict[str, float] = {}
    mailed: dict[str, float] = {}
    for each in requests:
        if each.name == "update_crm" and each.succeeded:
            updated.setdefault(each.call_id, each.answer_at)
        if each.name == "send_email":
            mailed.setdefault(each.call_id, each.at)
    early = tuple(sorted(call for call, at in mailed.items() if call not in updated or at < updated[call]))
    came = Counter(call for call in mailed if call not in early)
    return Account(expected.total(), came.total(), _names(expected - came), early)


def latency(seen: Witnesses) -> tuple[float, float] | None:
    """Seconds from a verdict to the first byte of its call.ended: median and 99th percentile."""
    decided = {each["call_id"]: _seconds(each) for each in seen.outcomes if each["type"] == "call.outcome"}
    first: dict[str, float] = {}
    for each in seen.requests:
        if each.name == "call.ended":
            first.setdefault(each.call_id, each.at)
    spans = [at - decided[call_id] for call_id, at in first.items() if call_id in decided]
    if len(spans) < 2:
        return None
    hundredths = quantiles(spans, n=100, method="inclusive")
    return hundredths[49], hundredths[98]


def _seconds(outcome: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(outcome["decided_at"]).timestamp()
