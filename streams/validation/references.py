"""What a document's templates, conditions and `needs` name: it must exist, and come before."""

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from msgspec import structs

from schemas.documents.faults import Findings, Path, nearest, one_of, quoted
from schemas.documents.subscriptions import canonical
from schemas.documents.workflow_document import NEEDS
from schemas.workflow import Auth, Node, OAuth2, Sending, Test, VoiceAgent, When, Workflow
from streams import egress, graph, template
from streams.template import Names, Slot, TemplateFault
from streams.templates.filter_names import FILTERS

Template: TypeAlias = tuple[Path, str, Slot]
"""Where a template stands in the document, its text, and what kind of place that is."""

_MEMBERS: Final = {
    "call": frozenset(
        [
            "id",
            "status",
            "verdict",
            "end_reason",
            "ended_by",
            "direction",
            "channel",
            "from",
            "to",
            "started_at",
            "answered_at",
            "ended_at",
            "duration_seconds",
            "end_node_id",
            "is_test",
            "attempt",
        ]
    ),
    "agent": frozenset({"id", "name"}),
    "workflow": frozenset({"id", "version"}),
    "recording": frozenset({"url"}),
}
"""What there is under the roots that are not the customer's own."""

_SHOWN: Final = 10
"""Node ids that a message names."""
_TAG: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def check_references(value: Workflow | VoiceAgent, source: dict[str, Any], findings: Findings) -> None:
    """Notes a fault for every name that nothing has, or has too late.

    `source` is the document as written: a webhook may stand there under an alias.
    """
    if isinstance(value, VoiceAgent):
        written = source.get("webhooks") if value.webhooks else {}
        names = {canonical(name): name for name in reversed(written or {})}
        for event_type, sending in value.webhooks.items():
            _check_webhook(("webhooks", names[event_type]), sending, findings)
        return
    nodes = {node.id: node for node in value.nodes}
    for at, node in enumerate(value.nodes):
        if node.sending is not None:
            _NodeCheck(value, node, ("nodes", at), nodes, findings).run(node.sending)


class _NodeCheck:
    """Checks one Post Call API node."""

    def __init__(
        self, workflow: Workflow, node: Node, path: Path, nodes: dict[str, Node], findings: Findings
    ) -> None:
        self._workflow = workflow
        self._node = node
        self._path = path
        self._nodes = nodes
        self._findings = findings

    def run(self, sending: Sending) -> None:
        """Notes all that is wrong."""
        for one in (*_templates(sending, self._path), *_body(self._node.body, (*self._path, "body"), "text")):
            names = _names(one, self._findings)
            if names is not None:
                self._check_names(names, one[0])
        if self._node.when is not None:
            self._check_condition(self._node.when, (*self._path, "when"))
        for at, need in enumerate(self._node.needs or ()):
            if need and need not in NEEDS:
                self._check_node(need, (*self._path, "needs", at), f"{', '.join(sorted(NEEDS))}, or ")

    def _check_condition(self, when: When, path: Path) -> None:
        for at, test in enumerate(when.tests):
            where = (*path, when.mode, at)
            if isinstance(test, When):
                self._check_condition(test, where)
            elif test.path:
                self._check_test(test, (*where, "path"))

    def _check_test(self, test: Test, path: Path) -> None:
        try:
            self._check_names(template.check_path(test.path), path)
        except TemplateFault as fault:
            self._findings.fault(path, str(fault))

    def _check_names(self, names: Names, path: Path) -> None:
        for node_id in sorted(names.nodes):
            self._check_node(node_id, path)
        for named in sorted(names.paths):
            if named[0] == "nodes" and named[1] in self._nodes:
                self._notice_kept(named, path)

    def _check_node(self, node_id: str, path: Path, others: str = "") -> None:
        """Only what ran before has a response, and only Post Call API nodes run."""
        if node_id != self._node.id and graph.leads_to(self._workflow, node_id, self._node.id):
            return
        if not self._findings.has_room_for_faults:
            return
        before = graph.comes_before(self._workflow, self._node.id) - {self._node.id}
        known = ", ".join(sorted(before)[:_SHOWN]) if before else "there is none"
        seen = f"the node {quoted(node_id)}, which does not come before this one"
        if node_id not in self._nodes:
            seen = f"the unknown node {quoted(node_id)}"
        expected = f"{others}a node that comes before this one ({known})"
        self._findings.fault(path, f"found {seen}; expected {expected}")

    def _notice_kept(self, named: tuple[str, ...], path: Path) -> None:
        extracts = self._nodes[named[1]].extract.keys()
        if len(named) > 2 and named[2] != "response":
            expected = f"nodes.{named[1]}.response"
        elif len(named) > 3 and named[3] not in ("status", "headers", "body", "extracted"):
            expected = f"status, headers, body or extracted of nodes.{named[1]}.response"
        elif len(named) > 4 and named[3] == "extracted" and named[4] not in extracts:
            expected = f"a name under extract of {named[1]}"
        else:
            return
        self._findings.warn(
            path, f"found {quoted('.'.join(named))}, which is never there; expected {expected}"
        )


def _check_webhook(path: Path, sending: Sending, findings: Findings) -> None:
    for one in _templates(sending, path):
        names = _names(one, findings)
        if names is not None and names.nodes:
            node_id = min(names.nodes)
            findings.fault(one[0], f"found nodes.{node_id}; expected none: a webhook comes after no node")


def _templates(sending: Sending, path: Path) -> Iterator[Template]:
    yield (*path, "url"), sending.url, "url"
    for name, value in sending.headers.items():
        yield (*path, "headers", name), value, "header"
    for name, value in _auth_fields(sending.auth):
        yield (*path, "auth", name), value, "auth"
    if isinstance(sending.auth, OAuth2):
        yield (*path, "auth", "token_url"), sending.auth.token_url, "url"
    if len(sending.secrets) == 1:
        yield (*path, "secret"), sending.secrets[0], "auth"
    else:
        for at, secret in enumerate(sending.secrets):
            yield (*path, "secret", at), secret, "auth"
    if sending.tls.ca is not None:
        yield (*path, "tls", "ca"), sending.tls.ca, "auth"


def _auth_fields(auth: Auth) -> Iterator[tuple[str, str]]:
    for name, value in structs.asdict(auth).items():
        if isinstance(value, str):
            yield name, value


def _body(body: Any, path: Path, slot: Slot = "body") -> Iterator[Template]:
    """The leaves of a JSON body, or the one text that a body is."""
    match body:
        case str():
            yield path, body, slot
        case dict():
            for key, value in body.items():
                yield from _body(value, (*path, key))
        case list():
            for at, value in enumerate(body):
                yield from _body(value, (*path, at))


def _names(one: Template, findings: Findings) -> Names | None:
    path, text, slot = one
    if not text:
        return None
    try:
        names = template.check(text, slot)
        complaint = egress.url_fault(_TAG.sub("x", text)) if slot == "url" else None
    except TemplateFault as fault:
        findings.fault(path, _whole(str(fault), "a template such as {{ variables.name }}"))
        return None
    if complaint:
        findings.fault(path, _whole(complaint, "a URL such as https://api.example.com/path"))
    _notice(names, path, findings)
    return names


def _whole(message: str, expected: str) -> str:
    """A message that says what was expected, too; the template engine's own do not."""
    return message if "; expected " in message else f"{message}; expected {expected}"


def _notice(names: Names, path: Path, findings: Findings) -> None:
    """What is allowed and is hardly meant."""
    for word in sorted(names.words):
        meant = nearest(word, FILTERS)
        if meant:
            findings.warn(path, f"found {quoted(word)}, a default; expected {meant} if a filter is meant")
    for named in sorted(names.paths):
        members = _MEMBERS.get(named[0])
        if members and len(named) > 1 and named[1] not in members:
            shown = quoted(".".join(named))
            findings.warn(path, f"found {shown}, which is never there; expected {one_of(members)}")
