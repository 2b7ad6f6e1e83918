"""Whether documents can be put into force: their shape, their graph, their templates, their ids.

Everything wrong is found at once, with its line; a document with a fault is not among the results.
"""

from collections.abc import Iterable
from typing import Any

from schemas.documents.faults import Fault, Findings, path_text
from schemas.documents.reading import Document, Draft, InvalidDocument, Reading, draft_of_value, read_drafts
from schemas.workflow import VoiceAgent, Workflow
from streams import privacy
from streams.validation.graph import broken_graph_rules, idle_conditions
from streams.validation.literals import check_literals
from streams.validation.references import check_references


def read_checked(text: str | bytes, file: str) -> Reading:
    """The valid documents of a text, and every fault of the others. Never raises for bad input."""
    return read_all([(file, text)])


def read_all(texts: Iterable[tuple[str, str | bytes]]) -> Reading:
    """The same for several (file, text): no document may be there twice among all of them."""
    documents: list[Document] = []
    refused: list[Document] = []
    errors: list[Fault] = []
    warnings: list[Fault] = []
    for file, text in texts:
        drafts, faults = read_drafts(text, file)
        checked = [check(draft) for draft in drafts]
        documents += [draft.document for draft in checked if not draft.errors]
        refused += [draft.document for draft in checked if draft.errors]
        errors += sorted((*faults, *(each for draft in checked for each in draft.errors)), key=_line)
        warnings += sorted((each for draft in checked for each in draft.warnings), key=_line)
    once, again = _told_apart(documents)
    return Reading(once, (*errors, *again), tuple(warnings), tuple(refused))


def accept(source: Any) -> Workflow | VoiceAgent:
    """The workflow or voice agent of a JSON value, all rules checked. Raises InvalidDocument."""
    draft = check(draft_of_value(source))
    if draft.errors:
        raise InvalidDocument(draft.errors)
    return draft.document.value


def check(draft: Draft) -> Draft:
    """A draft with the faults that its shape does not show added to those it has."""
    document = draft.document
    findings = Findings(document.file, document.lines)
    if isinstance(document.value, Workflow):
        for path, message in broken_graph_rules(document.value, document.source):
            findings.fault(path, message)
        for path, message in idle_conditions(document.value):
            findings.warn(path, message)
    else:
        for path, message in privacy.faults(document.value):
            findings.fault(path, message)
    check_references(document.value, document.source, findings)
    check_literals(document.value, document.source, findings)
    told = {fault.path for fault in draft.errors}
    # What has no right shape was read as something else: one fault for one mistake.
    more = tuple(fault for fault in findings.errors if fault.path not in told)
    return Draft(
        document, tuple(sorted((*draft.errors, *more), key=_line)), draft.warnings + findings.warnings
    )


def _told_apart(documents: Iterable[Document]) -> tuple[tuple[Document, ...], list[Fault]]:
    """The first document of each key, and a fault for each further one."""
    first: dict[str, Document] = {}
    faults: list[Fault] = []
    for document in documents:
        other = first.setdefault(document.key, document)
        if other is not document:
            line = document.lines.get(("id",), document.line)
            message = (
                f"found {document.key} a second time, first in {other.file}:{other.line}; expected it once"
            )
            faults.append(Fault(document.file, line, path_text(("id",)), message))
    return tuple(first.values()), faults


def _line(fault: Fault) -> int:
    return fault.line
