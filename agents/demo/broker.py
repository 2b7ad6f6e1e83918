"""A Kafka broker inside this process, for the demo and for tests that no real Kafka serves.

It is librdkafka's own test cluster, which the `confluent-kafka` wheel brings along: the real protocol over
TCP, no Java, no Docker. It is made for one worker on one machine, and has these limits:

- everything is in memory, and a partition keeps its newest 5 MiB;
- topics cannot be created over the protocol: they come by asking for their metadata, with 4 partitions each,
  or by `create_topic` here;
- a rebalance lasts the session time-out less a second;
- a parked fetch is not woken by a produce.
"""

import ctypes
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import confluent_kafka

_PRODUCER = 0
_FAULT_LENGTH = 512

_LIBRARY_FOLDERS = ("../confluent_kafka.libs", ".dylibs", ".libs", ".")
"""Where the wheels of Linux, macOS and Windows keep librdkafka, seen from the package."""


class BrokerNotEmbedded(RuntimeError):
    """The embedded broker could not be started; the message says what was missing."""


class EmbeddedBroker:
    """A broker that serves from `with EmbeddedBroker() as broker:` to the end of the block.

    `bootstrap` is its address as Kafka clients want it, `127.0.0.1:PORT` (several, with `brokers` above 1).
    `topics` maps names to partition counts, to be there from the start.
    """

    def __init__(self, topics: Mapping[str, int] | None = None, brokers: int = 1) -> None:
        self._topics = dict(topics or {})
        self._brokers = brokers
        self._library: ctypes.CDLL | None = None
        self._client: int | None = None
        self._cluster: int | None = None
        self.bootstrap = ""

    def __enter__(self) -> Self:
        """Start serving."""
        self._library = library = _librdkafka()
        fault = ctypes.create_string_buffer(_FAULT_LENGTH)
        configuration = library.rd_kafka_conf_new()
        # It else warns on stderr that it has no bootstrap servers: it is about to be one.
        library.rd_kafka_conf_set(configuration, b"log_level", b"2", fault, _FAULT_LENGTH)
        self._client = library.rd_kafka_new(_PRODUCER, configuration, fault, _FAULT_LENGTH)
        if not self._client:
            raise BrokerNotEmbedded(f"librdkafka refused a client: {fault.value.decode()}")
        self._cluster = library.rd_kafka_mock_cluster_new(self._client, self._brokers)
        if not self._cluster:
            raise BrokerNotEmbedded(f"librdkafka started no test cluster of {self._brokers} brokers")
        # It would else wait three seconds for more members before the first assignment of a group.
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self.bootstrap = library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        for name, partitions in self._topics.items():
            self.create_topic(name, partitions)
        return self

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic; one that exists is left as it is."""
        if self._library is None:
            raise BrokerNotEmbedded(
                "the embedded broker is not started; create topics inside the `with` block"
            )
        self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, self._brokers)

    def stop_answering(self) -> None:
        """Close every connection and refuse new ones, until `answer_again`. What was stored is kept."""
        if self._library is not None:
            for broker in range(1, self._brokers + 1):
                self._library.rd_kafka_mock_broker_set_down(self._cluster, broker)

    def answer_again(self) -> None:
        """End what `stop_answering` began."""
        if self._library is not None:
            for broker in range(1, self._brokers + 1):
                self._library.rd_kafka_mock_broker_set_up(self._cluster, broker)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving; what was stored is gone."""
        if self._library is None:
            return
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        if self._client:
            self._library.rd_kafka_destroy(self._client)
        self._library = self._cluster = self._client = None


def _librdkafka() -> ctypes.CDLL:
    library = ctypes.CDLL(str(_library_file()))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, answer, arguments in (
        ("rd_kafka_conf_new", pointer, []),
        ("rd_kafka_conf_set", number, [pointer, text, text, text, ctypes.c_size_t]),
        ("rd_kafka_new", pointer, [number, pointer, text, ctypes.c_size_t]),
        ("rd_kafka_destroy", None, [pointer]),
        ("rd_kafka_mock_cluster_new", pointer, [pointer, number]),
        ("rd_kafka_mock_cluster_destroy", None, [pointer]),
        ("rd_kafka_mock_cluster_bootstraps", text, [pointer]),
        ("rd_kafka_mock_group_initial_rebalance_delay_ms", None, [pointer, ctypes.c_int32]),
        ("rd_kafka_mock_topic_create", number, [pointer, text, number, number]),
        ("rd_kafka_mock_broker_set_down", number, [pointer, ctypes.c_int32]),
        ("rd_kafka_mock_broker_set_up", number, [pointer, ctypes.c_int32]),
    ):
        function = getattr(library, name)
        function.restype = answer
        function.argtypes = arguments
    return library


def _library_file() -> Path:
    package = Path(confluent_kafka.__file__).parent
    for folder in _LIBRARY_FOLDERS:
        for file in sorted((package / folder).glob("*rdkafka[-.]*")):
            if {".so", ".dylib", ".dll"} & set(file.suffixes):
                return file
    looked = ", ".join(_LIBRARY_FOLDERS)
    raise BrokerNotEmbedded(
        f"found no librdkafka beside {package} (looked in {looked}); expected a wheel of confluent-kafka"
    )
