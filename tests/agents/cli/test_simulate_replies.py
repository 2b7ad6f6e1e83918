"""What a reply means for a node and for a webhook: its class, when it is tried again, how it ends."""

from itertools import pairwise
from typing import Any

import pytest

from tests.agents.cli.simulating import (
    STANDARD,
    Json,
    agent,
    api,
    call,
    delivery,
    judged,
    nodes,
    seconds,
    simulated,
    workflow,
)

ENDED = call().answered(at=0).node("resolved", at=1).ended("end_node", at=10)
HOUR = 3600
PATIENT = [1, 5, 30, 120, 600, 1800, 2 * HOUR, 6 * HOUR, 12 * HOUR]
STANDARD_WEBHOOKS = [5, 300, 1800, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR]


def of_node(answer: Json | list[Json], **node: Any) -> Json:
    return delivery(judged(ENDED, api("crm", **node), responses={"crm": answer}), "crm")


def of_webhook(answer: Json | list[Json], **hook: Any) -> Json:
    documents = (workflow(), agent(webhooks={"call.ended": {"url": "https://h.example.com/", **hook}}))
    shown = simulated(ENDED, documents=documents, responses={"call.ended": answer})
    return delivery(shown[0], "call.ended")


def gaps(one: Json) -> list[float]:
    at = [seconds(each["at"]) for each in one["attempts"]]
    return [round(later - earlier, 3) for earlier, later in pairwise(at)]


def near(found: list[float], expected: list[float]) -> bool:
    """As many, each within 20 % and the millisecond that printing rounds to."""
    pairs = list(zip(found, expected, strict=False))
    return len(found) == len(expected) and all(0.8 * e - 0.01 <= f <= 1.2 * e + 0.01 for f, e in pairs)


RETRIED = [
    *((status, "transient") for status in (408, 421, 423, 425, 500, 507, 509, 520, 530, 599)),
    *((status, "overloaded") for status in (429, 502, 503, 504)),
]
REJECTED = [400, 402, 404, 405, 406, 409, 411, 413, 414, 415, 422, 426, 428, 431, 451]
REJECTED += [499, 501, 505, 506, 508, 510, 511, 600, 700, 999, 300, 301, 302, 303, 304, 307, 308]
REFUSED = [401, 403, 407]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_a_success_is_done_at_once(status: int) -> None:
    for one in (of_node({"status": status}), of_webhook({"status": status})):
        assert [(each["status"], each["class"]) for each in one["attempts"]] == [(status, "success")]
        assert (one["result"], one["why"]) == ("done", None)


@pytest.mark.parametrize(("status", "kind"), RETRIED)
def test_these_are_tried_again_by_nodes_and_webhooks(status: int, kind: str) -> None:
    for one in (of_node([{"status": status}, {}]), of_webhook([{"status": status}, {}])):
        assert [each["class"] for each in one["attempts"]] == [kind, "success"]
        assert one["result"] == "done"


@pytest.mark.parametrize("status", REJECTED)
def test_a_rejection_ends_a_node_and_a_webhook_tries_again(status: int) -> None:
    node, webhook = of_node([{"status": status}, {}]), of_webhook([{"status": status}, {}])
    assert [each["class"] for each in node["attempts"]] == ["rejected"]
    assert (node["result"], webhook["result"]) == ("dead", "done")
    assert [each["class"] for each in webhook["attempts"]] == ["rejected", "success"]


@pytest.mark.parametrize("status", REFUSED)
def test_without_a_token_to_refresh_auth_ends_a_node_and_a_webhook_keeps_its_schedule(status: int) -> None:
    node, webhook = of_node([{"status": status}, {}]), of_webhook([{"status": status}, {}])
    assert [each["class"] for each in node["attempts"]] == ["auth"]
    assert [each["class"] for each in webhook["attempts"]] == ["auth", "success"]
    assert (node["result"], webhook["result"]) == ("dead", "done")
    assert near(gaps(webhook), [1])


def test_gone_is_a_dead_letter_of_both() -> None:
    for one in (of_node([{"status": 410}, {}]), of_webhook([{"status": 410}, {}])):
        assert ([each["class"] for each in one["attempts"]], one["result"]) == (["gone"], "dead")


@pytest.mark.parametrize(
    ("status", "control", "kind", "result"),
    [
        (200, "disable", "success", "done"),
        (500, "disable", "gone", "dead"),
        (404, "disable", "gone", "dead"),
        (500, "abort-message", "aborted", "dead"),
        (404, "abort-message", "aborted", "dead"),
    ],
)
def test_an_endpoint_may_say_what_becomes_of_the_delivery(
    status: int, control: str, kind: str, result: str
) -> None:
    answer = {"status": status, "headers": {"Webhook-Delivery": control}}
    for one in (of_node([answer, {}]), of_webhook([answer, {}])):
        assert ([each["class"] for each in one["attempts"]], one["result"]) == ([kind], result)


# Silence
def test_a_time_out_takes_its_time_and_is_ambiguous() -> None:
    for one in (of_node([{"error": "timeout"}, {}]), of_webhook([{"error": "timeout"}, {}])):
        first, second = one["attempts"]
        assert (first["error"], first["class"], "status" in first) == ("timeout", "ambiguous", False)
        assert 15 + 0.8 <= seconds(second["at"]) - seconds(first["at"]) <= 15 + 1.2
        assert one["result"] == "done"


def test_a_time_out_is_as_long_as_the_document_says() -> None:
    assert 30.8 <= gaps(of_node([{"error": "timeout"}, {}], timeout="30s"))[0] <= 31.2
    assert 2.8 <= gaps(of_webhook([{"error": "timeout"}, {}], timeout="2s"))[0] <= 3.2


def test_what_must_not_be_sent_twice_is_dead_after_a_time_out() -> None:
    for one in (
        of_node([{"error": "timeout"}, {}], retry_ambiguous=False),
        of_webhook([{"error": "timeout"}, {}], retry_ambiguous=False),
    ):
        assert (len(one["attempts"]), one["result"]) == (1, "dead")
    assert of_node([{"status": 500}, {}], retry_ambiguous=False)["result"] == "done"


# Schedules
@pytest.mark.parametrize("send", [of_node, of_webhook])
def test_the_default_schedule_is_patient(send: Any) -> None:
    one = send({"status": 500})
    assert (one["result"], near(gaps(one), PATIENT)) == ("dead", True)
    assert near(gaps(send({"status": 500}, retry="patient")), PATIENT)


@pytest.mark.parametrize("send", [of_node, of_webhook])
def test_standard_is_the_list_of_standard_webhooks(send: Any) -> None:
    one = send({"status": 500}, retry="standard")
    assert (one["result"], near(gaps(one), STANDARD_WEBHOOKS)) == ("dead", True)


@pytest.mark.parametrize("send", [of_node, of_webhook])
def test_quick_is_five_attempts_with_full_jitter(send: Any) -> None:
    one = send({"status": 500}, retry="quick")
    assert (len(one["attempts"]), one["result"]) == (5, "dead")
    assert all(0 <= gap <= limit for gap, limit in zip(gaps(one), [0.5, 1, 2, 4], strict=True))


def test_a_schedule_may_be_a_list() -> None:
    one = of_node({"status": 500}, retry={"schedule": ["10s", "1m"]})
    assert (one["result"], near(gaps(one), [10, 60])) == ("dead", True)


def test_a_schedule_may_be_exponential() -> None:
    one = of_node({"status": 500}, retry={"attempts": 4, "base": "2s", "cap": "3s", "budget": "10m"})
    assert (len(one["attempts"]), one["result"]) == (4, "dead")
    assert all(0 <= gap <= limit for gap, limit in zip(gaps(one), [2, 3, 3], strict=True))


def test_a_budget_ends_retries() -> None:
    retry = {"attempts": 50, "base": "20s", "cap": "20s", "budget": "60s"}
    one = of_node({"status": 500}, retry=retry)
    assert (one["result"], len(one["attempts"]) < 50) == ("dead", True)
    assert seconds(one["attempts"][-1]["at"]) - 13 <= 60


def test_a_budget_is_that_of_the_chain_and_leaves_every_node_one_attempt() -> None:
    retry = {"attempts": 50, "base": "20s", "cap": "20s", "budget": "60s"}
    apis = (api("a", retry=retry), api("b", retry=retry))
    shown = judged(
        ENDED,
        *apis,
        edges=("resolved>a", "a>b:failure"),
        responses={"a": {"status": 500}, "b": {"status": 500}},
    )
    assert len(delivery(shown, "b")["attempts"]) >= 1
    last = max(seconds(each["at"]) for one in ("a", "b") for each in delivery(shown, one)["attempts"][1:])
    assert last - 13 <= 60


def test_attempts_that_are_used_up_are_not_made_again() -> None:
    one = of_node([{"status": 500}, {"status": 503}, {"status": 200}], retry={"schedule": ["1s"]})
    assert ([each["status"] for each in one["attempts"]], one["result"]) == ([500, 503], "dead")


# Overload
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_overload_waits_for_five_seconds_at_least(status: int) -> None:
    for one in (of_node([{"status": status}, {}]), of_webhook([{"status": status}, {}])):
        assert 5 <= gaps(one)[0] <= 6


RETRY_AFTER = [
    ("60", 60, 60),
    ("3", 5, 6),
    ("0", 5, 6),
    ("-5", 5, 6),
    ("soon", 5, 6),
    ("", 5, 6),
    ("86400", 3600, 3600),
    ("99999999999999999999", 3600, 3600),
    ("Sun, 01 Mar 2026 12:02:13 GMT", 120, 120),
    ("Sun, 01 Mar 2020 12:02:13 GMT", 5, 6),
]


@pytest.mark.parametrize(("value", "least", "most"), RETRY_AFTER)
def test_retry_after_is_obeyed_within_an_hour(value: str, least: float, most: float) -> None:
    one = of_node([{"status": 429, "headers": {"Retry-After": value}}, {}])
    assert least - 0.01 <= gaps(one)[0] <= most * 1.2 + 0.01
    assert one["result"] == "done"


def test_a_longer_schedule_than_retry_after_stays() -> None:
    answer = {"status": 503, "headers": {"retry-after": "10"}}
    assert near(gaps(of_node([answer, {}], retry={"schedule": ["60s"]})), [60])


def test_waiting_for_retry_after_uses_no_budget() -> None:
    retry = {"attempts": 3, "base": "1s", "cap": "1s", "budget": "20s"}
    answer = {"status": 429, "headers": {"retry-after": "600"}}
    one = of_node([answer, {"status": 500}, {}], retry=retry)
    assert ([each["status"] for each in one["attempts"]], one["result"]) == ([429, 500, 200], "done")


def test_what_an_earlier_node_waited_for_uses_no_budget_of_the_chain() -> None:
    retry = {"attempts": 3, "base": "1s", "cap": "1s", "budget": "20s"}
    answers = {"a": [{"status": 429, "headers": {"retry-after": "600"}}, {}], "b": [{"status": 500}, {}]}
    apis = (api("a", retry=retry), api("b", retry=retry))
    shown = judged(ENDED, *apis, edges=("resolved>a", "a>b"), responses=answers)
    assert nodes(shown) == {"a": "done", "b": "done"}


def test_every_attempt_uses_its_own_answer_and_the_same_bytes() -> None:
    one = of_node([{"status": 500}, {"status": 502}, {"error": "timeout"}, {"status": 201}])
    came = [each.get("status", each.get("error")) for each in one["attempts"]]
    assert (came, one["result"]) == ([500, 502, "timeout", 201], "done")


@pytest.mark.parametrize(
    "scripted", [[{"status": 500}, {"status": 502}], [{"status": 500}, {"status": 502}, {}]]
)
def test_an_attempt_for_which_nothing_is_scripted_is_answered_with_200(scripted: list[Json]) -> None:
    for one in (of_node(scripted), of_webhook(scripted)):
        assert ([each["status"] for each in one["attempts"]], one["result"]) == ([500, 502, 200], "done")
    assert [each["status"] for each in of_node([])["attempts"]] == [200]


def test_a_dead_node_stops_only_its_own_chain() -> None:
    shown = judged(ENDED, api("a"), api("b"), responses={"a": {"status": 404}})
    assert (delivery(shown, "a")["result"], nodes(shown)["b"]) == ("dead", "done")


def test_jitter_comes_from_the_delivery_so_runs_are_the_same() -> None:
    assert of_node({"status": 500}) == of_node({"status": 500})
    two = simulated(
        ENDED, call("other").node("resolved").ended("end_node"), responses={"crm": {"status": 500}}
    )
    assert gaps(delivery(two[0], "crm")) != gaps(delivery(two[1], "crm"))
    assert STANDARD[0]["id"] == "support"
