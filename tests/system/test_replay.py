"""What was given up is listed, and sent once more when an operator asks: commands, a worker, a receiver."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from agents.connection import client_options, kafka_config
from agents.demo.receiver import Request, Rule, Script
from agents.replaying import letters
from agents.workflows_topic import read_whole
from schemas.settings import Settings
from streams.letters import Selection
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import produce
from tests.system.receiver import ReceiverProcess
from tests.system.workers import Fleet, Setting

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

ONCE = {"schedule": ["50ms"]}
PATIENCE = 60.0


class Stage:
    """A worker that follows `bot`, and its customer's side."""

    def __init__(self, setting: Setting, receiver: ReceiverProcess) -> None:
        self.setting, self.receiver = setting, receiver
        self.config = kafka_config(Settings(broker=setting.bootstrap))

    def apply(self, *nodes: str) -> None:
        """The workflow `talk` with these nodes one after the other."""
        chain = [{"source": one, "target": other} for one, other in zip(("end", *nodes), nodes, strict=False)]
        api = [
            {"id": one, "type": "post_call_api", "url": f"{self.receiver.url}/{one}", "retry": ONCE}
            for one in nodes
        ]
        talk = [{"id": "hi", "type": "default", "start": True}, {"id": "end", "type": "end_call"}]
        edges = [{"source": "hi", "target": "end"}, *chain]
        hook = {"url": f"{self.receiver.url}/hook", "retry": ONCE}
        self.setting.apply(
            [
                {"kind": "workflow", "id": "talk", "version": 1, "nodes": [*talk, *api], "edges": edges},
                {"kind": "agent", "id": "bot", "workflow": "talk", "webhooks": {"call.ended": hook}},
            ]
        )

    def answer(self, **statuses: int) -> None:
        """How the paths answer from now on; 200 where nothing is said."""
        rules = (Rule(path=f"/{path}", status=status) for path, status in statuses.items())
        self.receiver.behave(Script(tuple(rules)))
        time.sleep(0.5)

    def end(self, call_id: str, **more: str) -> str:
        """A call ends properly."""
        said = {"type": "call.ended", "call_id": call_id, "agent_id": "bot"} | more
        event = {**said, "data": {"reason": "end_node", "end_node_id": "end"}}
        produce(
            self.setting.bootstrap,
            f"{self.setting.prefix}call-events",
            [(call_id.encode(), orjson.dumps(event), [])],
        )
        return call_id

    def asked(self, *words: str, code: int = 0) -> Any:
        """What a command prints as JSON."""
        done = self.setting.run(*words, "--json")
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def letters(self, count: int = 1, **named: str) -> list[dict[str, Any]]:
        """So many dead letters, as soon as they are there."""

        def look() -> list[dict[str, Any]]:
            found = letters(self.config, f"{self.setting.prefix}dead-letters", Selection(**named))
            return [each.said for each in asyncio.run(found)]

        return list(eventually(look, lambda found: len(found) >= count))

    def marks(self) -> dict[str, bytes]:
        """What the workflows topic holds about endpoints."""
        topic = f"{self.setting.prefix}workflows"
        written = asyncio.run(read_whole(client_options(self.config), topic))
        return {key: value for key, value in written.items() if key.startswith("endpoint/")}

    def requests(self, call_id: str, path: str) -> list[Request]:
        """The requests of a call to a path."""
        return [
            each
            for each in self.receiver.requests()
            if each.path == f"/{path}" and each.headers["postcall-call-id"] == call_id
        ]

    def await_request(self, call_id: str, path: str, status: int = 200) -> Request:
        """The first request of a call that was answered so."""
        return eventually(
            lambda: [each for each in self.requests(call_id, path) if each.answer == status], bool
        )[0]


def eventually(look: Callable[[], Any], there: Callable[[Any], bool]) -> Any:
    """What is found once it is there."""
    until = time.monotonic() + PATIENCE
    while not there(found := look()):
        assert time.monotonic() < until, f"not within {PATIENCE} s: {found}"
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def stage(kafka: ServedBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One worker for all tests; each has calls and paths of its own."""
    folder = tmp_path_factory.mktemp("replay")
    window = {"POSTCALL_UPGRADE_WINDOW": "1s"}
    setting = Setting(kafka.bootstrap, f"replay-{uuid.uuid4().hex[:8]}", folder, partitions=4, more=window)
    with ReceiverProcess(folder) as receiver, Fleet(setting) as fleet:
        fleet.add()
        yield Stage(setting, receiver)


def test_a_workflow_that_was_applied_late_runs_for_the_calls_that_are_replayed(stage: Stage) -> None:
    late, alone = stage.end("c-late"), stage.end("c-alone")
    time.sleep(3)
    stage.apply("crm", "mail")
    assert stage.asked("replay", late)["whole_call"] == late
    assert stage.await_request(late, "mail").headers["postcall-replay"] == "true"
    assert len(stage.requests(late, "crm")) == 1
    assert stage.requests(alone, "crm") == []


def test_what_an_endpoint_did_not_take_is_listed_and_sent_once_more_when_it_is_up(stage: Stage) -> None:
    stage.apply("crm", "mail")
    stage.answer(crm=500)
    call = stage.end("c-down")
    [letter] = stage.letters(call=call)
    assert (letter["reason"], letter["id"], len(letter["attempts"])) == ("exhausted", "crm", 2)
    assert stage.asked("dead-letters", "--node", "crm", "--since", "10m", "--endpoint", "bot/crm") == [letter]
    time.sleep(2)
    stage.answer()
    shown = stage.asked("replay", "--node", "crm", "--reason", "exhausted", "--dry-run")
    assert ([one["result"] for one in shown["deliveries"]], shown["asked"]) == (["replay"], 0)
    assert len(stage.requests(call, "crm")) == 2
    assert stage.asked("replay", "--endpoint", stage.receiver.url, "--reason", "exhausted")["asked"] == 1
    first, _, replayed = [stage.await_request(call, "mail"), *stage.requests(call, "crm")][1:]
    assert replayed.headers["postcall-replay"] == "true"
    assert "postcall-replay" not in first.headers
    assert (replayed.headers["webhook-id"], replayed.body_sha256) == (
        first.headers["webhook-id"],
        first.body_sha256,
    )
    again = eventually(
        lambda: stage.asked("replay", "--node", "crm", "--reason", "exhausted", "--dry-run")["deliveries"],
        lambda found: found[0]["result"] == "done",
    )
    assert len(again) == 1
    assert len(stage.requests(call, "crm")) == 3


def test_an_endpoint_that_is_gone_gets_nothing_until_it_is_resumed(stage: Stage) -> None:
    stage.apply("crm", "mail")
    stage.answer(hook=410)
    gone = stage.end("c-gone")
    assert stage.letters(call=gone)[0]["reason"] == "gone"
    eventually(stage.marks, bool)
    time.sleep(1)
    missed = stage.end("c-missed")
    [letter] = stage.letters(call=missed)
    assert (letter["reason"], letter["attempts"], letter["why"]) == ("disabled", [], "status_410")
    assert stage.requests(missed, "hook") == []
    assert stage.asked("resume") == [
        {"endpoint": "bot/call.ended", "disabled": True, "failing_since": None, "why": "status_410"}
    ]
    stage.answer()
    assert stage.asked("replay", missed, "--type", "call.ended")["asked"] == 1
    _, letter = stage.letters(2, call=missed)
    assert (letter["reason"], [one["error"] for one in letter["attempts"]]) == ("disabled", ["disabled"])
    assert stage.requests(missed, "hook") == []
    assert stage.asked("resume", "endpoint/bot/call.ended")["resumed"] == "bot/call.ended"
    assert stage.setting.run("resume", "bot/call.ended").returncode == 1
    assert stage.asked("get", "endpoints") == []
    assert stage.asked("replay", "--type", "call.ended", "--rate", "100")["asked"] == 2
    for call in (gone, missed):
        assert stage.await_request(call, "hook").headers["postcall-replay"] == "true"


def test_an_event_that_cannot_be_read_cannot_be_replayed(stage: Stage) -> None:
    produce(stage.setting.bootstrap, f"{stage.setting.prefix}call-events", [(b"c", b"{", [])])
    stage.letters(reason="unreadable")
    done = stage.setting.run("replay", "--reason", "unreadable")
    assert (done.returncode, "cannot be replayed" in done.stderr) == (0, True)


def test_a_replay_for_workers_that_never_were_is_refused(stage: Stage) -> None:
    done = stage.setting.run("replay", "c-1", "--app-id", "nobody")
    assert (done.returncode, "found no topic nobody-internal" in done.stderr) == (1, True)
