"""What can be seen from outside while the demo runs: requests at the endpoints, verdicts in call-outcomes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, TopicPartition

from agents.demo.documents import PATHS
from agents.demo.receiver import Request
from schemas.wire import json_value

HOOKS_PATH: Final = "/hooks/"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that an endpoint got, and what it answered."""

    call_id: str
    kind: str
    """`node` or `webhook`."""
    name: str
    """The node's id or the webhook's event type."""
    key: str
    """The idempotency key: one for each delivery."""
    at: float
    answer_at: float
    answer: int

    @property
    def succeeded(self) -> bool:
        """Whether the endpoint took it."""
        return 200 <= self.answer < 300


@dataclass(slots=True)
class Witnesses:
    """All that was seen so far, in the order of seeing."""

    requests: list[Seen] = field(default_factory=list)
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    """Records of call-outcomes, as 8-interfaces.md says they are shaped."""


class RequestsFile:
    """Follows the file of the endpoints."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("rb")
        self._rest = b""

    def read(self) -> Iterator[Seen]:
        """The requests that were written down since the last time."""
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            yield _seen(msgspec.json.decode(line, type=Request))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _seen(request: Request) -> Seen:
    kind, name = _delivery(request.path)
    assert isinstance(request.answer, int)
    return Seen(
        call_id=request.headers.get("postcall-call-id", ""),
        kind=kind,
        name=name,
        key=request.headers.get("idempotency-key", ""),
        at=request.at,
        answer_at=request.answer_at or request.at,
        answer=request.answer,
    )


def _delivery(path: str) -> tuple[str, str]:
    if path.startswith(HOOKS_PATH):
        return "webhook", path.removeprefix(HOOKS_PATH)
    return "node", next((node for node, begins in PATHS.items() if path.startswith(begins)), path)


class OutcomesTopic:
    """Follows call-outcomes from its beginning."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        settings = {
            "bootstrap.servers": bootstrap,
            "group.id": "postcall-demo-witness",
            "enable.auto.commit": False,
            # A produce does not wake a waiting fetch of the embedded broker.
            "fetch.wait.max.ms": 20,
            "log_level": 2,
        }
        self._consumer = Consumer(settings)
        self._consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])

    def read(self) -> Iterator[dict[str, Any]]:
        """The records that came since the last time."""
        while (record := self._consumer.poll(0)) is not None:
            if record.error() is None:
                yield json_value(record.value() or b"null")

    def close(self) -> None:
        """Stop following."""
        self._consumer.close()
