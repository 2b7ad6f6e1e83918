"""A voice agent's `egress` narrows where its requests may go, and never opens anything."""

import pytest

from agents.attempt import Attempts, Outbound
from agents.http.client import Client
from agents.http.errors import EgressDenied
from agents.http.guard import Guard
from agents.http.secrets import Secrets
from agents.http.transport import GuardedTransport
from agents.worker import utc_now
from schemas.delivery import Answered, Reply, Request, Silence
from schemas.workflow import OAuth2
from streams.egress import Egress, egress
from tests.agents.http.builders import request, text
from tests.agents.http.hostile import receiving
from tests.agents.http.test_guard import Names

DENIED = Silence("egress_denied", "before")


class Agents:
    """Voice agents that share a worker, each with its narrowing, which may change."""

    def __init__(self, **only: tuple[str, ...]) -> None:
        self.only = only
        names = Names(here=["127.0.0.1"], both=["127.0.0.1", "127.0.0.2"])
        client = Client(GuardedTransport(Guard(egress(["127.0.0.0/8"]), names)))
        secrets = Secrets({"POSTCALL_SECRET_S": "hunter2"})
        self._attempts = Attempts(client, secrets, utc_now, only=lambda agent_id: self.only[agent_id])

    async def send(self, agent_id: str, sent: Request) -> Reply:
        """The reply to a request of an agent."""
        return await self._attempts.make(Outbound("call-1", "abc", "node", 1, "", sent, agent_id))


@pytest.mark.parametrize(
    "only", [("127.0.0.1",), ("127.0.0.0/24",), ("HERE.",), ("x.example", "127.0.0.0/8")]
)
async def test_a_request_within_the_narrowing_is_sent(only: tuple[str, ...]) -> None:
    async with receiving() as receiver:
        reply = await Agents(bot=only).send("bot", request(receiver.url("ok", host="here")))
    assert isinstance(reply, Answered)


@pytest.mark.parametrize("only", [("127.0.0.2",), ("x.example",), ("10.0.0.0/8", "::/0")])
@pytest.mark.parametrize("host", ["here", "127.0.0.1"])
async def test_a_request_outside_the_narrowing_never_leaves(only: tuple[str, ...], host: str) -> None:
    async with receiving() as receiver:
        assert await Agents(bot=only).send("bot", request(receiver.url("ok", host=host))) == DENIED
    assert receiver.connections == 0


async def test_a_connection_of_one_voice_agent_is_closed_to_another_that_may_not_go_there() -> None:
    async with receiving() as receiver:
        agents, sent = Agents(free=(), bound=("127.0.0.2",)), request(receiver.url("ok"))
        assert isinstance(await agents.send("free", sent), Answered)
        assert await agents.send("bound", sent) == DENIED
    assert receiver.connections == 1


async def test_a_narrowing_holds_from_the_moment_it_is_applied() -> None:
    async with receiving() as receiver:
        agents, sent = Agents(bot=()), request(receiver.url("ok"))
        assert isinstance(await agents.send("bot", sent), Answered)
        agents.only["bot"] = ("127.0.0.2",)
        assert await agents.send("bot", sent) == DENIED
        agents.only["bot"] = ("127.0.0.1",)
        assert isinstance(await agents.send("bot", sent), Answered)


async def test_a_token_is_not_fetched_from_outside_the_narrowing_nor_by_another_voice_agent() -> None:
    async with receiving() as receiver:
        texts = {
            "token_url": (receiver.url("token", host="here"),),
            "client_id": ("us",),
            "client_secret": text("<S>"),
        }
        sent = request(receiver.url("ok"), auth=OAuth2("", "", ""), auth_texts=texts)
        agents = Agents(free=(), bound=("127.0.0.2",))
        receiver.behaviours["token"] = receiver.behaviours["error"]
        assert await agents.send("free", sent) == Silence("token", "unsent")
        assert await agents.send("bound", sent) == DENIED
    assert [asked.target for asked in receiver.asked] == ["/token"]


async def test_a_redirect_stays_within_the_narrowing() -> None:
    async with receiving() as receiver:
        agents = Agents(bot=("127.0.0.1",))
        moved = await agents.send("bot", request(receiver.url("moved"), redirects=True))
        away = await agents.send("bot", request(receiver.url("metadata-307"), redirects=True))
    assert isinstance(moved, Answered)
    assert isinstance(away, Answered)
    assert (moved.status, away.status) == (200, 307)


async def test_of_several_answers_only_those_within_the_narrowing_are_used() -> None:
    names = Names(both=["127.0.0.1", "127.0.0.2"])
    guard = Guard(egress(["127.0.0.0/8"]), names)
    assert await guard.addresses("both", ("127.0.0.2",)) == ("127.0.0.2",)


async def test_a_narrowing_opens_nothing() -> None:
    guard = Guard(Egress(), Names(inside=["10.0.0.1"]))
    for only in (("10.0.0.0/8",), ("inside",), ("0.0.0.0/0",)):
        for host in ("inside", "10.0.0.1"):
            with pytest.raises(EgressDenied, match="private"):
                await guard.addresses(host, only)
