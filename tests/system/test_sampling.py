"""What is seen of a run from outside: what a group has left, and what its workers hold and say."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.ledger.samples import read_samples
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import produce
from tests.system.load import Mixture
from tests.system.runs import open_run
from tests.system.sampling import GROUP, MEMORY_BYTES, Sampler

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]


def test_what_nobody_handles_is_seen_to_wait_until_somebody_does(kafka: ServedBroker, tmp_path: Path) -> None:
    with open_run(kafka.bootstrap, tmp_path, Mixture(), topic_settings={}) as run:
        (worker,) = run.fleet.add()
        with Sampler(run.fleet, run.setting, run.samples) as sampler:
            sampler.wanted.add(worker.name)
            wait_for(lambda: sampler.caught_up(0.0))
            worker.pause()
            with sampler.trouble("SIGSTOP"):
                produce(
                    run.setting.bootstrap,
                    f"{run.setting.prefix}call-events",
                    [(b"%d" % n, b"{", []) for n in range(40)],
                )
                began = time.time()
                wait_for(lambda: sampler.latest[GROUP].lag == 40)
                assert not sampler.caught_up(began)
                assert (sampler.latest[worker.name].ready, sampler.latest[worker.name].live) == (False, False)
            worker.resume()
            wait_for(lambda: sampler.caught_up(began))
    samples, (trouble,) = read_samples(run.samples)
    assert (trouble.what, trouble.workers) == ("SIGSTOP", True)
    held = [each.memory_bytes for each in samples if each.memory_bytes is not None]
    assert 20 << 20 < max(held) < MEMORY_BYTES


def wait_for(seen: Callable[[], bool]) -> None:
    until = time.monotonic() + 40
    while not seen():
        assert time.monotonic() < until
        time.sleep(0.1)
