"""A workflow that is changed badly in the midst of calls: the last good one stays in force."""

import json
from pathlib import Path

import pytest

from tests.system.brokers import ServedBroker
from tests.system.documents import AGENT, WORKFLOW
from tests.system.kafka_topics import Record, produce
from tests.system.loaded import under_load

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(180)]

_WORKFLOW, _AGENT = f"workflow/{WORKFLOW}@1".encode(), f"agent/{AGENT}".encode()


def _bad() -> list[Record]:
    """Records that are no documents, or not those that their keys say."""
    cyclic = {
        "kind": "workflow",
        "id": WORKFLOW,
        "version": 1,
        "nodes": [{"id": "talk", "type": "default", "start": True}],
        "edges": [{"source": "talk", "target": "nowhere"}],
    }
    other = {"kind": "agent", "id": "somebody-else", "workflow": WORKFLOW}
    return [
        (_WORKFLOW, b"{", []),
        (_WORKFLOW, b"[]", []),
        (_WORKFLOW, b"\xff\xfe", []),
        (_WORKFLOW, json.dumps(cyclic).encode(), []),
        (_WORKFLOW, b'{"kind": "workflow"}', []),
        (_AGENT, json.dumps(other).encode(), []),
        (_AGENT, b"[" * 100_000, []),
        (_AGENT, json.dumps({"kind": "agent", "id": AGENT, "webhooks": 7}).encode(), []),
        (b"nonsense", b"{}", []),
    ]


def test_after_a_bad_update_the_last_good_documents_stay_in_force(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    with under_load(kafka.bootstrap, tmp_path, 95) as run:
        bad = _bad()
        run.note(
            f"{len(bad)} bad records in the topic of documents, and a worker that reads them at its start"
        )
        produce(kafka.bootstrap, f"{run.setting.prefix}workflows", bad)
        assert run.fleet.restart(run.fleet.workers[0]) == 0
        judgement = run.settle()
        assert (judgement.violations, judgement.repeats) == ((), 0)
        for worker in run.fleet.workers:
            assert worker.log.read_text().count("not put into force") >= len(bad)
