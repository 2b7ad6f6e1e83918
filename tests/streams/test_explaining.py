"""Why a call came to what it came to: the words are complete, and a log folded once more comes to the same."""

import re
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import get_args

import pytest
from msgspec.structs import replace

from schemas.delivery import Class
from schemas.outcomes import Outcome, Verdict
from streams import machine, plan
from streams.effects import Position
from streams.explaining import words
from streams.explaining.deliveries import condition
from streams.explaining.retelling import Entry, Pin, Retold, retell
from streams.explaining.sources import Sources, pins
from streams.explaining.telling import explain
from streams.records import Reason
from streams.verdicts.changes import NOTES
from tests.builders import call
from tests.streams.engine import Engine
from tests.streams.tales import CHAIN, POLICY, documents, tale

ROOT = Path(__file__).parents[2]
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


def test_producers_whose_clocks_are_an_hour_ahead_change_nothing() -> None:
    engine = Recording(documents(CHAIN), POLICY)
    engine.hear(call().answered(agent_id="bot").node("resolved", end=True).ended("end_node")).wait(700)
    retold = engine.retold(timedelta(hours=1))
    outcomes = [one.outcome for beat in retold.beats for one in beat.after.conversations if one.outcome]
    assert {(one.verdict, one.rule) for one in outcomes} == {(Verdict.PROPER, "R1")}
    assert [beat.counted for beat in retold.beats if beat.counted] == ["applied"] * 3


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
