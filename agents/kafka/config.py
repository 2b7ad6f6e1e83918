"""How this worker reaches Kafka, and how long it waits for what."""

import ssl
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from faust.types.auth import CredentialsT

LEASE_SHARE = 0.7
"""The part of the session time-out for which a heartbeat is trusted: the broker hands the partitions
on only after all of it, so the rest is the margin for clocks and for what is already being sent."""

HEARTBEATS_A_SESSION = 6
"""Two heartbeats may be lost before the lease runs out."""


@dataclass(frozen=True, slots=True)
class KafkaConfig:
    """Everything that `make_app` has to know."""

    broker: str
    """Bootstrap servers, comma-separated."""
    app_id: str
    """Consumer group, and prefix of the internal and changelog topics."""
    topics: tuple[str, ...]
    """Source topics. The first one holds the events, the others are the engine's own."""
    partitions: int
    """Of every source topic and of the changelog; fixed for an app id."""
    data_dir: Path
    """Where RocksDB keeps its copy of the changelog."""
    session_timeout: timedelta = timedelta(seconds=20)
    """How long the broker waits for a silent worker before it gives its partitions to others."""
    instance_id: str | None = None
    """Static membership: the same name after a restart keeps the partitions."""
    start: Literal["earliest", "latest"] = "earliest"
    """Where a new group begins to read."""
    embedded: bool = False
    """The broker is librdkafka's mock cluster: no admin API, and a produce does not wake a fetch."""
    standby_replicas: int = 0
    """How many other workers keep a warm copy of each partition's rows."""
    cache_bytes: int = 256 * 1024 * 1024
    """Memory for RocksDB's blocks, shared by all partitions."""
    commit_interval: timedelta = timedelta(seconds=1)
    """How often offsets are committed."""
    commit_cycle: timedelta = timedelta(milliseconds=3)
    """How long rows are gathered before they go to the changelog together."""
    stall_limit: timedelta = timedelta(minutes=5)
    """A worker that makes no progress for this long is stuck."""
    ssl_context: ssl.SSLContext | None = None
    """TLS towards the broker."""
    credentials: CredentialsT | None = None
    """SASL towards the broker, as Faust spells it."""

    @property
    def lease(self) -> timedelta:
        """How long after the sending of a good heartbeat this worker may act."""
        return self.session_timeout * LEASE_SHARE

    @property
    def heartbeat(self) -> timedelta:
        """How often the worker tells the broker that it is there."""
        return min(timedelta(seconds=3), self.session_timeout / HEARTBEATS_A_SESSION)

    @property
    def fetch_wait(self) -> timedelta:
        """How long the broker may hold an empty fetch; an idle partition's end is known no sooner."""
        return timedelta(milliseconds=20 if self.embedded else 250)

    @property
    def changelog(self) -> str:
        """The topic that every row of the table `calls` is written to."""
        return f"{self.app_id}-calls-changelog"
