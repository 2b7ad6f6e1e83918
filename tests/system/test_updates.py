"""A workflow that is changed badly in the midst of calls: the last good one stays in force."""

from pathlib import Path

import pytest

from tests.system.brokers import ServedBroker
from tests.system.documents import bad_documents
from tests.system.kafka_topics import produce
from tests.system.loaded import under_load

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(180)]


def test_after_a_bad_update_the_last_good_documents_stay_in_force(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    with under_load(kafka.bootstrap, tmp_path, 95) as run:
        bad = bad_documents()
        run.note(
            f"{len(bad)} bad records in the topic of documents, and a worker that reads them at its start"
        )
        produce(kafka.bootstrap, f"{run.setting.prefix}workflows", bad)
        assert run.fleet.restart(run.fleet.workers[0]) == 0
        judgement = run.settle()
        assert (judgement.violations, judgement.repeats) == ((), 0)
        for worker in run.fleet.workers:
            assert worker.log.read_text().count("not put into force") >= len(bad)
