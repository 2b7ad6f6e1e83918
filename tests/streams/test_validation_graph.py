"""What may hang where after the end of a conversation, and what may not; the conversation may loop."""

from typing import Any

import pytest

from tests.schemas.texts import api, faults, flow, reading


def graph_faults(edges: str, *ids: str) -> dict[str, str]:
    return faults(flow(*(api(node_id) for node_id in ids), edges=edges))


def test_branches_chains_and_joins_are_fine() -> None:
    assert graph_faults("talk>end end>a end>b a>c b>c:failure c>d:always", "a", "b", "c", "d") == {}


def test_the_conversation_may_loop_even_through_itself() -> None:
    assert graph_faults("talk>talk talk>end talk>end end>a", "a") == {}


def test_an_end_call_node_with_nothing_on_it_is_fine() -> None:
    assert graph_faults("talk>end") == {}


def test_a_node_attached_to_the_conversation_is_refused() -> None:
    assert graph_faults("talk>a", "a") == {
        "edges[0]": "found a Post Call API node 'a' attached to a conversation node 'talk'; "
        "expected an End Call node or a Post Call API node before it"
    }


def test_a_node_attached_to_an_end_and_to_the_conversation_is_refused() -> None:
    assert set(graph_faults("end>a talk>a", "a")) == {"edges[1]"}


@pytest.mark.parametrize("edges", ["end>talk", "end>end", "end>a a>talk", "end>a a>end"])
def test_nothing_but_post_call_nodes_comes_after_the_end(edges: str) -> None:
    ids = ["a"] if ">a" in edges else []
    (message,) = graph_faults(edges, *ids).values()
    assert "the conversation is over" in message


@pytest.mark.parametrize(
    ("edges", "path", "cycle"),
    [
        ("end>a a>a", "edges[1]", "'a' > 'a'"),
        ("end>a a>b b>a", "edges[2]", "'a' > 'b' > 'a'"),
        ("end>a a>b b>c c>b", "edges[3]", "'b' > 'c' > 'b'"),
    ],
)
def test_a_cycle_after_the_end_is_refused_where_it_closes(edges: str, path: str, cycle: str) -> None:
    ids = sorted(set(edges) & set("abc"))
    assert graph_faults(edges, *ids)[path].startswith(f"found the cycle {cycle}; expected")


def test_two_cycles_are_two_faults() -> None:
    assert set(graph_faults("end>a a>b b>a end>c c>c", "a", "b", "c")) == {"edges[2]", "edges[4]"}


def test_a_cycle_of_thousands_is_no_recursion() -> None:
    ids = [f"n{at}" for at in range(3000)]
    edges = " ".join(f"{one}>{other}" for one, other in zip(ids, [*ids[1:], "n0"], strict=True))
    assert "n7" in graph_faults(f"end>n0 {edges}", *ids)["edges[3000]"]


def test_a_node_that_no_end_leads_to_is_refused() -> None:
    assert graph_faults("talk>end", "a") == {
        "nodes[2]": "found no way from an End Call node to 'a'; expected an edge to it"
    }


def test_nodes_that_only_lead_to_each_other_are_unreachable_too() -> None:
    assert {"nodes[2]", "nodes[3]"} <= set(graph_faults("a>b b>a", "a", "b"))


@pytest.mark.parametrize(
    ("edges", "path"), [("ghost>a end>a", "edges[0].source"), ("end>a a>ghost", "edges[1].target")]
)
def test_an_edge_to_or_from_an_unknown_node_is_refused(edges: str, path: str) -> None:
    assert graph_faults(edges, "a") == {path: "found the unknown node 'ghost'; expected a node's id"}


def test_an_unknown_on_is_refused() -> None:
    assert graph_faults("end>a a>b:sometimes", "a", "b") == {
        "edges[1].on": "found 'sometimes'; expected one of success, failure, always"
    }


def test_an_on_before_the_end_is_a_warning_since_it_has_no_effect() -> None:
    found = reading(flow(api(), edges="end>api:failure"))
    assert ([warning.path for warning in found.warnings], found.errors) == (["edges[0].on"], ())


def test_a_second_edge_between_the_same_nodes_is_refused() -> None:
    assert set(graph_faults("end>a a>b:success a>b:failure", "a", "b")) == {"edges[2]"}


def test_an_id_twice_is_refused() -> None:
    assert graph_faults("end>a", "a", "a") == {
        "nodes[3].id": "found the id 'a' of nodes[2] again; expected another"
    }


@pytest.mark.parametrize("names", [("CRM", "CRM"), ("b", None)])
def test_a_name_twice_is_refused_also_when_it_is_the_id_of_another(names: Any) -> None:
    first, second = names
    nodes = api("a", name=first), api("b", name=second or ...)
    assert [path.split(".")[1] for path in faults(flow(*nodes, edges="end>a end>b"))] == ["name"]


def test_an_edge_id_twice_is_refused() -> None:
    edges = [{"source": "end", "target": "a", "id": "e"}, {"source": "talk", "target": "end", "id": "e"}]
    assert set(faults(flow(api("a")) | {"edges": edges})) == {"edges[1].id"}


def test_the_same_document_twice_is_refused_and_says_where_the_first_is() -> None:
    assert faults(flow(api()), flow(api())) == {
        "id": "found workflow/flow@1 a second time, first in flow.json:1; expected it once"
    }
    assert faults(flow(api()), flow(api(), version=2)) == {}


def test_faults_of_the_shape_and_of_the_graph_come_together() -> None:
    found = faults(flow(api("a", timeout="2m"), api("b", method="FETCH"), edges="end>a a>a talk>b"))
    assert set(found) == {"nodes[2].timeout", "nodes[3].method", "edges[1]", "edges[2]"}
