"""A real Kafka of one broker or three, as plain processes on the loopback address, to run and to break.

A cluster keeps its log directories from start to start, so a broker that was killed comes back with its
topics.
"""

import base64
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.system.kafka_process import HOST, BrokerNotStarted, KafkaProcess
from tests.system.kafka_topics import brokers_seen

_START_SECONDS = 60.0


class KafkaCluster:
    """One broker or three: `with KafkaCluster(kafka_jars()) as cluster: cluster.bootstrap`.

    With `proxied`, clients of `proxied_bootstrap` reach every broker through its `proxy` and can be slowed
    or cut off, while those of `bootstrap` are not disturbed. `settings` override the brokers' own.
    """

    def __init__(
        self, jars: Path, size: int = 1, proxied: bool = False, settings: Mapping[str, str] | None = None
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="postcall-kafka-"))
        self._settings = dict(settings or {})
        self.nodes = [KafkaProcess(jars, self._folder / f"{n}", n, proxied) for n in range(1, size + 1)]
        self.bootstrap = ",".join(f"{HOST}:{node.port}" for node in self.nodes)
        self.proxied_bootstrap = ",".join(f"{HOST}:{node.proxy.port}" for node in self.nodes if node.proxy)

    def __enter__(self) -> Self:
        """Format and start every broker; return when all of them serve."""
        try:
            cluster_id = _cluster_id()
            for node in self.nodes:
                node.format(cluster_id, {**self._replication(), **self._settings})
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def start(self) -> None:
        """Start every broker on what its log directory holds; return when all of them serve."""
        for node in self.nodes:
            node.start()
        self.wait_ready()

    def stop(self) -> None:
        """Stop every broker; the log directories stay."""
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        """End every broker with -9; the log directories stay."""
        for node in self.nodes:
            node.kill()

    def restart(self, node: KafkaProcess) -> None:
        """Stop one broker cleanly and start it again; return when all of them serve."""
        node.stop()
        node.start()
        self.wait_ready()

    def wait_ready(self, seconds: float = _START_SECONDS) -> None:
        """Wait until every broker is alive and in the cluster's metadata."""
        until = time.monotonic() + seconds
        for node in self.nodes:
            while not _listens(node.port):
                node.check_alive()
                if time.monotonic() > until:
                    raise BrokerNotStarted(f"broker {node.number} did not listen within {seconds} s")
                time.sleep(0.05)
        while (seen := brokers_seen(self.bootstrap)) < len(self.nodes):
            if time.monotonic() > until:
                raise BrokerNotStarted(f"{seen} of {len(self.nodes)} brokers joined within {seconds} s")
            time.sleep(0.05)

    def segments(self, topic: str) -> dict[str, list[Path]]:
        """Return the segments that the first broker has of each partition of a topic, by the partition's name."""
        folders = (self._folder / "1" / "log").glob(f"{topic}-*")
        return {folder.name: sorted(folder.glob("*.log")) for folder in folders}

    def _replication(self) -> dict[str, str]:
        copies, in_step = min(3, len(self.nodes)), max(1, len(self.nodes) - 1)
        voters = ",".join(f"{node.number}@{HOST}:{node.controller_port}" for node in self.nodes)
        topics = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
        return {
            "controller.quorum.voters": voters,
            "default.replication.factor": str(copies),
            "min.insync.replicas": str(in_step),
            **{f"{topic}.replication.factor": str(copies) for topic in topics},
            **{f"{topic}.min.isr": str(in_step) for topic in topics[1:]},
        }

    def _end(self) -> None:
        for node in self.nodes:
            node.stop()
            if node.proxy is not None:
                node.proxy.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop every broker and remove what it stored."""
        self._end()


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.settimeout(0.2)
        return attempt.connect_ex((HOST, port)) == 0


def _cluster_id() -> str:
    # The format tool reads an id that begins with "-" as an option.
    drawn = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return drawn if not drawn.startswith("-") else f"A{drawn[1:]}"
