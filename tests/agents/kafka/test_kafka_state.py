"""On a real broker: state is in the changelog before it counts, and no worse after any crash."""

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from tests.agents.kafka.group import Group
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import QUIET

pytestmark = pytest.mark.kafka

CALLS = [f"call-{n}" for n in range(60)]


def configure(group: Group, topic: str, **settings: str) -> None:
    """Change the configuration of a topic."""
    entries = [
        ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
        for name, value in settings.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    client = AdminClient({**QUIET, "bootstrap.servers": group.bootstrap})
    for done in client.incremental_alter_configs([resource]).values():
        done.result(10)


def test_the_local_disk_never_remembers_what_the_changelog_does_not(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=2) as group:
        group.produce(CALLS)
        first = group.worker(hold_changelog=True)
        first.wait_handled(60)
        first.kill()
        second = group.worker()
        assert [event.seen for event in second.wait_handled(60)] == ["new"] * 60
        assert second.stop() == 0
        assert group.worker(disk="empty").wait_recovered().endswith(" 60")


def test_no_offset_is_committed_before_its_rows_are_in_the_changelog(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=1) as group:
        group.produce(CALLS)
        worker = group.worker(changelog_seconds=0.5, pad=12_000)
        worker.wait(lambda: group.committed() > 0, "commit")
        worker.kill()
        assert len(group.totals()) >= group.committed()


def test_a_refused_produce_ends_the_worker_without_a_commit(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=1) as group:
        configure(group, group.names.changelog, max_message_bytes="2000")
        group.produce(["a", "b", "c"])
        worker = group.worker(pad=3000)
        assert worker.wait_exit() == 1
        assert group.committed() <= 0
        configure(group, group.names.changelog, max_message_bytes="3145728")
        assert [event.seen for event in group.worker().wait_handled(3)] == ["new"] * 3


def test_a_refused_record_ends_the_worker_without_a_commit(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=1, echo=True) as group:
        configure(group, group.names.call_outcomes, max_message_bytes="1000")
        group.produce(["a"], value="x" * 3000)
        worker = group.worker()
        assert worker.wait_exit() in (1, 75)  # as in test_kafka_acks
        assert group.committed() <= 0
        configure(group, group.names.call_outcomes, max_message_bytes="3145728")
        group.worker().wait_handled(1)


def test_state_is_rebuilt_from_the_changelog_on_an_empty_disk(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=2) as group:
        group.produce(CALLS * 2)
        worker = group.worker()
        worker.wait_handled(120)
        worker.kill()
        group.produce(CALLS, value="another")
        later = group.worker(disk="empty")
        later.wait_handled(60)
        later.wait(lambda: min(group.totals().values()) > 1, "second events to be counted")
        assert group.totals() == dict.fromkeys(CALLS, 2)
