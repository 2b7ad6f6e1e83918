"""Why a call came to what it came to: the words are complete, and a log folded once more comes to the same."""

import re
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, get_args

import orjson
import pytest
from msgspec.structs import replace

from schemas.delivery import Answered, Class
from schemas.messages import Erase
from schemas.outcomes import Outcome, Verdict
from streams import machine, plan
from streams.definitions import Snapshot
from streams.effects import Position
from streams.explaining import words
from streams.explaining.idle import condition
from streams.explaining.retelling import Entry, Pin, Retold, retell
from streams.explaining.sources import Sources, pins
from streams.explaining.telling import explain
from streams.letters import read
from streams.records import Reason
from streams.verdicts.changes import NOTES
from tests.builders import START, call
from tests.streams.engine import Engine
from tests.streams.tales import CHAIN, POLICY, documents, flow, tale

ROOT = Path(__file__).parents[2]
PROPER = call().answered(agent_id="bot").node("resolved", end=True).ended("end_node")
NOWHERE = Position("call-events", 0, 0)


class Recording(Engine):
    """Keeps all messages as the topics would, with the moments of their records."""

    events: list[Entry]
    internal: list[Entry]

    def fold(self, message: machine.Input) -> "Recording":
        log = self.__dict__.setdefault("events" if hasattr(message, "occurred_at") else "internal", [])
        log.append(Entry(self.now, message, NOWHERE))
        super().fold(message)
        return self

    def retold(self, ahead: timedelta = timedelta()) -> Retold:
        """The log folded once more; `ahead` is how far the producers' clocks are."""
        told = [replace(one, at=one.at + ahead) for one in self.events]
        return retell(told, self.__dict__.get("internal", []), self.pins(), self.documents, self.policy)

    def pins(self) -> list[Pin]:
        return pins(self.call, tuple(self.records_of_verdicts()))

    def records_of_verdicts(self) -> list[dict[str, object]]:
        return [one for one in self.records if str(one.get("type", "")).startswith("call.outcome")]


def lived(seed: int) -> Recording:
    """A random call, told second by second, until all is over."""
    dice = Random(seed)
    told = tale(dice)
    engine = Recording(told.documents, POLICY)
    for event in told.events:
        engine.hear([event]).wait(dice.choice((0.2, 1.0, 5.0)))
    engine.wait(4)
    for started in list(engine.started):
        engine.reply(started.id).wait(0.1)
    engine.acknowledge().wait(900)
    return engine


@pytest.mark.parametrize("seed", range(60))
def test_a_log_folded_once_more_comes_to_the_row_of_the_workers(seed: int) -> None:
    engine = lived(seed)
    assert engine.retold().call == engine.call
    assert all(beat.counted for beat in engine.retold().beats if hasattr(beat.entry.message, "occurred_at"))


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(hours=1)])
def test_producers_whose_clocks_are_ahead_change_nothing(ahead: timedelta) -> None:
    engine = Recording(documents(CHAIN), POLICY)
    engine.hear(call().answered(agent_id="bot").node("resolved", end=True).ended("end_node")).wait(700)
    retold = engine.retold(ahead)
    outcomes = [one.outcome for beat in retold.beats for one in beat.after.conversations if one.outcome]
    assert {(one.verdict, one.rule) for one in outcomes} == {(Verdict.PROPER, "R1")}
    assert [beat.counted for beat in retold.beats if beat.counted] == ["applied"] * 3
    decided = next(beat for beat in retold.beats if any(one.outcome for one in beat.after.conversations))
    assert decided.now == START + timedelta(seconds=3)


def test_a_call_is_retold_with_the_workflow_version_that_its_verdict_was_pinned_to() -> None:
    engine = Recording(documents(CHAIN), POLICY)
    engine.hear(PROPER).wait(4)
    newer = flow((), "greet>resolved", version=2)
    engine.documents = Snapshot({"support": {1: CHAIN, 2: newer}}, engine.documents.agents)
    retold = engine.retold()
    assert [one.workflow_version for one in retold.call.conversations if retold.call] == [1]  # type: ignore[union-attr]  # it was folded
    (one,) = told(engine)
    assert (one["workflow_version"], one["notes"]) == (1, [])


def test_of_a_call_that_workers_have_forgotten_the_records_are_told() -> None:
    engine = Recording(documents(CHAIN), POLICY)
    engine.hear(PROPER).wait(4)
    outcomes = tuple(engine.records_of_verdicts())
    without = [one for one in engine.events if getattr(one.message, "type", "") != "call.ended"]
    retold = retell(without, [], engine.pins(), engine.documents, POLICY)
    (one,) = explain(Sources("c1", 0, engine.documents, POLICY, None, retold, outcomes))["incarnations"]
    assert (one["state"], one["verdict"], one["rule"]) == ("forgotten", "PROPER", "R1")


def test_a_verdict_that_the_log_does_not_bear_out_is_told_as_the_workers_recorded_it() -> None:
    engine = Recording(documents(CHAIN), POLICY)
    engine.hear(call().answered(agent_id="bot").node("greet").node("resolved", end=True).ended("end_node"))
    engine.wait(4)
    without_end = [
        one for one in engine.events if getattr(one.message, "data", {}).get("node_id") != "resolved"
    ]
    retold = retell(without_end, engine.internal, engine.pins(), engine.documents, POLICY)
    outcomes = tuple(engine.records_of_verdicts())
    sources = Sources("c1", 0, engine.documents, POLICY, engine.row, retold, outcomes)
    (told,) = explain(sources)["incarnations"]
    assert (told["verdict"], told["rule"]) == ("PROPER", "R1")
    assert any("folded once more its log comes to PREMATURE by R4" in note for note in told["notes"])


def test_an_event_that_waits_for_the_next_call_is_told_with_it() -> None:
    engine = Recording(documents(CHAIN), POLICY)
    engine.hear(call().answered(session_id="a", agent_id="bot"))
    engine.hear(call().ringing(session_id="b", id="b1"))
    kept = engine.retold().beats[-1]
    assert (kept.counted, kept.incarnation) == ("kept", 2)
    engine.hear(call().ended("caller_hangup", session_id="a", id="a2")).wait(4)
    heard = engine.retold().beats[1]
    assert (heard.counted, heard.incarnation) == ("applied", 2)


def test_rules_are_worded_as_in_the_readme() -> None:
    rows = re.findall(r"^\| (R\d+) \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert {rule: said.replace("`", "") for rule, said in rows} == words.RULES


def test_there_are_words_for_everything_that_can_be_told() -> None:
    code = (ROOT / "streams" / "verdicts" / "verdict.py").read_text().rpartition("class _Case")[2]
    assert set(re.findall(r'"(R\d+)"', code)) == set(words.RULES)
    assert set(words.CLASSES) == set(Class)
    assert set(words.DEATHS) == set(get_args(Reason))
    assert set(words.SKIPS) == {
        value for name, value in vars(plan).items() if isinstance(value, str) and name.isupper()
    }
    assert NOTES - set(words.NOTES) == {
        "ended_without_end_node",
        "lost",
        "outcome_upgraded",
        "several_terminals",
        "unknown_node",
    }, "these are told by the rule, the upgrade, R11 and the flag"


@pytest.mark.parametrize("verdict", Verdict)
def test_a_lost_call_is_told_what_it_was_judged_by(verdict: Verdict) -> None:
    said = words.of_rule(Outcome(verdict, "lost", "R12", synthetic=True))
    assert said.endswith(f": {verdict}.")


def test_a_condition_is_told_as_its_document_has_it() -> None:
    from schemas.workflow import Test, When

    nested = When("any", (Test("call.verdict", "eq", "PROPER"), Test("variables.vip", "exists", False)))
    assert condition(When("all", (Test("variables.n", "gt", 3), nested))) == (
        "variables.n gt 3 and (call.verdict eq 'PROPER' or variables.vip does not exist)"
    )


def told(engine: Recording) -> list[dict[str, Any]]:
    """What is told of every incarnation, with the row, the records and the log at hand."""
    outcomes = tuple(one for one in engine.records if str(one.get("type", "")).startswith("call."))
    attempts = tuple(one for one in engine.records if "started_at" in one)
    letters = tuple(
        letter
        for one in engine.records
        if "reason" in one and (letter := read(orjson.dumps(one))) is not None
    )
    row, retold = engine.call, engine.retold()
    sources = Sources("c1", 0, engine.documents, POLICY, row, retold, outcomes, attempts, letters)
    return list(explain(sources)["incarnations"])


def node(incarnation: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in incarnation["deliveries"] if each["id"] == name)


def test_before_the_verdict_it_is_told_what_is_waited_for_and_until_when() -> None:
    engine = Recording(documents(CHAIN), POLICY)
    (ringing,) = told(engine.hear(call().ringing(agent_id="bot")))
    assert (ringing["state"], ringing["verdict"], ringing["next"]["at"]) == (
        "open",
        None,
        "2026-03-01T12:02:00.000Z",
    )
    assert "counts as lost" in ringing["next"]["what"]
    assert node(ringing, "crm")["why"] == "undecided"
    (ended,) = told(engine.hear(call().ended("busy", id="x")))
    assert (ended["next"]["at"], "grace" in ended["next"]["what"]) == ("2026-03-01T12:00:03.000Z", True)


def test_a_workflow_that_was_applied_too_late_is_told_with_the_command_that_runs_it() -> None:
    engine = Recording(documents(None, of="support"), POLICY)
    engine.hear(PROPER).wait(4)
    engine.documents = documents(CHAIN)
    (late,) = told(engine)
    assert (late["verdict"], late["rule"]) == ("PROPER", "R1")
    assert any("(R19)" in note for note in late["notes"])


def test_every_incarnation_has_its_own_evidence_and_verdict() -> None:
    engine = Recording(documents(CHAIN), POLICY)
    engine.hear(call().answered(session_id="a", agent_id="bot").ended("caller_hangup", session_id="a")).wait(
        4
    )
    again = call().ringing(session_id="b", id="b1", agent_id="bot").ended("busy", session_id="b", id="b2")
    first, second = told(engine.hear(again).wait(4))
    assert [(one["incarnation"], one["rule"]) for one in (first, second)] == [(1, "R4"), (2, "R10")]
    types = [[each["type"] for each in one["timeline"] if each["what"] == "event"] for one in (first, second)]
    assert types == [["call.answered", "call.ended"], ["call.ringing", "call.ended"]]


def test_a_call_that_was_erased_is_told_to_be() -> None:
    engine = Recording(documents(CHAIN), POLICY)
    engine.hear(PROPER).wait(4)
    (erased,) = told(engine.fold(Erase("c1")))
    assert (erased["state"], node(erased, "crm")["result"]) == ("erased", "erased")
    assert "erase" in [each["what"] for each in erased["timeline"]]


def test_a_replay_is_told_and_what_it_set_free() -> None:
    engine = Recording(documents(CHAIN), POLICY)
    engine.hear(PROPER).wait(4).reply("crm", Answered(404)).reply("log").wait(1)
    (given_up,) = told(engine)
    assert (node(given_up, "crm")["result"], node(given_up, "crm")["why"]) == ("dead", "rejected")
    assert node(given_up, "crm")["next"]["what"] == "postcall replay --call c1 --node crm"
    assert node(given_up, "mail")["why"] == "upstream_failed"
    (again,) = told(engine.replay("crm"))
    assert (node(again, "crm")["result"], node(again, "mail")["waits_for"]) == ("started", ["crm"])
    assert "replay" in [each["what"] for each in again["timeline"]]


def test_an_event_after_the_end_of_the_call_is_told_not_to_count() -> None:
    engine = Recording(documents(CHAIN), POLICY)
    story = (
        call().answered(agent_id="bot").node("greet").ended("caller_hangup").node("resolved", end=True, at=60)
    )
    (one,) = told(engine.hear(story).wait(4))
    assert (one["verdict"], [each["rule"] for each in one["timeline"] if each["what"] == "event"]) == (
        "PREMATURE",
        [None, None, None, "R16"],
    )


def test_of_several_ends_the_one_that_gives_no_reason_is_told_so() -> None:
    engine = Recording(documents(CHAIN), POLICY)
    (one,) = told(engine.hear(call().ringing(agent_id="bot").ended("completed").ended("busy")).wait(4))
    completed, busy = [each for each in one["timeline"] if each.get("type") == "call.ended"]
    assert (completed["rule"], completed["why"]) == ("R11", f"{words.COUNTING['R11']}: busy")
    assert busy["rule"] is None


def test_what_no_worker_has_handled_yet_has_no_verdict() -> None:
    engine = Recording(documents(CHAIN), POLICY)
    engine.hear(call().answered(agent_id="bot").ended("agent_hangup", end_node_id="resolved"))
    retold = retell(engine.events, [], [], engine.documents, POLICY)
    (one,) = explain(Sources("c1", 0, engine.documents, POLICY, None, retold))["incarnations"]
    assert (one["state"], one["verdict"], node(one, "crm")["why"]) == ("unhandled", None, "undecided")
    assert one["notes"] == ["folded here its log comes to PROPER by R2; no worker has recorded a verdict"]
    assert "postcall doctor" in one["next"]["what"]
