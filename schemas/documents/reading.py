"""The customer's documents: from YAML or JSON text to workflows and voice agents, or to faults.

Only their shape is read here. What needs the graph or the templates is checked on top of it, by
`streams/validation/checking.py`; a document is valid when both say so.
"""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from schemas.documents.agent_document import voice_agent
from schemas.documents.faults import WHOLE, Fault, Findings, Path, found, one_of
from schemas.documents.fields import Field
from schemas.documents.json_text import json_tree
from schemas.documents.trees import (
    LARGEST_TEXT,
    MOST_DOCUMENTS,
    Branch,
    Source,
    TooLarge,
    Tree,
    Unreadable,
    source_of,
)
from schemas.documents.workflow_document import workflow
from schemas.documents.yaml_pieces import yaml_documents
from schemas.wire import json_bytes
from schemas.workflow import VoiceAgent, Workflow

KINDS = ("workflow", "agent")


class Document(Struct, frozen=True):
    """One document, read. `source` is the plain JSON value as written, editor fields kept."""

    kind: Literal["workflow", "agent"]
    id: str
    version: int | None
    """None of an agent: it has no versions."""
    source: dict[str, Any]
    value: Workflow | VoiceAgent
    file: str
    line: int
    lines: Mapping[Path, int] = {}
    """The line of each path of `source`."""

    @property
    def key(self) -> str:
        """Its key in the `workflows` topic: `workflow/<id>@<version>` or `agent/<id>`."""
        return f"{self.kind}/{self.id}" + (f"@{self.version}" if self.version is not None else "")


class Reading(Struct, frozen=True):
    """What a text comes to: documents without faults, and everything wrong with the others."""

    documents: tuple[Document, ...]
    errors: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    refused: tuple[Document, ...] = ()
    """The others as far as they could be read, for what else may be wrong with them."""


class Draft(Struct, frozen=True):
    """A document with the faults of its shape; what could not be read has its default."""

    document: Document
    errors: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


class InvalidDocument(Exception):
    """A value that is no valid document, with all its faults."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"{fault.path}: {fault.message}" for fault in faults))
        self.faults = faults


def read(text: str | bytes, file: str) -> Reading:
    """The documents of a text. Never raises for bad input: everything wrong is a fault."""
    drafts, errors = read_drafts(text, file)
    return Reading(
        documents=tuple(draft.document for draft in drafts if not draft.errors),
        errors=errors + tuple(fault for draft in drafts for fault in draft.errors),
        warnings=tuple(warning for draft in drafts for warning in draft.warnings),
    )


def read_drafts(text: str | bytes, file: str) -> tuple[tuple[Draft, ...], tuple[Fault, ...]]:
    """The documents of a text with the faults of each, and the faults that belong to none."""
    try:
        trees, unreadable = _trees(_decoded(text), file)
    except Unreadable as reason:
        trees, unreadable = [], [reason]
    drafts: list[Draft] = []
    errors = [Fault(file, reason.line, WHOLE, reason.message) for reason in unreadable]
    for tree in trees:
        source = source_of(tree)
        read_one = _draft(source, file, tree.line)
        if isinstance(read_one, Draft):
            drafts.append(read_one)
        else:
            errors.extend(read_one)
    return tuple(drafts), tuple(errors)


def from_value(source: dict[str, Any]) -> Workflow | VoiceAgent:
    """The workflow or voice agent of a JSON value from the `workflows` topic.

    Raises InvalidDocument with all faults of its shape.
    """
    draft = draft_of_value(source)
    if draft.errors:
        raise InvalidDocument(draft.errors)
    return draft.document.value


def draft_of_value(source: Any) -> Draft:
    """The draft of a JSON value. Raises InvalidDocument where it is no document at all."""
    draft = _draft(Source(source, {}, ()), "", 0)
    if isinstance(draft, Draft):
        return draft
    raise InvalidDocument(draft)


def same(a_source: Any, b_source: Any) -> bool:
    """Whether two sources have the same content: equal JSON, whatever the order of keys."""
    return json_bytes(_ordered(a_source)) == json_bytes(_ordered(b_source))


def _decoded(text: str | bytes) -> str:
    if isinstance(text, bytes):
        if len(text) > LARGEST_TEXT:
            raise _too_large()
        try:
            return text.decode("utf-8").removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            line = text.count(b"\n", 0, error.start) + 1
            raise Unreadable(line, "found bytes that are not UTF-8; expected text in UTF-8") from error
    if len(text) > LARGEST_TEXT or len(text.encode("utf-8", "surrogatepass")) > LARGEST_TEXT:
        raise _too_large()
    return text.removeprefix("\ufeff")


def _too_large() -> TooLarge:
    return TooLarge(1, "found over 1 MiB; expected at most that much in a file")


def _trees(text: str, file: str) -> tuple[list[Tree], list[Unreadable]]:
    """The documents of a text, and why others of it cannot be read. Raises Unreadable for the text as such."""
    trees, unreadable = _json_or_yaml(text, file)
    listed = [one for tree in trees for one in _listed(tree)]
    if not listed and not unreadable:
        raise Unreadable(1, f"found no document; expected one of kind {' or '.join(KINDS)}")
    if len(listed) > MOST_DOCUMENTS:
        raise TooLarge(1, f"found {len(listed)} documents; expected at most {MOST_DOCUMENTS} in a file")
    return listed, unreadable


def _json_or_yaml(text: str, file: str) -> tuple[list[Tree], list[Unreadable]]:
    """JSON where a text begins like it and is it, else YAML."""
    if not _begins_like_json(text):
        return yaml_documents(text)
    try:
        return [json_tree(text)], []
    except TooLarge:
        raise
    except Unreadable:
        # YAML may begin with a bracket too.
        if file.endswith(".json"):
            raise
        return yaml_documents(text)


def _begins_like_json(text: str) -> bool:
    return text.lstrip(" \t\r\n").startswith(("{", "["))


def _listed(tree: Tree) -> tuple[Tree, ...]:
    """A list stands for its documents."""
    if isinstance(tree, Branch) and tree.keys is None:
        return tree.children
    return (tree,)


def _draft(source: Source, file: str, line: int) -> Draft | tuple[Fault, ...]:
    findings = Findings(file, source.lines)
    for path, at, message in source.faults:
        findings.fault(path, message, at)
    field = Field(source.value, (), findings)
    if not isinstance(source.value, dict):
        field.refuse("an object with kind: workflow or kind: agent")
        return findings.errors
    kind = source.value.get("kind")
    if kind not in KINDS:
        seen = "no kind" if kind is None else found(kind)
        findings.fault(("kind",), f"found {seen}; expected {one_of(KINDS)}")
        return findings.errors
    value = workflow(field) if kind == "workflow" else voice_agent(field)
    version = value.version if isinstance(value, Workflow) else None
    document = Document(kind, value.id, version, source.value, value, file, line, source.lines)
    return Draft(document, findings.errors, findings.warnings)


def _ordered(value: Any) -> Any:
    match value:
        case dict():
            return {key: _ordered(value[key]) for key in sorted(value)}
        case list():
            return [_ordered(item) for item in value]
    return value
