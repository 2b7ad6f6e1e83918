"""Five thousand records that are no events lie between good ones: each is a dead letter, and nobody waits."""

import threading
import time
from pathlib import Path

import pytest

from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import Record, produce
from tests.system.load import Mixture
from tests.system.poison import HUGE, MARK, poison
from tests.system.runs import Run, open_run

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

_POISONS = 5000
_TOPIC_SETTINGS = {"max.message.bytes": "12000000"}


def test_every_poison_is_a_dead_letter_and_every_good_neighbour_comes_out_right(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    mixture = Mixture(calls=300, seed=41, seconds=20)
    with open_run(kafka.bootstrap, tmp_path, mixture, topic_settings=_TOPIC_SETTINGS) as run:
        run.fleet.add()
        run.tell()
        _poison_beside(run)
        judgement = run.settle()
        assert judgement.violations == ()
        assert _where_poison_lies(run) == _where_dead_letters_come_from(run)
        assert len(_where_poison_lies(run)) == _POISONS + 1


def _poison_beside(run: Run) -> None:
    """Write the poison between the good events, over most of the time that these take."""
    assert run.load is not None
    records = [*poison(_POISONS, seed=run.mixture.seed, keys=[call.encode() for call in run.load.expected])]
    records.insert(len(records) // 2, (None, HUGE, [(MARK, b"1")]))
    writing = threading.Thread(target=_write, args=(run, records), daemon=True)
    writing.start()
    writing.join(60)


def _write(run: Run, records: list[Record]) -> None:
    for start in range(0, len(records), 250):
        produce(run.setting.bootstrap, f"{run.setting.prefix}call-events", records[start : start + 250])
        time.sleep(0.5)


def _where_poison_lies(run: Run) -> set[tuple[int, int]]:
    assert run.witnesses is not None
    return {(each.partition, each.offset) for each in run.witnesses.events if MARK in each.headers}


def _where_dead_letters_come_from(run: Run) -> set[tuple[int, int]]:
    assert run.witnesses is not None
    letters = [each.json for each in run.witnesses.dead_letters if each.json["reason"] == "unreadable"]
    return {(letter["source"]["partition"], letter["source"]["offset"]) for letter in letters}
