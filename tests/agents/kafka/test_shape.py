"""What we replace in Faust and aiokafka is still what we have read.

A failure here is no bug: it says that a pinned library changed under a cure. Read the function again,
see whether the cure still cures, run the tests on a real broker, then write the new digest down.
"""

import hashlib
import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest
from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher as AiokafkaFetcher
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance, GroupCoordinator
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator
from aiokafka.producer.producer import AIOKafkaProducer
from aiokafka.producer.sender import Sender
from faust import App
from faust.stores.rocksdb import Store
from faust.tables.base import Collection
from faust.tables.recovery import Recovery
from faust.transport.conductor import Conductor
from faust.transport.consumer import Consumer, ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver
from mode.utils.queues import FlowControlEvent

READ = {
    "replaced": {
        App.on_init_dependencies: "7621a70a9b01",
        App.on_rebalance_end: "b7ff69e1e377",
        App.on_rebalance_return: "a488c4c75a35",
        Consumer._drain_messages: "44a2500309e8",
        Consumer.force_commit: "cc094614d22c",
        Consumer.perform_seek: "0e8c130ff4b0",
        Consumer.verify_all_partitions_active: "4e0e46f5c297",
        Store._open_for_partition: "1dc4e0113d67",
        Collection.apply_changelog_batch: "b980a78d3ae9",
        ThreadDelegateConsumer._getmany: "f9d47aa9010b",
        driver.Consumer.create_topic: "7e02a95e25ad",
        driver.Producer._settings_extra: "a4c7bc41b638",
        driver.Producer.flush: "36d0cb3615f6",
        Collection._new_store_by_url: "343a8125107d",
    },
    "wrapped": {
        AiokafkaFetcher._proc_fetch_request: "59bf948fff47",
        Consumer.on_partitions_revoked: "d04b7ae72c6f",
        GroupCoordinator._send_req: "fa4b12e914ce",
        GroupCoordinator.check_errors: "ba6ca51ad348",
        GroupCoordinator.reset_generation: "537aa37c531b",
        Sender._maybe_wait_for_pid: "577189636b56",
        Sender._send_produce_req: "aea01ae4b6c7",
        Collection.on_recovery_completed: "b1526fb39ea0",
        driver.AIOKafkaConsumerThread._create_worker_consumer: "c2701bfc3e6f",
        driver.AIOKafkaConsumerThread._fetch_records: "39a2c6c79fc1",
        driver.AIOKafkaConsumerThread.on_start: "38b4e8bd1e10",
        driver.Producer._new_producer: "e72355c3430e",
    },
    "relied upon": {
        AIOKafkaConsumer.seek_to_committed: "f6cd85c8b70a",
        AIOKafkaProducer.send_batch: "bf42b0f0c5c0",
        AiokafkaFetcher.fetched_records: "be4348896b9b",
        App._on_partitions_assigned: "de932b7927db",
        App._on_partitions_revoked: "d5c895bbe57d",
        App._stop_consumer: "55854a5de12c",
        BatchBuilder.append: "657d76f55157",
        Conductor._subscriber.fun: "2a7908583404",
        Conductor._update_tp_index: "e8e3ac9025ef",
        Consumer._get_active_partitions: "b24897f3c7af",
        Consumer.commit: "a354437baaa0",
        Consumer.resume_flow: "db59630f25b5",
        Consumer.stop_flow: "cf7e875a2b0d",
        CoordinatorGroupRebalance._send_sync_group_request: "7429ca078ddf",
        FlowControlEvent.resume: "4dcdc1253fd0",
        GroupCoordinator._do_heartbeat: "dc1d6632aaa6",
        GroupCoordinator._maybe_leave_group: "016cd88a16e6",
        GroupCoordinator._on_join_prepare: "4d9524afc0ee",
        GroupCoordinator._push_error_to_user: "743ff515bd7e",
        GroupCoordinator.ensure_active_group: "33c84c1a9301",
        AIOKafkaProducer.send: "08ce81263f43",
        MessageAccumulator.add_message: "56ff7e6c1918",
        MessageAccumulator.add_batch: "5ed1c5b1367a",
        MessageAccumulator.flush: "2b0eaa3da851",
        Recovery._restart_recovery.fun: "6bd8a8558a2d",
        Recovery._slurp_changelogs.fun: "7825c7e50f76",
        Recovery.on_recovery_completed: "6ef567acf072",
        Store._db_for_partition: "cb7e67d5f9ef",
        driver.AIOKafkaConsumerThread._commit: "932852ce7a23",
    },
}


def digest(function: Callable[..., Any]) -> str:
    """A short name for the source of this function."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]


FUNCTIONS = [(function, seen, how) for how, read in READ.items() for function, seen in read.items()]


@pytest.mark.parametrize(
    ("function", "seen", "how"), FUNCTIONS, ids=lambda value: getattr(value, "__qualname__", "-")
)
def test_a_function_under_a_cure_has_not_changed(function: Callable[..., Any], seen: str, how: str) -> None:
    found = digest(function)
    assert found == seen, f"{function.__module__}.{function.__qualname__} is {how} and changed to {found}"


@pytest.mark.parametrize(
    ("library", "expected"),
    [
        ("faust-streaming", "0.15.3"),
        ("aiokafka", "0.14.0"),
        ("mode-streaming", "0.7.1"),
        ("rocksdict", "0.3.29"),
    ],
)
def test_the_libraries_are_those_the_cures_were_written_for(library: str, expected: str) -> None:
    assert version(library) == expected


def test_the_attributes_that_are_reached_into_are_there() -> None:
    source = inspect.getsource(AIOKafkaConsumer) + inspect.getsource(AIOKafkaProducer)
    for attribute in (
        "self._fetch_max_wait_ms = ",
        "self._coordinator = ",
        "self._fetcher = ",
        "self._sender = ",
    ):
        assert attribute in source
