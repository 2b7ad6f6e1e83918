"""Which acknowledgements the consumer counts: those of the generation it reads in."""

from collections import defaultdict
from types import SimpleNamespace

from faust.types import TP

from agents.kafka.consumer import Consumer
from agents.kafka.offsets import Offsets
from agents.kafka.progress import Progress

EVENTS = TP("call-events", 0)


class Reading(Consumer):
    """A consumer in its third generation, with message 5 handed over; it has no broker."""

    def __init__(self) -> None:
        self.offsets = Offsets([EVENTS.topic])
        self.offsets.sought(EVENTS, 5)
        self.app = SimpleNamespace(  # type: ignore[assignment]  # the little of an app that it asks
            consumer_generation_id=3, offsets=self.offsets, watchdog=SimpleNamespace(progressed=lambda: None)
        )
        self._progress = defaultdict(Progress)
        self._progress[EVENTS].deliver(5)


def test_an_acknowledgement_moves_what_may_be_committed() -> None:
    consumer = Reading()
    consumer.acknowledge(EVENTS, 5, 3)
    assert (consumer._progress[EVENTS].position, consumer.offsets.processed(EVENTS)) == (6, 6)


def test_an_acknowledgement_of_an_older_generation_is_nothing() -> None:
    consumer = Reading()
    consumer.acknowledge(EVENTS, 5, 2)
    assert (consumer._progress[EVENTS].position, consumer.offsets.processed(EVENTS)) == (None, 5)
