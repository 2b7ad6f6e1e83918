"""The last good record of an id is in force, whoever reads the topic and whenever they began."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.endpoints import Mark
from schemas.wire import json_bytes
from streams.definitions import (
    Accepted,
    Record,
    Refused,
    Removed,
    Snapshot,
    fold,
    jsonable,
    key_of,
    workflow_of,
)


def workflow(version: int, workflow_id: str = "support", name: str = "Support") -> Record:
    source = {
        "kind": "workflow",
        "id": workflow_id,
        "version": version,
        "name": name,
        "nodes": [{"id": "greet", "type": "default", "start": True}, {"id": "end", "type": "end_call"}],
        "edges": [{"source": "greet", "target": "end"}],
    }
    return f"workflow/{workflow_id}@{version}".encode(), json_bytes(source)


def agent(agent_id: str = "bot", **fields: Any) -> Record:
    return f"agent/{agent_id}".encode(), json_bytes({"kind": "agent", "id": agent_id, **fields})


def tombstone(record: Record) -> Record:
    return record[0], None


def snapshot(*records: Record) -> Snapshot:
    return fold(Snapshot(), records)[0]


def test_the_version_of_the_last_record_is_in_force() -> None:
    followed = snapshot(workflow(1), workflow(2))
    assert followed.in_force("support") == 2
    assert followed.workflow("support", 1) is not None


def test_applying_an_older_version_again_rolls_back() -> None:
    assert snapshot(workflow(1), workflow(2), workflow(1)).in_force("support") == 1


def test_a_deleted_version_leaves_the_one_written_before_it() -> None:
    followed = snapshot(workflow(1), workflow(2), tombstone(workflow(2)))
    assert followed.in_force("support") == 1
    assert followed.workflow("support", 2) is None


def test_nothing_is_known_of_what_was_deleted_altogether() -> None:
    followed = snapshot(workflow(1), agent(), tombstone(workflow(1)), tombstone(agent()))
    assert followed == Snapshot()
    assert followed.in_force("support") is None
    assert followed.agent("bot") is None


def test_an_agent_is_replaced_by_its_next_record() -> None:
    followed = snapshot(agent(name="first"), agent(name="second")).agent("bot")
    assert followed is not None
    assert followed.name == "second"


def test_a_bad_record_leaves_the_last_good_one_in_force_and_says_why() -> None:
    key, _ = workflow(1)
    before = snapshot(workflow(1))
    for bad in (b"", b"{", b"[]", b"null", b'{"kind": "workflow"}', b"\xff", workflow(2)[1], agent()[1]):
        after, (read,) = fold(before, [(key, bad)])
        assert isinstance(read, Refused)
        assert read.why
        assert after == before


def test_a_workflow_whose_graph_breaks_a_rule_is_not_put_into_force() -> None:
    key, value = workflow(1)
    broken = msgspec.json.decode(value or b"")
    broken["edges"].append({"source": "end", "target": "greet"})
    followed, (read,) = fold(Snapshot(), [(key, json_bytes(broken))])
    assert isinstance(read, Refused)
    assert followed == Snapshot()


def test_keys_that_name_nothing_are_refused() -> None:
    for key in (None, b"", b"workflow/a", b"workflow/a@x", b"workflow/a@\xd9\xa3", b"call/a", b"\xff"):
        _, (read,) = fold(Snapshot(), [(key, None)])
        assert isinstance(read, Refused)


def test_an_endpoint_s_mark_is_obeyed_until_its_tombstone() -> None:
    record = b"endpoint/bot/call.ended", json_bytes(jsonable(Mark(disabled=True, why="410")))
    assert snapshot(record).mark("bot/call.ended") == Mark(disabled=True, why="410")
    assert snapshot(record, tombstone(record)).mark("bot/call.ended") is None


def test_a_snapshot_that_was_taken_does_not_change() -> None:
    before = snapshot(workflow(1))
    after, read = fold(before, [workflow(2), tombstone(workflow(1)), agent()])
    assert before == snapshot(workflow(1))
    assert after.in_force("support") == 2
    assert [type(each) for each in read] == [Accepted, Removed, Accepted]


def test_the_key_of_a_document_reads_back() -> None:
    found = snapshot(workflow(7)).workflow("support", 7)
    assert found is not None
    assert workflow_of(key_of(found)) == ("support", 7)


records = st.builds(
    lambda version, name, deleted: tombstone(workflow(version)) if deleted else workflow(version, name=name),
    st.integers(1, 3),
    st.sampled_from(["a", "b"]),
    st.booleans(),
)


@given(st.lists(records, max_size=12))
def test_a_reader_of_the_compacted_topic_sees_what_a_follower_of_all_of_it_sees(log: list[Record]) -> None:
    last = {key: at for at, (key, _) in enumerate(log)}
    compacted = [record for at, record in enumerate(log) if last[record[0]] == at and record[1] is not None]
    follower, newcomer = snapshot(*log), snapshot(*compacted)
    assert follower == newcomer
    assert follower.in_force("support") == newcomer.in_force("support")


@given(st.lists(records, max_size=12), st.integers(0, 12))
def test_it_does_not_matter_how_records_come_in_batches(log: list[Record], cut: int) -> None:
    early, _ = fold(Snapshot(), log[:cut])
    assert fold(early, log[cut:])[0] == snapshot(*log)


@given(st.binary(max_size=60), st.binary(max_size=200) | st.none())
def test_no_record_stops_the_reader(key: bytes, value: bytes | None) -> None:
    _, read = fold(Snapshot(), [(key, value), workflow(1)])
    assert read[-1] == Accepted("workflow/support@1")
