"""Where a host name leads, and whether a request may go there.

The resolver is asked once, every answer is vetted, and the connection is made to a vetted address:
a second look-up could answer differently (DNS rebinding). IP literals take the same way.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from itertools import zip_longest
from typing import Final, TypeAlias

from agents.http.errors import EgressDenied, NameUnknown
from streams.egress import Egress, narrowed

OUTSIDE: Final = "found an address outside the voice agent's `egress`; expected one of those"

Resolve: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""Host name → its addresses as literals, in order of preference. Raises OSError when it has none."""

REMEMBER: Final = 30.0
"""Seconds for which an answer of the resolver is used again."""

REMEMBER_AT_MOST: Final = 4_096

LOOKUPS: Final = 64
"""Threads for look-ups. The loop's own pool has six on a small machine, and six names whose server
hangs would stop the look-ups of everybody else."""


class Guard:
    """Resolves and vets. One for each worker, so that all requests share its memory of names."""

    def __init__(self, egress: Egress, resolve: Resolve | None = None) -> None:
        self._egress = egress
        self._resolve = resolve or SystemResolver()
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._asked: dict[str, asyncio.Task[tuple[str, ...]]] = {}

    async def addresses(self, host: str, only: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The vetted addresses of a host, IPv4 and IPv6 in turn, the preferred family first.

        `only` is what a voice agent narrowed itself to (`egress` of its document; empty: nothing). It
        takes away and never opens.

        One answer that may not be used refuses the name: a list that mixes public and private
        addresses is what a rebinding attack looks like. Where the operator opened one of them, as
        127.0.0.1 for `localhost`, the others are just left out. Raises EgressDenied, NameUnknown.
        """
        found = (host,) if _is_literal(host) else await self._look_up(host)
        refusals = [(address, self._egress.refusal(host, address)) for address in found]
        opened = any(self._egress.opened(host, address) for address in found)
        for address, why in refusals:
            if why is not None and not opened:
                raise EgressDenied(f"found an address that is {why}; expected a public one", address)
        vetted = [address for address, why in refusals if why is None]
        within = [address for address in vetted if not only or narrowed(only).opened(host, address)]
        if not within:
            raise EgressDenied(OUTSIDE, vetted[0])
        return _interleaved(within)

    def unresolved(self, host: str, only: tuple[str, ...] = ()) -> None:
        """Vet a host that somebody else will look up: all that can be said of a name is the name.

        Raises EgressDenied.
        """
        literal = host if _is_literal(host) else None
        # By RFC 6761 these names are loopback wherever they are looked up.
        local = host.rstrip(".") == "localhost" or host.rstrip(".").endswith(".localhost")
        address = literal or ("127.0.0.1" if local else None)
        why = None if address is None else self._egress.refusal(host, address)
        if why is not None:
            raise EgressDenied(f"found an address that is {why}; expected a public one", address)
        if only and not narrowed(only).opened(host, address):
            raise EgressDenied(OUTSIDE, address)

    async def _look_up(self, host: str) -> tuple[str, ...]:
        now = asyncio.get_running_loop().time()
        until, known = self._known.get(host, (0.0, ()))
        if now < until:
            return known
        task = self._asked.get(host)
        if task is None:
            task = self._asked[host] = asyncio.create_task(self._ask(host, now + REMEMBER))
            task.add_done_callback(lambda done: self._forget(host, done))
        # One caller's deadline must not cancel the look-up that others wait for.
        return await asyncio.shield(task)

    async def _ask(self, host: str, until: float) -> tuple[str, ...]:
        try:
            found = tuple(dict.fromkeys(await self._resolve(host)))
        except (OSError, UnicodeError):
            raise NameUnknown("found no address for the host") from None
        if not found:
            raise NameUnknown("found no address for the host")
        if len(self._known) >= REMEMBER_AT_MOST:
            self._known.clear()
        self._known[host] = (until, found)
        return found

    def _forget(self, host: str, done: asyncio.Task[tuple[str, ...]]) -> None:
        del self._asked[host]
        if not done.cancelled():
            # Read it, or asyncio complains when every caller has given up waiting.
            done.exception()


class SystemResolver:
    """The operating system's resolver, in threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="resolve")

    async def __call__(self, host: str) -> Sequence[str]:
        """The addresses of a name. Raises OSError, UnicodeError."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _addresses_of, host)


def _addresses_of(host: str) -> list[str]:
    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [str(sockaddr[0]) for *_, sockaddr in answers]


def _interleaved(addresses: Sequence[str]) -> tuple[str, ...]:
    preferred = ":" in addresses[0]
    first = [one for one in addresses if (":" in one) == preferred]
    others = [one for one in addresses if (":" in one) != preferred]
    pairs = zip_longest(first, others)
    return tuple(one for pair in pairs for one in pair if one is not None)


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
