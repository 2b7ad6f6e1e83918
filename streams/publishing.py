"""What becomes of a document that is to be applied, given what the workflows topic holds.

A version of a workflow is immutable: calls are pinned to it. The same content again is no fault; its record is
written again, which puts it into force again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.documents.faults import Fault, line_of, path_text
from schemas.documents.reading import Document, same
from schemas.wire import json_value
from schemas.workflow import VoiceAgent
from streams.definitions import Refused, Snapshot, fold, workflow_of


@dataclass(frozen=True, slots=True)
class Publication:
    """A record to write, and what it means for whoever applies it."""

    document: Document
    result: Literal["created", "changed", "unchanged"]


def publications(
    documents: Iterable[Document], written: Mapping[str, bytes]
) -> tuple[tuple[Publication, ...], tuple[Fault, ...]]:
    """What to write, and what is refused, of documents without a fault of their own.

    `written` is the last value of each key of the topic.
    """
    planned: list[Publication] = []
    faults: list[Fault] = []
    for document in documents:
        result = _result(document, written)
        if result == "changed" and document.version is not None:
            faults.append(_other_content(document, written))
        else:
            planned.append(Publication(document, result))
    return tuple(planned), tuple(faults)


def unknown_workflows(documents: Iterable[Document], written: Mapping[str, bytes]) -> tuple[Fault, ...]:
    """A warning for each agent whose workflow is neither applied nor about to be."""
    documents = tuple(documents)
    known = {document.id for document in documents if document.kind == "workflow"}
    known |= {workflow_id for workflow_id, _ in _workflows(written)}
    return tuple(
        _at(document, "workflow", f"found {document.value.workflow!r}, which was never applied")
        for document in documents
        if isinstance(document.value, VoiceAgent)
        and document.value.workflow is not None
        and document.value.workflow not in known
    )


def versions_of(workflow_id: str, written: Iterable[str]) -> tuple[int, ...]:
    """The versions of a workflow among the keys of the topic, in the order of the keys."""
    return tuple(version for each, version in _workflows(written) if each == workflow_id)


def _workflows(written: Iterable[str]) -> Iterator[tuple[str, int]]:
    for key in written:
        try:
            yield workflow_of(key)
        except ValueError:
            # An agent's, an endpoint's, or one that no reader understands.
            continue


def _result(document: Document, written: Mapping[str, bytes]) -> Literal["created", "changed", "unchanged"]:
    if document.key not in written:
        return "created"
    former = written[document.key]
    _, (read,) = fold(Snapshot(), [(document.key.encode(), former)])
    if isinstance(read, Refused):
        # No worker has used it; what it displaced may have to be written again.
        return "created"
    return "unchanged" if same(json_value(former), document.source) else "changed"


def _other_content(document: Document, written: Mapping[str, bytes]) -> Fault:
    free = max(versions_of(document.id, written)) + 1
    return _at(
        document,
        "version",
        f"found other content than was applied as version {document.version}, which cannot change; "
        f"expected a new version, the next free one is {free}",
    )


def _at(document: Document, member: str, message: str) -> Fault:
    path = (member,)
    return Fault(document.file, line_of(path, document.lines) or document.line, path_text(path), message)
