"""The demo's calls show every outcome, in every disorder, and are the same for the same seed."""

from collections import Counter
from datetime import UTC, datetime

from agents.demo.calls import AGAIN_AFTER, SHUFFLED_SECONDS, draw
from agents.demo.documents import HOOKS, PATHS, documents
from agents.demo.stories import STORIES
from schemas.outcomes import Verdict
from schemas.wire import json_bytes, json_value
from streams.validation.checking import read_all

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_every_story_is_played() -> None:
    load = draw(240, 12, NOW, seed=3)
    assert len(load.stories) == 240
    assert {story.title for story in load.stories.values()} == {story.title for story in STORIES}
    assert {story.verdict for story in STORIES} == set(Verdict)


def test_the_same_seed_is_the_same_load() -> None:
    assert draw(50, 5, NOW, seed=3) == draw(50, 5, NOW, seed=3)
    assert draw(50, 5, NOW, seed=3).arrivals != draw(50, 5, NOW, seed=4).arrivals


def test_events_are_told_out_of_order_and_in_part_twice() -> None:
    load = draw(100, 10, NOW, seed=3)
    told = [(event["call_id"], event["seq"]) for event in (json_value(each.value) for each in load.arrivals)]
    assert Counter(Counter(told).values())[2] == load.doubled > 50
    by_call = {call: [seq for other, seq in told if other == call] for call, _ in told}
    assert sum(seqs != sorted(seqs) for seqs in by_call.values()) > 80


def test_what_is_told_in_time_is_well_within_the_grace() -> None:
    load = draw(100, 10, NOW, seed=3)
    first: dict[bytes, float] = {}
    for each in load.arrivals:
        first.setdefault(each.value, each.at)
    ends = {each.call_id: each.at for each in load.arrivals if b'"call.ended"' in each.value}
    nodes = [each for each in load.arrivals if b'"node.entered"' in each.value and each.call_id in ends]
    assert all(
        abs(first[each.value] - ends[each.call_id]) < SHUFFLED_SECONDS + max(AGAIN_AFTER) for each in nodes
    )
    assert SHUFFLED_SECONDS < 1


def test_what_is_late_waits_for_the_verdict_however_slow_the_machine() -> None:
    load = draw(100, 10, NOW, seed=3)
    late = {load.stories[each.call_id].title for each in load.arrivals if each.after_verdict}
    assert late == {"the goodbye is heard of after the verdict"}


def test_the_documents_are_valid_and_all_requests_stay_on_this_machine() -> None:
    text = json_bytes(documents("http://127.0.0.1:1"))
    reading = read_all([("demo.json", text)])
    assert (reading.errors, reading.warnings) == ((), ())
    assert b"https://" not in text


def test_every_expected_delivery_is_one_that_the_documents_name() -> None:
    workflow, agent = documents("http://127.0.0.1:1")
    assert set(agent["webhooks"]) == set(HOOKS) == {hook for story in STORIES for hook in story.hooks}
    nodes = {node["id"] for node in workflow["nodes"] if node["type"] == "post_call_api"}
    assert nodes == set(PATHS) == {node for story in STORIES for node in story.nodes}
