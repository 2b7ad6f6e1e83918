"""`postcall explain` says why: of every rule and every reason to skip, of live calls and of settled ones.

Beside the worker that they were told to, `postcall tail` followed, and `postcall doctor` looked.
"""

import json
import os
import pty
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from agents.cli import explain
from agents.cli.environment import read_settings
from agents.cli.exits import DONE, FAILED
from agents.connection import topic_names
from agents.demo.receiver import Request, Rule, Script
from schemas.settings import Settings
from streams.explaining import words
from streams.topology import home
from tests.system.brokers import ServedBroker
from tests.system.explaining import RULES, SKIPPED, Teller, documents
from tests.system.kafka_topics import empty
from tests.system.leash import Leash
from tests.system.receiver import ReceiverProcess
from tests.system.workers import POSTCALL, Fleet, Setting

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

PATIENCE = 90.0
ANSWERS = Script((Rule(path="/refused", status=404), Rule(path="/busy", status=503)))
PARTITIONS = 16
EXPIRED = "expired-2"
PROPER = ("R1", "R2", "R3", "R9")

Why = Callable[..., dict[str, Any]]


@dataclass
class Stage:
    """What was seen while the worker was there."""

    settings: Settings
    doctor: subprocess.CompletedProcess[str]
    requests: list[Request]
    tails: dict[str, tuple[int, list[str]]]
    """What each `postcall tail` ended with and printed, by its flags."""


class Tail:
    """A `postcall tail` with these flags, from when it follows until it is asked to end."""

    def __init__(self, setting: Setting, flags: str, owner: ExitStack) -> None:
        command = [POSTCALL, "tail", *flags.split()]
        environment = setting.environment() | {"PYTHONUNBUFFERED": "1"}
        self._running = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        owner.callback(Leash(self._running.pid).release)
        owner.callback(self._running.kill)
        assert self._running.stderr is not None
        assert self._running.stderr.readline() == "postcall: following, until Ctrl-C\n"

    def end(self) -> tuple[int, list[str]]:
        """Press Ctrl-C; what it ended with, and the lines that it printed."""
        self._running.send_signal(signal.SIGINT)
        printed, _ = self._running.communicate(timeout=30)
        return self._running.returncode, printed.splitlines()


TAILS = ("", "--json", "--call R4", "--verdict NOT_CONNECTED --agent bot")


@pytest.fixture(scope="module")
def stage(kafka: ServedBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """All calls were told to a worker, which has left by now; those of `bot` are over."""
    folder = tmp_path_factory.mktemp("explain")
    more = {"POSTCALL_UPGRADE_WINDOW": "6s"}
    setting = Setting(kafka.bootstrap, f"explain-{uuid.uuid4().hex[:8]}", folder, PARTITIONS, more=more)
    with ReceiverProcess(folder, ANSWERS) as receiver, pytest.MonkeyPatch.context() as patch:
        setting.apply(documents(receiver.url))
        for name, value in setting.environment().items():
            patch.setenv(name, value)
        settings = read_settings()
        with Fleet(setting) as fleet:
            fleet.add()
            with ExitStack() as following:
                tails = {flags: Tail(setting, flags, following) for flags in TAILS}
                _tell(Teller(setting))
                for call_id, state in ENDED.items():
                    _until(settings, call_id, state)
                ended = {flags: tail.end() for flags, tail in tails.items()}
            doctor = setting.run("doctor", "--json")
        requests = receiver.requests()
        yield Stage(settings, doctor, requests, ended)


@pytest.fixture(scope="module")
def settled(stage: Stage) -> Settings:
    """The settings of the stage."""
    return stage.settings


SPOKEN = ("call.answered", "node.entered end", "closing.spoken end", "call.ended agent_hangup")

ENDED = {
    "R4": "settled",
    EXPIRED: "settled",
    "R12": "resting",
    "R1": "resting",
    "late": "resting",
    "slow": "decided",
}
"""How these calls stand when all is over."""


def _tell(teller: Teller) -> None:
    for rule, events in RULES.items():
        teller.tell(rule, *events)
    teller.tell("test", *SPOKEN, agent="strict-bot", is_test=True)
    teller.tell("unspoken", *RULES["R1"], agent="strict-bot")
    teller.tell("slow", *RULES["R2"], agent="slow-bot")
    teller.tell("other", "call.answered", "call.ended agent_hangup@other")
    teller.tell("late", "call.answered", "node.entered hi", "call.ended caller_hangup")
    teller.tell("late", "call.answered", "node.entered hi", "call.ended completed", first=0)
    teller.tell(EXPIRED, *RULES["R4"])
    teller.tell("strange", "call.ringing")
    teller.raw("strange", b"{")
    teller.tell("strange", "call.ended busy", first=5, key="another key")
    time.sleep(5)
    teller.tell("late", "call.ended agent_hangup@end", first=10)


def _until(settings: Settings, call_id: str, state: str) -> None:
    end = time.monotonic() + PATIENCE
    while (found := explain.look(call_id, None, settings))["incarnations"][-1]["state"] != state:
        assert time.monotonic() < end, json.dumps(found, indent=1)
        time.sleep(0.3)


@pytest.fixture
def why(settled: Settings) -> Why:
    """What is told of the newest incarnation of a call."""

    def ask(call_id: str) -> dict[str, Any]:
        return dict(explain.look(call_id, None, settled)["incarnations"][-1])

    return ask


def node(told: dict[str, Any], name: str) -> dict[str, Any]:
    """One of its nodes."""
    (found,) = (each for each in told["deliveries"] if (each["kind"], each["id"]) == ("node", name))
    return dict(found)


@pytest.mark.parametrize("rule", RULES)
def test_why_a_node_did_or_did_not_run_is_told_for_every_rule(rule: str, why: Why) -> None:
    told = why(rule)
    assert (told["rule"], told["words"].startswith(words.RULES[rule])) == (rule, True)
    crm = node(told, "crm")
    if rule in PROPER:
        assert (crm["result"], crm["words"], len(crm["attempts"])) == ("done", "taken by the endpoint", 1)
    else:
        assert (crm["result"], crm["why"]) == ("not_run", "verdict")
        assert f"by {rule}: {words.RULES[rule]}" in crm["words"]


@pytest.mark.parametrize(("name", "reason"), SKIPPED.items())
def test_why_a_node_was_skipped_is_told_for_every_reason(name: str, reason: str, why: Why) -> None:
    skipped = node(why("R1"), name)
    assert (skipped["result"], skipped["why"]) == ("skipped", reason)
    assert skipped["words"].startswith(words.SKIPS[reason])


def test_a_test_call_is_told_to_be_one(why: Why) -> None:
    skipped = node(why("test"), "crm")
    assert (skipped["result"], skipped["why"]) == ("skipped", "test_call")
    assert skipped["words"] == words.SKIPS["test_call"]


def test_every_reason_to_skip_was_met() -> None:
    assert {*SKIPPED.values(), "test_call"} == set(words.SKIPS)


def test_a_node_of_another_end_is_told_to_hang_there(why: Why) -> None:
    assert node(why("other"), "crm")["words"] == "it hangs on end, and the call ended at other"
    assert node(why("other"), "elsewhere")["result"] == "done"


def test_a_closing_line_that_was_not_spoken_is_told_to_be_wanted(why: Why) -> None:
    told = why("unspoken")
    assert (told["verdict"], told["rule"]) == ("PREMATURE", "R3")
    assert "proper_end: spoken" in node(told, "crm")["words"]


def test_a_duplicate_and_late_evidence_are_told_as_what_they_counted(why: Why) -> None:
    told = why("late")
    events = [each for each in told["timeline"] if each["what"] == "event"]
    assert [(each["counted"], each["rule"]) for each in events] == [
        *[("applied", None)] * 3,
        *[("duplicate", "R13")] * 3,
        ("late", "R15"),
    ]
    assert told["upgrades"] == [{"from": "PREMATURE", "to": "PROPER", "rule": "R3"}]
    assert [each["verdict"] for each in told["timeline"] if each["what"] in ("verdict", "upgrade")] == [
        "PREMATURE",
        "PROPER",
    ]


def test_what_a_live_call_waits_for_is_told_with_the_time(why: Why) -> None:
    told = why("slow")
    busy, report, last = (node(told, name) for name in ("busy", "report", "last"))
    assert [(one["status"], one["class"]) for one in busy["attempts"]] == [(503, "overloaded")]
    assert (busy["result"], busy["next"]) == (
        "parked",
        {"what": "attempt 2", "at": busy["attempts"][0]["next_at"]},
    )
    assert (report["result"], report["waits_for"]) == ("unready", ["recording"])
    assert report["next"]["at"][:13] > told["decided_at"][:13]
    assert (last["result"], last["waits_for"]) == ("waiting", ["report"])


def test_a_wait_that_nothing_ended_but_its_deadline_is_told(why: Why) -> None:
    (held,) = node(why("R1"), "report")["held"]
    assert (held["waits_for"], held["came"]) == (["analytics"], False)
    assert held["since"] < held["limit"] <= held["until"]


def test_an_event_of_another_partition_and_one_that_cannot_be_read_are_told(why: Why) -> None:
    events = [each for each in why("strange")["timeline"] if each["what"] == "event"]
    assert [(each["type"], each["counted"], each.get("rekeyed")) for each in events] == [
        ("call.ringing", "applied", False),
        (None, "unreadable", None),
        ("call.ended", "applied", True),
    ]


def test_a_call_whose_events_have_expired_is_told_from_its_records(settled: Settings, why: Why) -> None:
    partition = home(EXPIRED, PARTITIONS)
    names = topic_names(settled)
    for topic in (names.call_events, names.internal):
        empty(settled.broker, topic, partition)
    told = why(EXPIRED)
    assert (told["verdict"], told["rule"], told["state"]) == ("PREMATURE", "R4", "settled")
    assert any("none of its events is left" in note for note in told["notes"])
    (hook,) = (each for each in told["deliveries"] if each["kind"] == "webhook")
    assert (hook["result"], [one["status"] for one in hook["attempts"]]) == ("done", [200])
    assert node(told, "crm")["why"] == "verdict"


def test_since_leaves_out_the_log_before_it_and_not_the_row(settled: Settings) -> None:
    told = explain.look("R1", "1s", settled)
    (one,) = told["incarnations"]
    assert told["events_since"] is not None
    assert (one["state"], one["rule"], one["facts"][0]) == (
        "resting",
        "R1",
        "ended for agent_hangup, says platform",
    )
    assert not [each for each in one["timeline"] if each["what"] == "event"]


def test_people_get_plain_lines_where_there_is_no_terminal(
    settled: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain.run("R4", None, as_json=False, settings=settled) == DONE
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert said.startswith("R4: PREMATURE, caller_hangup, rule R4, decided ")
    assert "node crm, instead, refused, after_refused, after_skipped, vip, report, elsewhere: not run" in said
    assert len(said.splitlines()) < 24


def test_a_terminal_gets_colours(settled: Settings) -> None:
    ours, theirs = pty.openpty()
    command = [POSTCALL, "explain", "R1"]
    with os.fdopen(ours, "rb", buffering=0) as screen:
        subprocess.run(command, stdout=theirs, check=True, timeout=60, env={**os.environ, "TERM": "xterm"})
        os.close(theirs)
        said = screen.read(65536)
    assert said.startswith(b"\x1b[1;32mR1: PROPER at end")


def test_how_far_it_is_is_shown_on_a_terminal_once_it_takes_long(
    settled: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen, os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setattr(explain, "PATIENCE", 0.0)
        monkeypatch.setenv("TERM", "xterm")
        assert explain.run("R1", None, as_json=False, settings=settled) == DONE
        terminal.flush()
        said = screen.read(65536)
    assert b"reading" in said


def test_nothing_is_found_of_a_call_that_nobody_spoke_of(
    settled: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain.run("nobody", None, as_json=True, settings=settled) == FAILED
    said = capsys.readouterr()
    assert json.loads(said.out) | {"partition": 0} == {
        "call_id": "nobody",
        "found": False,
        "partition": 0,
        "incarnations": [],
        "events_since": None,
    }
    assert "found nothing of call 'nobody'" in said.err


def test_the_doctor_finds_no_fault_where_all_is_well(stage: Stage) -> None:
    told = json.loads(stage.doctor.stdout)
    faults = [each for each in told["findings"] if each["level"] == "fail"]
    assert (faults, told["ok"], stage.doctor.returncode) == ([], True, 0)
    by_name = {(each["area"], each["about"]): each for each in told["findings"]}
    assert "1 in the group" in by_name["workers", stage.settings.app_id]["found"]
    assert by_name["topics", "partitions and configuration"]["level"] == "ok"
    assert "Kafka 4.0 or later" in by_name["broker", "version"]["found"]
    (endpoint,) = (each for each in told["findings"] if each["area"] == "endpoints")
    assert endpoint["found"].startswith("connected in ")


def test_the_doctor_names_the_producer_whose_events_are_astray(stage: Stage) -> None:
    findings = json.loads(stage.doctor.stdout)["findings"]
    (astray,) = (each for each in findings if each["about"] == "partitioner of platform")
    assert (astray["level"], astray["mend"]) == (
        "warn",
        "set partitioner=murmur2_random in its producer, or give it the call id as key",
    )
    assert "events of platform are not on their call's partition" in astray["found"]


def test_the_doctor_connects_and_sends_nothing(stage: Stage) -> None:
    assert "HEAD" not in {each.method for each in stage.requests}


def test_tail_shows_verdicts_attempts_and_dead_letters_as_they_come(stage: Stage) -> None:
    code, lines = stage.tails[""]
    assert code == 0
    said = [line.split()[1:3] for line in lines]
    assert {"verdict", "attempt", "dead", "settled"} == {what for what, _ in said}
    of_r1 = [what for what, name in said if name == "R1"]
    assert of_r1[0] == "verdict"
    assert {"attempt", "dead", "settled"} <= set(of_r1)
    assert not any("\x1b" in line for line in lines)


def test_tail_prints_the_records_as_they_are(stage: Stage) -> None:
    code, lines = stage.tails["--json"]
    records = [json.loads(line) for line in lines]
    assert (code, {each["topic"] for each in records}) == (
        0,
        {"call-outcomes", "delivery-log", "dead-letters"},
    )
    verdicts = {each["call_id"]: each["rule"] for each in records if each.get("type") == "call.outcome"}
    assert {rule: verdicts[rule] for rule in RULES} == {rule: rule for rule in RULES}


@pytest.mark.parametrize(("flags", "calls"), [(TAILS[2], {"R4"}), (TAILS[3], {"R10", "R12", "strange"})])
def test_tail_shows_what_is_asked_for(flags: str, calls: set[str], stage: Stage) -> None:
    code, lines = stage.tails[flags]
    assert (code, {line.split()[2] for line in lines}) == (0, calls)
    assert {"verdict", "attempt"} <= {line.split()[1] for line in lines}
