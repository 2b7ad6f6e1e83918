"""The graph after the end: order, joins, `on`, conditions, and why what does not run does not."""

from typing import Any

import pytest

from tests.agents.cli.simulating import Json, Story, api, call, delivery, judged, nodes, seconds

RESOLVED = call().answered(at=0).node("resolved", at=1)
ENDED = RESOLVED.ended("end_node", at=10)
DEAD: Json = {"status": 400}


def ran(*edges: str, dead: str = "", story: Story = ENDED, **fields: Json) -> dict[str, str]:
    """What became of each node of a graph where those in `dead` fail; dead ones say so."""
    names = dict.fromkeys(end for edge in edges for end in edge.partition(":")[0].split(">"))
    apis = [api(name, **fields.get(name, {})) for name in names if name not in ("resolved", "sorry")]
    shown = judged(story, *apis, edges=edges, responses=dict.fromkeys(dead.split(), DEAD))
    listed = [one for one in shown["deliveries"] if one["kind"] == "node"]
    return {one["id"]: one["why"] if one["result"] == "skipped" else one["result"] for one in listed}


CHAIN = ("resolved>a", "a>b", "b>c")


def test_a_chain_runs_one_after_the_other() -> None:
    responses = {"a": [{"status": 500}, {}]}
    shown = judged(ENDED, api("a"), api("b"), api("c"), edges=CHAIN, responses=responses)
    at = [[seconds(each["at"]) for each in delivery(shown, one)["attempts"]] for one in "abc"]
    assert (at[0][0], at[1], at[2]) == (13, [at[0][1]], [at[0][1]])
    assert [delivery(shown, one)["after"] for one in "abc"] == [[], ["a"], ["b"]]


def test_a_child_whose_own_wait_is_long_over_starts_after_its_parent_all_the_same() -> None:
    waits = {"body": {"summary": "{{ analytics.summary }}"}}
    responses = {"a": [{"status": 500}, {}]}
    shown = judged(ENDED, api("a", **waits), api("b", **waits), edges=CHAIN[:2], responses=responses)
    a, b = ([seconds(each["at"]) for each in delivery(shown, one)["attempts"]] for one in "ab")
    assert a[1] > a[0] == 313
    assert b == [a[1]]


def test_branches_run_beside_each_other_and_a_failing_one_stops_none() -> None:
    assert ran("resolved>a", "resolved>b", "a>c", "b>d", dead="a") == {
        "a": "dead",
        "b": "done",
        "c": "upstream_failed",
        "d": "done",
    }


ON = [
    ("a>b", "", "done"),
    ("a>b", "a", "upstream_failed"),
    ("a>b:success", "", "done"),
    ("a>b:success", "a", "upstream_failed"),
    ("a>b:failure", "a", "done"),
    ("a>b:failure", "", "not_needed"),
    ("a>b:always", "a", "done"),
    ("a>b:always", "", "done"),
]


@pytest.mark.parametrize(("edge", "dead", "came"), ON)
def test_an_edge_holds_by_what_became_of_its_source(edge: str, dead: str, came: str) -> None:
    assert ran("resolved>a", edge, dead=dead)["b"] == came


AFTER_SKIPPED = [
    ("b>c", "upstream_skipped"),
    ("b>c:failure", "upstream_skipped"),
    ("b>c:always", "done"),
]


@pytest.mark.parametrize(("edge", "came"), AFTER_SKIPPED)
def test_a_skipped_parent_satisfies_only_always(edge: str, came: str) -> None:
    shown = ran("resolved>a", "a>b:failure", edge)
    assert (shown["b"], shown["c"]) == ("not_needed", came)


def test_what_hangs_on_a_failed_one_is_skipped_down_the_chain() -> None:
    assert ran(*CHAIN, dead="a") == {"a": "dead", "b": "upstream_failed", "c": "upstream_skipped"}


JOINS = [
    (("a>c", "b>c"), "", "done"),
    (("a>c", "b>c"), "b", "upstream_failed"),
    (("a>c:always", "b>c:always"), "a b", "done"),
    (("a>c:failure", "b>c"), "a", "done"),
    (("a>c:failure", "b>c"), "", "not_needed"),
    (("a>c:failure", "b>c:failure"), "a b", "done"),
    (("a>c:failure", "b>c:always"), "b", "not_needed"),
]


@pytest.mark.parametrize(("edges", "dead", "came"), JOINS)
def test_a_join_runs_once_when_all_its_edges_hold(edges: tuple[str, ...], dead: str, came: str) -> None:
    shown = ran("resolved>a", "resolved>b", *edges, dead=dead)
    assert shown["c"] == came


def test_a_join_waits_for_its_slowest_parent_and_names_all() -> None:
    edges = ("resolved>a", "resolved>b", "a>c", "b>c")
    responses = {"b": [{"status": 500}, {"status": 500}, {}]}
    shown = judged(ENDED, api("a"), api("b"), api("c"), edges=edges, responses=responses)
    one = delivery(shown, "c")
    assert sorted(one["after"]) == ["a", "b"]
    assert one["attempts"][0]["at"] == delivery(shown, "b")["attempts"][-1]["at"]


def test_parents_on_other_end_call_nodes_do_not_count() -> None:
    edges = ("resolved>a", "sorry>b", "a>c", "b>c")
    assert ran(*edges) == {"a": "done", "c": "done"}
    story = call().node("sorry").ended("end_node")
    assert ran(*edges, story=story) == {"b": "done", "c": "done"}


def test_a_node_may_hang_on_an_end_call_node_and_on_another_node() -> None:
    edges = ("resolved>a", "resolved>b", "a>b", "sorry>b")
    assert ran(*edges) == {"a": "done", "b": "done"}
    assert ran(*edges, story=call().node("sorry").ended("end_node")) == {"b": "done"}


VARIABLES = {
    "n": 5,
    "s": "hello",
    "list": [1, 2],
    "no": None,
    "empty": "",
    "yes": True,
    "ten": "10",
    "deep": {"x": 1},
}
TOLD = RESOLVED.says("variables.updated", at=2, variables=VARIABLES).ended("end_node", at=10)
CONDITIONS = [
    ("n", "eq", 5, True),
    ("n", "eq", 5.0, True),
    ("n", "eq", 6, False),
    ("s", "eq", "hello", True),
    ("s", "eq", "Hello", False),
    ("yes", "eq", True, True),
    ("n", "neq", 6, True),
    ("n", "neq", 5, False),
    ("n", "gt", 4, True),
    ("n", "gt", 5, False),
    ("n", "gte", 5, True),
    ("n", "lt", 6, True),
    ("n", "lt", 5, False),
    ("n", "lte", 5, True),
    ("s", "in", ["hello", "bye"], True),
    ("s", "in", ["bye"], False),
    ("s", "nin", ["bye"], True),
    ("s", "nin", ["hello"], False),
    ("s", "contains", "ell", True),
    ("s", "contains", "xyz", False),
    ("list", "contains", 2, True),
    ("list", "contains", 3, False),
    ("s", "not_contains", "xyz", True),
    ("s", "not_contains", "ell", False),
    ("list", "not_contains", 3, True),
    ("s", "starts_with", "he", True),
    ("s", "starts_with", "lo", False),
    ("s", "ends_with", "lo", True),
    ("s", "ends_with", "he", False),
    ("n", "exists", True, True),
    ("none", "exists", True, False),
    ("none", "exists", False, True),
    ("n", "exists", False, False),
    ("deep.x", "exists", True, True),
    ("deep.y", "exists", True, False),
    ("none", "eq", 5, False),
    ("none", "gt", 5, False),
    ("none", "contains", "x", False),
    ("s", "gt", 4, False),
]


@pytest.mark.parametrize(("path", "op", "value", "holds"), CONDITIONS)
def test_a_condition_compares_what_stands_at_its_path(path: str, op: str, value: Any, holds: bool) -> None:
    when = {"all": [{"path": f"variables.{path}", "op": op, "value": value}]}
    assert ran("resolved>a", story=TOLD, a={"when": when}) == {"a": "done" if holds else "condition"}


TRUE = {"path": "variables.n", "op": "eq", "value": 5}
FALSE = {"path": "call.verdict", "op": "eq", "value": "PREMATURE"}
COMBINED = [
    ({"all": [TRUE, TRUE]}, True),
    ({"all": [TRUE, FALSE]}, False),
    ({"any": [TRUE, FALSE]}, True),
    ({"any": [FALSE, FALSE]}, False),
]


@pytest.mark.parametrize(("when", "holds"), COMBINED)
def test_conditions_are_combined_by_all_and_any(when: Json, holds: bool) -> None:
    assert ran("resolved>a", story=TOLD, a={"when": when}) == {"a": "done" if holds else "condition"}


def test_a_condition_that_does_not_hold_skips_what_comes_after() -> None:
    shown = ran("resolved>a", "a>b", "a>c:always", story=TOLD, a={"when": {"all": [FALSE]}})
    assert shown == {"a": "condition", "b": "upstream_skipped", "c": "done"}


def test_a_skipped_node_has_no_attempts() -> None:
    shown = judged(TOLD, api("a", when={"all": [FALSE]}))
    one = delivery(shown, "a")
    assert (one["result"], one["why"], one["attempts"], one["after"]) == ("skipped", "condition", [], [])


def test_a_condition_may_ask_for_the_reply_of_an_earlier_node() -> None:
    when = {"all": [{"path": "nodes.a.response.body.ok", "op": "eq", "value": True}]}
    for ok, came in ((True, "done"), (False, "condition")):
        shown = judged(
            ENDED,
            api("a"),
            api("b", when=when),
            edges=("resolved>a", "a>b"),
            responses={"a": {"body": {"ok": ok}}},
        )
        assert nodes(shown) == {"a": "done", "b": came}


def test_every_node_of_a_skipped_test_call_says_why() -> None:
    story = call(is_test=True).node("resolved").ended("end_node")
    shown = judged(story, api("a"), api("b"), edges=("resolved>a", "a>b:always"), test_calls="skip")
    assert nodes(shown) == {"a": "test_call", "b": "test_call"}


# Replies of earlier nodes
def chained(body: Any, answer: Json, **first: Any) -> Any:
    """What the second node of a chain sends, after an answer to the first."""
    apis = (api("a", **first), api("b", body={"v": body}))
    shown = judged(ENDED, *apis, edges=("resolved>a", "a>b:always"), responses={"a": answer})
    return delivery(shown, "b")["body"].get("v")


TICKET = {"ticket": {"id": 42, "tags": ["x", "y"]}}
EXTRACTS = [
    ("$.ticket.id", 42),
    ("$.ticket.tags", ["x", "y"]),
    ("$.ticket.tags[1]", "y"),
    ("$['ticket']['id']", 42),
    ("$.ticket", TICKET["ticket"]),
]


@pytest.mark.parametrize(("path", "value"), EXTRACTS)
def test_what_is_extracted_of_a_reply_feeds_the_chain(path: str, value: Any) -> None:
    expression = "{{ nodes.a.response.extracted.t }}"
    assert chained(expression, {"body": TICKET}, extract={"t": path}) == value


def test_status_headers_and_body_of_a_reply_feed_the_chain() -> None:
    assert chained("{{ nodes.a.response.status }}", {"status": 201}) == 201
    assert chained("{{ nodes.a.response.body.ticket.id }}", {"body": TICKET}) == 42
    assert chained("{{ nodes.a.response.body }}", {"body": "plain"}) == "plain"
    assert chained("{{ nodes.a.response.headers.x-id }}", {"headers": {"X-Id": "7"}}) == "7"
    assert chained("{{ nodes.a.response.headers['x-id'] }}", {"headers": {"X-Id": "7"}}) == "7"


def test_what_a_reply_does_not_have_is_missing() -> None:
    extract = {"t": "$.nowhere"}
    assert chained("{{ nodes.a.response.extracted.t }}", {"body": TICKET}, extract=extract) is None
    assert chained("{{ nodes.a.response.body.x }}", {"body": "plain"}) is None


def test_a_grandchild_sees_the_reply_of_the_first_node() -> None:
    last = api("c", body={"v": "{{ nodes.a.response.extracted.t }}"})
    shown = judged(
        ENDED,
        api("a", extract={"t": "$.ticket.id"}),
        api("b"),
        last,
        edges=CHAIN,
        responses={"a": {"body": TICKET}},
    )
    assert delivery(shown, "c")["body"] == {"v": 42}


def test_a_node_waits_for_an_earlier_one_that_its_template_names() -> None:
    edges = ("resolved>a", "a>b", "resolved>c", "b>d", "c>d")
    shown = judged(ENDED, *(api(one) for one in "abcd"), edges=edges)
    assert nodes(shown) == dict.fromkeys("abcd", "done")
