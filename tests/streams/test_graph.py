"""What runs after an End Call node, in which order, and what each node waits for."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.workflow import Workflow
from streams.graph import after_end, comes_before, parents
from tests.streams.graphs import graph


def ids(workflow: Workflow, end: str) -> list[str]:
    return [node.id for node in after_end(workflow, end)]


def sources(workflow: Workflow, node_id: str, end: str) -> list[str]:
    return [edge.source for edge in parents(workflow, node_id, end)]


def test_only_what_hangs_on_the_reached_end_node_runs() -> None:
    flow = graph("end1>a a>b end2>c")
    assert ids(flow, "end1") == ["a", "b"]
    assert ids(flow, "end2") == ["c"]


def test_an_end_node_without_nodes_and_an_unknown_one_run_nothing() -> None:
    flow = graph("talk>end end2>a")
    assert ids(flow, "end") == []
    assert ids(flow, "nowhere") == []


def test_nodes_beside_each_other_keep_the_order_of_the_document() -> None:
    assert ids(graph("end>b end>a end>c", ids="end a b c"), "end") == ["a", "b", "c"]


def test_parents_come_before_children_written_before_them() -> None:
    assert ids(graph("end>a a>b b>c", ids="c b a end"), "end") == ["a", "b", "c"]


def test_a_node_waits_for_all_its_parents_on_the_reached_side() -> None:
    flow = graph("end>a end>b a>join b>join:always")
    assert sources(flow, "join", "end") == ["a", "b"]
    assert [edge.on for edge in parents(flow, "join", "end")] == ["success", "always"]


def test_parents_on_other_end_nodes_only_do_not_count() -> None:
    flow = graph("end1>a end2>b a>join b>join")
    assert sources(flow, "join", "end1") == ["a"]
    assert sources(flow, "join", "end2") == ["b"]


def test_the_end_node_itself_is_nothing_to_wait_for() -> None:
    flow = graph("end>a end>b a>b")
    assert sources(flow, "a", "end") == []
    assert sources(flow, "b", "end") == ["a"]


def test_what_comes_before_a_node_is_all_that_leads_to_it_on_any_side() -> None:
    flow = graph("end1>a a>b end2>c c>b b>d")
    assert comes_before(flow, "d") == {"a", "b", "c"}
    assert comes_before(flow, "a") == frozenset()


def test_two_workflows_that_look_alike_do_not_share_answers_by_mistake() -> None:
    one, other = graph("end>a"), graph("end>a end>b")
    assert ids(one, "end") == ["a"]
    assert ids(other, "end") == ["a", "b"]
    assert ids(one, "end") == ["a"]


def test_a_chain_of_thousands_is_no_recursion() -> None:
    flow = graph("end>n0 " + " ".join(f"n{at}>n{at + 1}" for at in range(3000)))
    assert len(after_end(flow, "end")) == 3001
    assert len(comes_before(flow, "n3000")) == 3000


@given(st.sets(st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda pair: pair[0] < pair[1])))
def test_in_any_graph_every_parent_stands_before_its_child(pairs: set[tuple[int, int]]) -> None:
    arrows = "end>n0 " + " ".join(f"n{a}>n{b}" for a, b in sorted(pairs))
    flow = graph(arrows, ids="end " + " ".join(f"n{at}" for at in reversed(range(9))))
    ordered = ids(flow, "end")
    assert len(set(ordered)) == len(ordered)
    for node_id in ordered:
        assert set(sources(flow, node_id, "end")) <= set(ordered[: ordered.index(node_id)])
        assert set(sources(flow, node_id, "end")) == comes_before(flow, node_id) & {
            f"n{a}" for a, b in pairs if f"n{b}" == node_id and f"n{a}" in ordered
        }
