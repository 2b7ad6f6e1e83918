"""Which documents are in force: the workflows topic, folded record by record.

The last record of an id is the one in force. Of a workflow that is the version of the last record of any of
its versions, so that applying an older version again rolls back. A tombstone takes a version (or an agent, or
an endpoint's mark) away; of a workflow the version written before it is in force then, just as a reader finds
it who comes after the topic was compacted. A record that cannot be read changes nothing: what was in force
stays.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import msgspec

from schemas.documents.reading import InvalidDocument
from schemas.endpoints import Mark
from schemas.wire import json_value
from schemas.workflow import VoiceAgent, Workflow
from streams.validation.checking import accept

AGENT, WORKFLOW, ENDPOINT = "agent/", "workflow/", "endpoint/"

Record: TypeAlias = tuple[bytes | None, bytes | None]
"""Key and value."""

_LARGEST: Final = 3 * 1024 * 1024
"""What the topic takes at most; one level of headroom against a broker that takes more."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The documents in force at one moment; never changed, only followed by another."""

    workflows: Mapping[str, Mapping[int, Workflow]] = field(default_factory=dict)
    """By id and version, the version of the last record last."""
    agents: Mapping[str, VoiceAgent] = field(default_factory=dict)
    marks: Mapping[str, Mark] = field(default_factory=dict)
    """By `<agent>/<node or type>`."""

    def workflow(self, workflow_id: str, version: int) -> Workflow | None:
        """That version of a workflow."""
        return self.workflows.get(workflow_id, {}).get(version)

    def in_force(self, workflow_id: str) -> int | None:
        """The version in force of a workflow; None where it is not known."""
        versions = self.workflows.get(workflow_id)
        return tuple(versions)[-1] if versions else None

    def agent(self, agent_id: str) -> VoiceAgent | None:
        """A voice agent."""
        return self.agents.get(agent_id)

    def mark(self, endpoint: str) -> Mark | None:
        """What is known of an endpoint, `<agent>/<node or type>`."""
        return self.marks.get(endpoint)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record put a document into force, or its mark."""

    key: str


@dataclass(frozen=True, slots=True)
class Removed:
    """A tombstone took away what was in force, if anything was."""

    key: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that says nothing usable; what was in force before it still is."""

    key: str
    why: str


Read: TypeAlias = Accepted | Removed | Refused


def fold(snapshot: Snapshot, records: Iterable[Record]) -> tuple[Snapshot, tuple[Read, ...]]:
    """The snapshot after some records, in their order, and what each of them was."""
    following = _Following(snapshot)
    read = tuple(following.record(key, value) for key, value in records)
    return following.snapshot(), read


class _Following:
    """A snapshot in the making: copied once for a whole batch of records."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._workflows = {each: dict(versions) for each, versions in snapshot.workflows.items()}
        self._agents = dict(snapshot.agents)
        self._marks = dict(snapshot.marks)

    def snapshot(self) -> Snapshot:
        return Snapshot(self._workflows, self._agents, self._marks)

    def record(self, key: bytes | None, value: bytes | None) -> Read:
        name = (key or b"").decode("utf-8", "replace")
        try:
            if value is None:
                self._remove(name)
                return Removed(name)
            self._put(name, value)
        except (ValueError, InvalidDocument, msgspec.ValidationError, RecursionError) as fault:
            return Refused(name, str(fault))
        return Accepted(name)

    def _put(self, name: str, value: bytes) -> None:
        if len(value) > _LARGEST:
            raise ValueError(f"found {len(value)} bytes; expected at most {_LARGEST}")
        source = json_value(value)
        if name.startswith(ENDPOINT):
            self._marks[name.removeprefix(ENDPOINT)] = msgspec.convert(source, Mark)
            return
        document = accept(source)
        if name != key_of(document):
            raise ValueError(f"found {key_of(document)}; expected what the key names, {name!r}")
        if isinstance(document, VoiceAgent):
            self._agents[document.id] = document
        else:
            self._put_last(document)

    def _put_last(self, workflow: Workflow) -> None:
        versions = self._workflows.setdefault(workflow.id, {})
        versions.pop(workflow.version, None)
        versions[workflow.version] = workflow

    def _remove(self, name: str) -> None:
        if name.startswith(ENDPOINT):
            self._marks.pop(name.removeprefix(ENDPOINT), None)
        elif name.startswith(AGENT):
            self._agents.pop(name.removeprefix(AGENT), None)
        else:
            workflow_id, version = workflow_of(name)
            versions = self._workflows.get(workflow_id, {})
            versions.pop(version, None)
            if not versions:
                self._workflows.pop(workflow_id, None)


def key_of(document: Workflow | VoiceAgent) -> str:
    """The key of a document's records."""
    if isinstance(document, VoiceAgent):
        return f"{AGENT}{document.id}"
    return f"{WORKFLOW}{document.id}@{document.version}"


def workflow_of(name: str) -> tuple[str, int]:
    """The id and version that a workflow's key names. Raises ValueError for any other key."""
    workflow_id, at, version = name.removeprefix(WORKFLOW).rpartition("@")
    if not name.startswith(WORKFLOW) or not at or not version.isascii() or not version.isdigit():
        raise ValueError(
            f"found the key {name!r}; expected agent/ID, workflow/ID@VERSION or endpoint/AGENT/ID"
        )
    return workflow_id, int(version)


def jsonable(mark: Mark) -> dict[str, Any]:
    """A mark as its record's value."""
    plain: dict[str, Any] = msgspec.to_builtins(mark)
    return plain
