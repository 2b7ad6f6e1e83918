"""No request reaches an address that is not plainly public, by name or literal, now or after rebinding."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from agents.http.errors import EgressDenied, NameUnknown
from agents.http.guard import Guard, SystemResolver
from agents.http.transport import GuardedTransport
from schemas.delivery import Answered, Silence
from streams.egress import Egress, egress
from tests.agents.http.builders import attempts, outbound, request
from tests.agents.http.hostile import receiving


class Names:
    """A resolver that knows some names, and counts what it was asked."""

    def __init__(self, **answers: Sequence[str]) -> None:
        self.answers = answers
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked += 1
        await self.may_answer.wait()
        if host not in self.answers:
            raise OSError
        return self.answers[host]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "localhost",
        "0.0.0.0",
    ],
)
async def test_loopback_and_metadata_are_refused_before_anything_is_sent(host: str) -> None:
    async with receiving() as receiver:
        through = GuardedTransport(Guard(Egress()))
        reply = await attempts(through).make(outbound(request(receiver.url("ok", host=host))))
    assert reply == Silence("egress_denied", "before")
    assert receiver.connections == 0


ODD = """
http://127.1/ http://2130706433/ http://0x7f000001/ http://0177.0.0.1/ http://u:p@a.example/ ftp://a.example/
http://１２７.０.０.１/ file:///etc/passwd http:/// http://[::1%25lo]/
"""


@pytest.mark.parametrize("url", ODD.split())
async def test_a_url_that_hides_where_it_leads_is_refused(url: str) -> None:
    assert await attempts().make(outbound(request(url))) == Silence("bad_url", "before")


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["2001:4860:4860::8888", "::1"], ["fe80::1%eth0"]]
)
async def test_one_answer_that_is_not_public_refuses_the_name(answers: list[str]) -> None:
    with pytest.raises(EgressDenied):
        await Guard(Egress(), Names(name=answers)).addresses("name")


async def test_of_the_answers_for_an_opened_host_only_the_opened_are_used() -> None:
    names = Names(localhost=["::1", "127.0.0.1"])
    assert await Guard(egress(["127.0.0.0/8"]), names).addresses("localhost") == ("127.0.0.1",)
    assert await Guard(egress(["localhost"]), names).addresses("localhost") == ("::1", "127.0.0.1")


async def test_the_vetted_answers_are_the_ones_connected_to() -> None:
    # Were the name looked up a second time, it would lead nowhere.
    async with receiving() as receiver:
        names = Names(rebinds=["127.0.0.1"])
        through = GuardedTransport(Guard(egress(["127.0.0.1"]), names))
        reply = await attempts(through).make(outbound(request(receiver.url("echo", host="rebinds"))))
    assert isinstance(reply, Answered)
    assert reply.body["headers"]["host"] == f"rebinds:{receiver.port}"
    assert names.asked == 1


async def test_a_dead_address_leaves_time_for_the_next() -> None:
    async with receiving() as receiver:
        names = Names(twofold=["127.0.0.2", "127.0.0.1"])
        through = GuardedTransport(Guard(egress(["127.0.0.0/8"]), names))
        reply = await attempts(through).make(outbound(request(receiver.url("ok", host="twofold"))))
    assert reply == Answered(200, body={})


async def test_families_take_turns() -> None:
    names = Names(both=["2003::1", "2003::2", "2003::3", "8.8.8.8"])
    assert await Guard(Egress(), names).addresses("both") == ("2003::1", "8.8.8.8", "2003::2", "2003::3")


async def test_a_name_without_an_address_is_unsent() -> None:
    through = GuardedTransport(Guard(Egress(), Names(empty=[])))
    for host in ("unknown", "empty"):
        reply = await attempts(through).make(outbound(request(f"http://{host}/")))
        assert reply == Silence("dns", "unsent")


async def test_a_name_that_is_no_host_name_is_unsent() -> None:
    with pytest.raises(NameUnknown):
        await Guard(Egress()).addresses("a" * 64 + ".example")


async def test_a_resolver_that_hangs_is_unsent_and_in_time() -> None:
    names = Names()
    names.may_answer.clear()
    through, began = GuardedTransport(Guard(Egress(), names)), monotonic()
    reply = await attempts(through).make(outbound(request("http://slow/", 0.2)))
    assert reply == Silence("connect_timeout", "unsent")
    assert monotonic() - began < 0.6


async def test_a_name_is_looked_up_once_for_all_who_ask_at_once_and_then_remembered() -> None:
    names = Names(name=["8.8.8.8"])
    guard = Guard(Egress(), names)
    await asyncio.gather(*(guard.addresses("name") for _ in range(20)))
    await guard.addresses("name")
    assert names.asked == 1


async def test_a_failed_look_up_is_not_remembered() -> None:
    names = Names()
    guard = Guard(Egress(), names)
    with pytest.raises(NameUnknown):
        await guard.addresses("name")
    names.answers["name"] = ["8.8.8.8"]
    assert await guard.addresses("name") == ("8.8.8.8",)


async def test_names_that_hang_leave_the_loops_own_threads_alone() -> None:
    resolver, blocked = SystemResolver(), threading.Event()
    assert isinstance(resolver._threads, ThreadPoolExecutor)
    for _ in range(40):
        resolver._threads.submit(blocked.wait, 5)
    try:
        assert await asyncio.wait_for(resolver("localhost"), 2)
    finally:
        blocked.set()
