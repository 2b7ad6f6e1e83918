"""Tell the calls to Kafka at their pace, and watch what comes of them until all of it has come."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from typing import Final

from confluent_kafka import Producer

from agents.cli.exits import CommandRefused
from agents.demo.calls import Arrival, Load
from agents.demo.ledger import Ledger, balance
from agents.demo.stage import CALL_EVENTS, CALL_OUTCOMES, PARTITIONS, Stage, last_lines
from agents.demo.witnesses import OutcomesTopic, RequestsFile, Witnesses

QUIET_SECONDS: Final = 2.5
"""How long nothing more may come, after everything came, before the accounts are closed."""

_LOOK_SECONDS: Final = 0.02
_BALANCE_SECONDS: Final = 1.0

Watching = Callable[[Witnesses, int], None]
"""Is told what was seen so far, and how many events were sent."""


def play(stage: Stage, load: Load, until: float, watching: Watching) -> Ledger:
    """Play a load and return its ledger: when all has come and nothing more does, or at `until`.

    `until` is on the monotonic clock. Raises CommandRefused when the worker ends by itself.
    """
    seen = Witnesses()
    requests = RequestsFile(stage.witness_file)
    outcomes = OutcomesTopic(stage.bootstrap, CALL_OUTCOMES, PARTITIONS)
    with closing(requests), closing(outcomes):
        sender, closed = _Sender(stage.bootstrap, load), _Closing()
        decided: set[str] = set()
        while time.monotonic() < until:
            sender.turn(decided.__contains__)
            before = len(seen.requests) + len(seen.outcomes)
            seen.requests.extend(requests.read())
            seen.outcomes.extend(outcomes.read())
            decided.update(each["call_id"] for each in seen.outcomes)
            watching(seen, sender.sent)
            if sender.finished and closed.after(load, seen, before):
                break
            if stage.worker.poll() is not None:
                raise CommandRefused("the worker ended by itself:", *last_lines(stage.worker_log))
            time.sleep(_LOOK_SECONDS)
    return balance(load.stories, seen)


class _Closing:
    """Knows when the accounts can be closed: all has come, and for a while nothing more did."""

    def __init__(self) -> None:
        self._grown_at = self._balanced_at = time.monotonic()
        self._complete = False

    def after(self, load: Load, seen: Witnesses, before: int) -> bool:
        now = time.monotonic()
        if len(seen.requests) + len(seen.outcomes) > before:
            self._grown_at = now
        if not self._complete and now - self._balanced_at > _BALANCE_SECONDS:
            self._balanced_at = now
            self._complete = _all_came(balance(load.stories, seen))
        return self._complete and now - self._grown_at > QUIET_SECONDS


def _all_came(ledger: Ledger) -> bool:
    accounts = (ledger.calls, *ledger.verdicts.values(), ledger.nodes, ledger.webhooks, ledger.chains)
    return not any(account.lost for account in accounts)


class _Sender:
    """Sends what is due at each turn."""

    def __init__(self, bootstrap: str, load: Load) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                # What Kafka's own clients do; librdkafka's default would put a call on another partition.
                "partitioner": "murmur2_random",
                "log_level": 2,
            }
        )
        self._began = time.monotonic()
        self._waiting = deque(load.arrivals)
        self._held: list[Arrival] = []
        self.sent = 0

    @property
    def finished(self) -> bool:
        """Whether everything was sent."""
        return not self._waiting and not self._held

    def turn(self, decided: Callable[[str], bool]) -> None:
        """Send what is due; `decided` says of which calls the verdict is known."""
        while self._waiting and time.monotonic() >= self._began + self._waiting[0].at:
            self._held.append(self._waiting.popleft())
        held, self._held = self._held, []
        for arrival in held:
            if arrival.after_verdict and not decided(arrival.call_id):
                self._held.append(arrival)
            else:
                self._producer.produce(CALL_EVENTS, arrival.value, arrival.call_id.encode())
                self.sent += 1
        self._producer.poll(0)
