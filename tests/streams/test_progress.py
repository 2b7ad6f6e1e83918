"""A node runs when its parents are final and its data is there, at the latest at the ready deadline."""

from datetime import timedelta
from typing import Any

from schemas.delivery import Answered
from schemas.workflow import Node, When
from schemas.workflow import Test as Comparison
from tests.builders import call
from tests.streams.engine import Engine
from tests.streams.tales import CHAIN, api, documents, flow

ENDED = call().answered(agent_id="bot").ended("end_node", end_node_id="resolved")
SUMMARY = api("crm", {"text": "{{ analytics.summary }}"})
BAD = Answered(404)


def engine(*nodes: Node, arrows: str = "resolved>crm", **knobs: Any) -> Engine:
    return Engine(documents(flow(nodes, arrows, **knobs)))


def test_a_node_waits_for_the_data_that_it_uses() -> None:
    told = engine(SUMMARY).hear(ENDED)
    assert told.states() == {"crm": "unready"}
    told.hear(call().analytics(summary="well", id="x"))
    assert (told.asked, told.body("crm")) == (["crm"], {"text": "well"})


def test_data_that_never_comes_is_waited_for_until_the_ready_deadline() -> None:
    told = engine(SUMMARY, ready_deadline=timedelta(seconds=30)).hear(ENDED)
    assert told.wait(29.9).asked == []
    assert told.wait(0.2).asked == ["crm"]
    assert told.body("crm") == {}


def test_a_node_that_must_not_lack_anything_is_a_dead_letter_at_the_deadline() -> None:
    told = engine(api("crm", {"text": "{{ analytics.summary }}"}, missing="error")).hear(ENDED).wait(301)
    assert (told.asked, told.states()) == ([], {"crm": "dead"})
    assert [one["reason"] for one in told.records if "reason" in one and "why" in one] == ["ours"]
    assert told.counts["dead_letter", "ours"] == 1


def test_only_a_silent_tick_ends_the_wait_for_data() -> None:
    told = engine(SUMMARY).hear(ENDED)
    told.now += timedelta(hours=9)
    assert told.hear(call().turn(id="x", at=1.5)).asked == []
    assert told.wait(0).asked == ["crm"]


def test_turns_are_a_transcript_three_seconds_after_the_end() -> None:
    told = engine(api("crm", {"text": "{{ transcript_text }}"}))
    told.hear(call().answered(agent_id="bot").turn("hello").ended("end_node", end_node_id="resolved"))
    assert told.wait(2.9).asked == []
    assert told.wait(0.2).body("crm") == {"text": "user: hello"}


def test_a_transcript_that_is_sent_is_taken_at_once() -> None:
    told = engine(api("crm", {"text": "{{ transcript_text }}"})).hear(ENDED)
    told.hear(call().says("transcript.ready", id="x", transcript=[{"role": "user", "content": "hi"}]))
    assert told.body("crm") == {"text": "user: hi"}


def test_stated_needs_go_before_computed_ones() -> None:
    told = engine(api("crm", {"text": "{{ analytics.summary }}"}, needs=("end",))).hear(ENDED)
    assert told.asked == ["crm"]


def test_a_child_reads_what_its_parent_was_answered() -> None:
    body = {"ticket": "{{ nodes.crm.response.body.id }}"}
    told = engine(api("crm"), api("mail", body), arrows="resolved>crm crm>mail").hear(ENDED)
    told.reply("crm", Answered(201, body={"id": 7}))
    assert told.body("mail") == {"ticket": 7}


def test_a_node_that_hangs_on_another_end_is_not_waited_for() -> None:
    nodes = (api("ours"), api("theirs"), api("both", {"t": "{{ nodes.theirs.response.status }}"}))
    told = engine(*nodes, arrows="resolved>ours sorry>theirs ours>both theirs>both").hear(ENDED)
    assert told.reply("ours").asked == ["ours", "both"]


def test_branches_run_beside_each_other_and_a_failing_one_stops_no_sibling() -> None:
    nodes = (api("a"), api("b"), api("c"))
    told = engine(*nodes, arrows="resolved>a resolved>b b>c").hear(ENDED)
    assert told.asked == ["a", "b"]
    told.reply("a", BAD).reply("b")
    assert told.states() == {"a": "dead", "b": "done", "c": "started"}


def test_a_failure_runs_what_waits_for_one_and_skips_the_rest() -> None:
    told = Engine(documents(CHAIN)).hear(ENDED).reply("crm", BAD)
    assert told.states() == {"crm": "dead", "mail": "skipped", "alarm": "started", "log": "started"}
    assert told.delivery("mail").why == "upstream_failed"


def test_a_condition_that_does_not_hold_skips_the_node_and_what_needs_it() -> None:
    when = When("all", (Comparison("call.end_reason", "eq", "busy"),))
    told = engine(api("crm", when=when), api("mail"), arrows="resolved>crm crm>mail").hear(ENDED)
    assert told.states() == {"crm": "skipped", "mail": "skipped"}
    assert [told.delivery(name).why for name in ("crm", "mail")] == ["condition", "upstream_skipped"]


def test_a_condition_of_an_older_release_gives_its_node_up_and_stops_nothing() -> None:
    told = engine(api("crm", when=When("all", (Comparison("nowhere.at.all!", "eq", 1),)))).hear(ENDED)
    assert told.states() == {"crm": "dead"}


def test_a_long_chain_of_nodes_that_cannot_be_rendered_ends_in_one_step() -> None:
    nodes = [
        api(f"n{number}", missing="error", url="https://a.example/{{ variables.no }}")
        for number in range(400)
    ]
    arrows = " ".join(f"n{number}>n{number + 1}:failure" for number in range(399))
    told = engine(*nodes, arrows=f"resolved>n0 {arrows}").hear(ENDED)
    assert set(told.states().values()) == {"dead"}


def test_the_call_is_settled_when_its_actions_are_final_and_once_only() -> None:
    told = engine(api("crm"), api("mail"), arrows="resolved>crm crm>mail").hear(ENDED).reply("crm")
    assert told.told("call.settled") == []
    told.reply("mail").wait(9e5)
    assert [len(one["deliveries"]) for one in told.told("call.settled")] == [2]


def test_a_call_without_actions_is_settled_with_its_verdict() -> None:
    told = engine(api("crm")).hear(call().ringing(agent_id="bot").ended("busy")).wait(3)
    assert [one["type"] for one in told.records] == ["call.outcome", "call.settled"]


def test_after_an_upgrade_the_call_is_settled_once_more() -> None:
    told = engine(api("crm")).hear(call().answered(agent_id="bot").ended("completed")).wait(3)
    told.hear(call().ended("end_node", end_node_id="resolved", id="late"))
    assert [one.get("upgraded") for one in told.told("call.settled")] == [None]
    told.reply("crm")
    assert [one.get("upgraded") for one in told.told("call.settled")] == [None, True]
    assert told.told("call.outcome_upgraded")[0]["upgraded_from"] == "PREMATURE"
