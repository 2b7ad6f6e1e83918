"""Which workflow and which voice agent were in force, and when: read from the documents as they were applied.

The documents are plain JSON or YAML values. From the `workflows` topic they have times; from files they were in
force all along. Where the topic was compacted, what a document said before its last record is not known.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from agents.ledger.told import ALIASES
from agents.ledger.witnesses import Record, in_order

Document = Mapping[str, Any]

ALWAYS: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class Version:
    """What was applied at a moment: a document, or None where it was taken away."""

    since: float
    key: str
    document: Document | None


@dataclass(frozen=True)
class Documents:
    """The applied documents, in the order of their application."""

    versions: tuple[Version, ...] = ()
    complete: bool = True
    """Whether everything ever applied is there; else what was before the first version is not known."""
    _by_key: dict[str, list[Version]] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        for each in self.versions:
            self._by_key.setdefault(each.key, []).append(each)

    @classmethod
    def of(cls, documents: Iterable[Document]) -> "Documents":
        """Documents that were in force all along."""
        return cls(tuple(Version(ALWAYS, _key(each), each) for each in documents))

    @classmethod
    def applied(cls, records: Sequence[Record]) -> "Documents":
        """The documents of the `workflows` topic. A record that is no document changes nothing."""
        ordered = in_order(records)
        found = (_version(record) for record in ordered)
        offsets = [record.offset for record in ordered]
        complete = offsets == list(range(len(offsets)))
        return cls(tuple(each for each in found if each is not None), complete)

    def agents(self, agent_id: str, since: float, until: float) -> list[Document | None]:
        """All that the document of a voice agent said in a stretch of time; None: there was none."""
        return self._during(f"agent/{agent_id}", since, until)

    def workflows(
        self, workflow_id: str, version: int | None, since: float, until: float
    ) -> list[Document | None]:
        """The same of a workflow: of a version, or of whichever was in force."""
        if version is not None:
            # A version is immutable: what it says now it said before.
            stated = self._by_key.get(f"workflow/{workflow_id}@{version}", [])
            last = next((each.document for each in reversed(stated) if each.document is not None), None)
            early = [None] if not stated or stated[0].since > since else []
            return [*early, *([] if last is None else [last])]
        return self._in_force(workflow_id, since, until)

    def known_workflows(self, workflow_id: str) -> list[Document]:
        """Every version of a workflow that was ever applied."""
        stated = self._of_workflow(workflow_id)
        return [each.document for each in stated if each.document is not None]

    def _of_workflow(self, workflow_id: str) -> list[Version]:
        return [each for each in self.versions if each.key.rpartition("@")[0] == f"workflow/{workflow_id}"]

    def _in_force(self, workflow_id: str, since: float, until: float) -> list[Document | None]:
        last: dict[str, Document] = {}
        found: list[Document | None] = [None]
        for each in self._of_workflow(workflow_id):
            if each.since > until:
                break
            last.pop(each.key, None)
            if each.document is not None:
                last[each.key] = each.document
            newest = list(last.values())[-1] if last else None
            found = [newest] if each.since <= since else [*found, newest]
        return _distinct(found)

    def _during(self, key: str, since: float, until: float) -> list[Document | None]:
        found: list[Document | None] = [None]
        for each in self._by_key.get(key, []):
            if each.since <= since:
                found = [each.document]
            elif each.since <= until:
                found.append(each.document)
        return _distinct(found)


def _distinct(found: list[Document | None]) -> list[Document | None]:
    return [each for at, each in enumerate(found) if each not in found[:at]]


def as_records(documents: Iterable[Document]) -> tuple[Record, ...]:
    """Documents as the `workflows` topic would have them, applied before anything else happened."""
    return tuple(
        Record("workflows", 0, offset, 0.0, _key(each).encode(), json.dumps(each).encode())
        for offset, each in enumerate(documents)
    )


def _key(document: Document) -> str:
    if document.get("kind") == "agent":
        return f"agent/{document.get('id')}"
    return f"workflow/{document.get('id')}@{document.get('version') or 1}"


def _version(record: Record) -> Version | None:
    key = (record.key or b"").decode(errors="replace")
    if not key.startswith(("agent/", "workflow/")):
        return None
    if record.value is None:
        return Version(record.at, key, None)
    document = record.said
    return Version(record.at, key, document) if document and _key(document) == key else None


def webhooks(agent: Document) -> dict[str, Document]:
    """The webhooks of a voice agent by their canonical types."""
    found = agent.get("webhooks") or {}
    return {ALIASES.get(name, name): each for name, each in found.items()}


def read_files(paths: Iterable[Path]) -> list[Document]:
    """The documents of YAML or JSON files. Raises ValueError, naming the file."""
    found: list[Document] = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
            each = list(YAML(typ="safe", pure=True).load_all(StringIO(text)))
        except (OSError, UnicodeDecodeError, YAMLError) as fault:
            raise ValueError(f"{path}: {fault}") from fault
        flat = [one for item in each for one in (item if isinstance(item, list) else [item])]
        if any(not isinstance(one, dict) for one in flat):
            raise ValueError(f"{path}: found something else; expected documents (kind, id, …)")
        found += flat
    return found
