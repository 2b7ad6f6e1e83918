"""A webhook that was given up is kept beside its call, and a replay sends it to where the document says now."""

import pytest

from schemas.delivery import Answered
from schemas.messages import Replay
from schemas.workflow import VoiceAgent
from streams.definitions import Snapshot
from tests.builders import call
from tests.streams.engine import Engine
from tests.streams.replays import CHAIN, ENDED, newest
from tests.streams.tales import documents, sending


def dead_webhook(kind: str = "call.answered") -> Engine:
    told = Engine(documents(CHAIN, kind)).hear(ENDED).reply(kind, Answered(410))
    return told.reply("crm").reply("mail").reply("thanks").reply("log").settle()


@pytest.mark.parametrize("kind", ["call.answered", "call.ended"])
def test_a_dead_webhook_is_kept_beside_a_call_that_has_shrunk(kind: str) -> None:
    told = dead_webhook(kind)
    assert (told.row.conversations, told.row.deliveries, told.row.settled) == ((), (), True)
    assert sorted(key.sort for key in told.parts) == ["d", "r"]


@pytest.mark.parametrize("kind", ["call.answered", "call.ended"])
def test_a_replayed_webhook_goes_to_the_url_now_in_force_with_its_body_and_id(kind: str) -> None:
    told = dead_webhook(kind)
    first, kept = newest(told, kind), told.requests[kind].request
    elsewhere = sending("https://new.example.com/{{ call.id }}", headers={"X-Team": "new"})
    told.documents = replace_agent(told, VoiceAgent("bot", workflow="support", webhooks={kind: elsewhere}))
    again = newest(told.replay(), kind)
    sent = told.requests[kind].request
    assert (again.delivery_id, again.replay, again.attempt) == (first.delivery_id, True, 2)
    assert again.endpoint == "https://new.example.com:443"
    assert ("".join(map(str, sent.url)), sent.body) == ("https://new.example.com/c1", kept.body)
    assert dict(sent.headers)["X-Team"] == ("new",)
    assert dict(sent.headers)["webhook-id"] == dict(kept.headers)["webhook-id"]
    assert told.reply(kind).acknowledge().row.deliveries == ()
    assert (told.parts, told.row.settled) == ({}, True)


def replace_agent(told: Engine, agent: VoiceAgent) -> Snapshot:
    return Snapshot(told.documents.workflows, {"bot": agent}, told.documents.marks)


def test_a_replayed_webhook_that_is_gone_from_the_document_goes_where_it_went() -> None:
    told = dead_webhook()
    kept = newest(told, "call.answered").request
    told.documents = replace_agent(told, VoiceAgent("bot"))
    assert newest(told.replay(), "call.answered").request == kept


def test_a_webhook_that_cannot_be_rendered_any_more_goes_where_it_went() -> None:
    told = dead_webhook()
    kept = newest(told, "call.answered").request
    hook = {"call.answered": sending("https://x.example.com/{{ variables.nobody }}")}
    told.documents = replace_agent(told, VoiceAgent("bot", webhooks=hook))
    assert newest(told.replay(), "call.answered").request == kept


def test_a_webhook_that_dies_again_can_be_replayed_again() -> None:
    told = dead_webhook().replay().reply("call.answered", Answered(410)).acknowledge()
    assert (told.row.settled, told.row.buried) == (True, 2)
    assert newest(told.replay(), "call.answered").attempt == 3


def test_only_the_named_of_several_dead_webhooks_goes() -> None:
    told = Engine(documents(CHAIN, "turn.completed"))
    told.hear(call().answered(agent_id="bot", id="a"))
    for name in ("one", "two", "three"):
        told.hear(call().turn(name, id=name)).reply("turn.completed", Answered(410))
    said = [one for one in told.started if one.id == "turn.completed"]
    told.fold(Replay("c1", (said[1].delivery_id,)))
    assert newest(told, "turn.completed").delivery_id == said[1].delivery_id
    assert sum(key.sort == "d" for key in told.parts) == 2


def test_a_webhook_that_was_done_is_not_sent_again() -> None:
    told = Engine(documents(CHAIN, "call.answered")).hear(ENDED).reply("call.answered")
    before = len(told.asked)
    told.replay("call.answered")
    assert len(told.asked) == before
