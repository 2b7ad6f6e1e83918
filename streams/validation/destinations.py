"""Which destinations of documents can never be reached: seen when they are applied, before any call ends.

Only what a document itself shows is judged: an address that is written out, and a host beside the `egress`
of its voice agent. Where a name leads is seen when connecting.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from itertools import chain
from urllib.parse import urlsplit

from msgspec.structs import replace

from schemas.destinations import is_destination
from schemas.documents.faults import Fault, Findings, Path, quoted
from schemas.documents.reading import Document, Reading
from schemas.documents.subscriptions import canonical
from schemas.workflow import OAuth2, Sending, VoiceAgent, Workflow
from streams.egress import Egress, narrowed
from streams.templates.addresses import endpoint
from streams.templates.written import TemplateFault


def with_destinations(reading: Reading, egress: Egress) -> Reading:
    """A reading with a fault for each destination that the guard, opened as `egress` says, or a voice
    agent's narrowing refuses. A node counts as sent by the voice agents that name its workflow."""
    every = (*reading.documents, *reading.refused)
    agents = [one for one in map(_narrowed, every) if one is not None]
    found = [_faults(document, agents, egress) for document in every]
    sound = tuple(one for one, wrong in zip(reading.documents, found, strict=False) if not wrong)
    refused = tuple(one for one, wrong in zip(reading.documents, found, strict=False) if wrong)
    errors = (*reading.errors, *chain.from_iterable(found))
    return Reading(sound, errors, reading.warnings, (*reading.refused, *refused))


def _faults(document: Document, agents: list[VoiceAgent], egress: Egress) -> tuple[Fault, ...]:
    findings = Findings(document.file, document.lines)
    _check(document, agents, egress, findings)
    return findings.errors


def _narrowed(document: Document) -> VoiceAgent | None:
    """The voice agent of a document, without a narrowing that is at fault itself: nothing is judged by it."""
    agent = document.value
    if not isinstance(agent, VoiceAgent):
        return None
    written = document.source.get("egress")
    sound = list(agent.egress) == written and all(map(is_destination, agent.egress))
    return agent if sound or not agent.egress else replace(agent, egress=())


def _check(document: Document, agents: list[VoiceAgent], egress: Egress, findings: Findings) -> None:
    match document.value:
        case Workflow(id=workflow_id, nodes=nodes):
            users = [agent for agent in agents if agent.workflow == workflow_id]
            for at, node in enumerate(nodes):
                if node.sending is not None:
                    _check_sending(("nodes", at), node.sending, users, egress, findings)
        case VoiceAgent(webhooks=webhooks) if webhooks:
            written = {canonical(name): name for name in reversed(document.source["webhooks"])}
            own = [agent for agent in (_narrowed(document),) if agent is not None]
            for event_type, sending in webhooks.items():
                _check_sending(("webhooks", written[event_type]), sending, own, egress, findings)


def _check_sending(
    path: Path, sending: Sending, agents: Iterable[VoiceAgent], egress: Egress, findings: Findings
) -> None:
    for where, url in _urls(path, sending):
        host = _host(url)
        if host is None:
            continue
        address = host if _is_address(host) else None
        why = None if address is None else egress.refusal(host, address)
        if why is not None:
            findings.fault(
                where,
                f"found an address that is {why}; expected a public one, or one that"
                " POSTCALL_EGRESS_ALLOW opens",
            )
        for agent in agents:
            if agent.egress and not _within(narrowed(agent.egress), host, address):
                findings.fault(
                    where,
                    f"found the host {quoted(host)}; expected one of the `egress` of agent {quoted(agent.id)}",
                )


def _urls(path: Path, sending: Sending) -> Iterator[tuple[Path, str]]:
    yield (*path, "url"), sending.url
    if isinstance(sending.auth, OAuth2):
        yield (*path, "auth", "token_url"), sending.auth.token_url


def _host(url: str) -> str | None:
    try:
        return urlsplit(endpoint(url)).hostname
    except (TemplateFault, ValueError):
        return None


def _within(narrowing: Egress, host: str, address: str | None) -> bool:
    """A name may lead into the ranges that are listed; only where there are none is it surely outside."""
    return narrowing.opened(host, address) or (address is None and bool(narrowing.networks))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
