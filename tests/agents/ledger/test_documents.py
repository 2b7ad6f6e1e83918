"""Which document was in force is told from the topic; what cannot be told is left, and never guessed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.ledger.documents import Documents, read_files
from agents.ledger.gathering import whole_since
from agents.ledger.judgement import Asked, Judgement
from agents.ledger.oracle import judged
from agents.ledger.witnesses import Record, Witnesses
from tests.agents.ledger.faultless import faultless_run

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"


def flow(version: int, *nodes: str) -> dict[str, Any]:
    api = [{"id": each, "type": "post_call_api", "url": f"https://api.example.com/{each}"} for each in nodes]
    edges = [{"source": "end", "target": each} for each in nodes]
    ends = [{"id": "end", "type": "end_call"}]
    return {"kind": "workflow", "id": "flow", "version": version, "nodes": [*ends, *api], "edges": edges}


AGENT = {"kind": "agent", "id": "bot", "workflow": "flow"}


def applied(*documents: tuple[float, dict[str, Any]]) -> Documents:
    keys = [Documents.of([each]).versions[0].key for _, each in documents]
    return Documents.applied(
        [
            Record("workflows", 0, offset, at, key.encode(), json.dumps(each).encode())
            for offset, (key, (at, each)) in enumerate(zip(keys, documents, strict=True))
        ]
    )


def run(documents: Documents, **fields: Any) -> Witnesses:
    """A faultless run of one call that ends properly at 1000."""
    return faultless_run((end(**fields),), documents, {})


def end(**fields: Any) -> Record:
    event = {
        "type": "call.ended",
        "call_id": "c",
        "agent_id": "bot",
        "occurred_at": "1970-01-01T00:16:40Z",
        "data": {"reason": "end_node", "end_node_id": "end"},
    }
    return Record("call-events", 0, 0, 1000.0, b"c", json.dumps(event | fields).encode())


def judging(witnesses: Witnesses, documents: Documents, **asked: Any) -> Judgement:
    return judged(witnesses, documents, Asked(**asked))


def broken(judgement: Judgement) -> set[str]:
    return {each.invariant for each in judgement.violations}


def left(judgement: Judgement) -> dict[str, str]:
    return {each.invariant: each.why for each in judgement.left}


def test_the_version_in_force_decides_and_an_older_one_does_not() -> None:
    old, new = flow(1, "a"), flow(2, "b")
    documents = applied((1.0, old), (2.0, AGENT), (3.0, new))
    assert broken(judging(run(documents), documents)) == set()
    assert {"lost", "phantom"} <= broken(judging(run(applied((1.0, old), (2.0, AGENT))), documents))
    rolled_back = applied((1.0, old), (2.0, AGENT), (3.0, new), (4.0, old))
    assert {"lost", "phantom"} <= broken(judging(run(documents), rolled_back))


def test_a_version_that_the_events_pin_is_the_calls() -> None:
    documents = applied((1.0, flow(1, "a")), (2.0, AGENT), (3.0, flow(2, "b")))
    pinned = run(documents, workflow_id="flow", workflow_version=1)
    assert [seen.path for seen in pinned.requests or ()] == ["/a"]
    assert broken(judging(pinned, documents)) == set()


def test_a_workflow_applied_while_the_call_went_on_is_not_judged() -> None:
    before = applied((1.0, flow(1, "a")), (2.0, AGENT))
    documents = applied((1.0, flow(1, "a")), (2.0, AGENT), (1001.0, flow(2, "b")))
    judgement = judging(run(before), documents)
    assert broken(judgement) == set()
    assert "applied while the call went on" in left(judgement)["lost"]


def test_an_unknown_agent_owes_nothing_and_its_verdict_is_judged_all_the_same() -> None:
    nobody = Documents.of([])
    judgement = judging(run(nobody), nobody)
    assert (broken(judgement), judgement.looked_at["verdict"]) == (set(), 3)
    assert "phantom" in broken(judging(run(applied((1.0, flow(1, "a")), (2.0, AGENT))), nobody))


def test_a_call_id_that_was_used_again_is_not_judged() -> None:
    documents = applied((1.0, flow(1, "a")), (2.0, AGENT))
    twice = run(documents, session_id="one")
    other = Record("call-events", 0, 1, 1500.0, b"c", json.dumps(end().said | {"session_id": "two"}).encode())
    judgement = judging(Witnesses((*twice.events, other), twice.requests), documents)
    assert broken(judgement) == set()
    assert "R17" in left(judgement)["verdict"]


def test_a_condition_on_what_no_witness_knows_is_not_judged() -> None:
    asked = flow(1, "a")
    asked["nodes"][1]["when"] = {"all": [{"path": "call.from", "op": "eq", "value": "+1"}]}
    documents = applied((1.0, asked), (2.0, AGENT))
    judgement = judging(run(documents), documents)
    assert broken(judgement) == set()
    assert "`when`" in left(judgement)["lost"]


def test_what_may_still_come_is_open_and_lost_when_its_time_is_over() -> None:
    documents = applied((1.0, flow(1, "a")), (2.0, AGENT))
    untold = Witnesses((end(),), ())
    soon = judging(untold, documents, now=1030.0)
    assert (broken(soon), soon.open_calls) == (set(), ("c",))
    assert broken(judging(untold, documents, now=1400.0)) == {"verdict", "lost"}


def test_what_began_before_the_time_that_is_judged_is_left() -> None:
    documents = applied((1.0, flow(1, "a")), (2.0, AGENT))
    judgement = judging(Witnesses((end(),), ()), documents, since=1001.0)
    assert broken(judgement) == set()
    assert "began before" in left(judgement)["lost"]


def test_where_a_topic_forgot_its_beginning_only_calls_that_are_there_whole_are_judged() -> None:
    kept = [replace(end(), partition=1, offset=offset, at=1000.0 + offset) for offset in (8, 7)]
    assert whole_since([end(), *kept], longest=60.0) == 1067.0
    assert whole_since([end()], longest=60.0) is None


def test_yaml_is_read_as_apply_reads_it() -> None:
    documents = read_files(sorted(EXAMPLES.glob("*.yaml")))
    chain = next(each for each in documents if each["id"] == "appointments")
    assert [edge.get("on") for edge in chain["edges"]] == [None, None, None, "failure", "always"]


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("a: [")
    with pytest.raises(ValueError, match=r"broken\.yaml"):
        read_files([file])
