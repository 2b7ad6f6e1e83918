"""The endpoints: a connection is made as a worker makes it, through the guard; no request is sent."""

import asyncio
from collections.abc import Iterator
from typing import Final

import httpx

from agents.checks.documents import sendings
from agents.checks.finding import Finding, fail, ok
from agents.http.auth import credentials
from agents.http.client import Client
from agents.http.errors import Unsendable, Withheld, silence_of
from agents.http.opening import open_client
from agents.http.secrets import Secrets
from schemas.settings import Settings
from schemas.workflow import OAuth2, Sending
from streams.definitions import Snapshot
from streams.template import references
from streams.templates import written

PATIENCE: Final = 5.0
"""Seconds for a connection, as attempts have them (3-delivery.md)."""

TOGETHER: Final = 16
"""Connections that are made at a time."""

STAND_IN: Final = "x"
"""What stands in a URL for what only a call knows. It never is in its scheme or host."""

MENDS: Final = {
    "egress_denied": "POSTCALL_EGRESS_ALLOW=HOST, if it is meant to be reached",
    "dns": "correct the host in its document, or the resolver of this machine",
    "tls": "renew its certificate, or name its CA: `tls: {ca: …}`",
}


async def look_at_endpoints(snapshot: Snapshot, settings: Settings, secrets: Secrets) -> list[Finding]:
    """Connect to every endpoint of the documents in force, once for each origin and identity."""
    client, gate = open_client(settings), asyncio.Semaphore(TOGETHER)
    meant: dict[tuple[object, ...], tuple[httpx.Request, list[str]]] = {}
    found: list[Finding] = []
    for name, sending, only in _all(snapshot):
        try:
            request = _request(sending, only, secrets)
        except (Unsendable, ValueError, httpx.InvalidURL) as fault:
            found.append(fail("endpoints", name, str(fault), "an address that can be connected to"))
            continue
        url = request.url
        key = (url.scheme, url.host, url.port, request.extensions["tls"], only)
        meant.setdefault(key, (request, []))[1].append(name)

    async def one(request: httpx.Request, names: list[str]) -> Finding:
        async with gate:
            return await _connected(client, request, names)

    try:
        found += await asyncio.gather(*(one(*each) for each in meant.values()))
    finally:
        await client.close()
    return found


def _all(snapshot: Snapshot) -> Iterator[tuple[str, Sending, tuple[str, ...]]]:
    """All endpoints, and the login servers of those that want a token (OAuth2)."""
    for name, sending, only in sendings(snapshot):
        yield name, sending, only
        if isinstance(sending.auth, OAuth2):
            yield f"the token of {name}", Sending(url=sending.auth.token_url, retry=sending.retry), only


def _request(sending: Sending, only: tuple[str, ...], secrets: Secrets) -> httpx.Request:
    """What would be sent, as far as the way there goes. Raises Unsendable, ValueError."""
    here = secrets.opened()
    pieces = written.pieces(sending.url, True)
    constant = tuple(each if isinstance(each, str) else STAND_IN for each in pieces)
    url = httpx.URL(here.text(constant))
    fields = {name: getattr(sending.auth, name) for name in sending.auth.__struct_fields__}
    texts = {name: here.text(references(one)) for name, one in fields.items() if isinstance(one, str) and one}
    tls = sending.tls
    if tls.ca is not None:
        tls = type(tls)(ca=here.text(references(tls.ca)), insecure=tls.insecure)
    identity = credentials(sending.auth, texts, b"", tls).tls
    # The transport asks when the connection stands; then we know enough.
    asked = {"tls": identity, "only": only, "may_leave": lambda: False}
    return httpx.Request("HEAD", url, extensions=asked)


async def _connected(client: Client, request: httpx.Request, names: list[str]) -> Finding:
    url = request.url
    where = f"{url.scheme}://{url.host}{f':{url.port}' if url.port else ''}"
    used_by = ", ".join(dict.fromkeys(names))
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        await client.exchange(request, began + PATIENCE, wanted=False)
    except Withheld:
        return ok("endpoints", where, f"connected in {loop.time() - began:.2f} s, for {used_by}")
    except httpx.RequestError as fault:
        error = silence_of(fault).error
        mend = MENDS.get(error, "start it, or open the way there: curl -v " + where)
        return fail("endpoints", where, f"{error}: {fault}", f"a connection, for {used_by}", mend)
    raise RuntimeError("found an answer to a request that was not sent; expected none")
