"""Tell the calls to Kafka at their pace, and watch what comes of them until all of it has come."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final

from confluent_kafka import Producer

from agents.cli.exits import CommandRefused
from agents.demo.calls import Load
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
        sending = _send(stage.bootstrap, load)
        closed = _Closing()
        while time.monotonic() < until:
            sent = next(sending, len(load.arrivals))
            grown = len(seen.requests) + len(seen.outcomes)
            seen.requests.extend(requests.read())
            seen.outcomes.extend(outcomes.read())
            watching(seen, sent)
            if sent == len(load.arrivals) and closed.after(load, seen, grown):
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


def _send(bootstrap: str, load: Load) -> Iterator[int]:
    """Send what is due at each turn; yields how many are sent."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            # What Kafka's own clients do; librdkafka's default would put a call on another partition.
            "partitioner": "murmur2_random",
            "log_level": 2,
        }
    )
    began = time.monotonic()
    for sent, arrival in enumerate(load.arrivals):
        while time.monotonic() < began + arrival.at:
            producer.poll(0)
            yield sent
        producer.produce(CALL_EVENTS, arrival.value, arrival.call_id.encode())
    left = producer.flush(10)
    if left:
        raise CommandRefused(f"found {left} events that the embedded broker did not take; expected none")
    yield len(load.arrivals)
