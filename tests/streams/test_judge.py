"""Every row of the reply table: what a reply means for a webhook, for a node, for the endpoint."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from schemas.delivery import Answered, Class, Reply, Silence
from streams.judge import PAUSE_AT_LEAST, judge

ROWS = [
    *[(status, Class.SUCCESS, "done", "done", "resets") for status in (200, 201, 202, 204, 226, 299)],
    (429, Class.OVERLOADED, "retry", "retry", "keeps"),
    *[(status, Class.OVERLOADED, "retry", "retry", "hurts") for status in (502, 503, 504)],
    *[
        (status, Class.TRANSIENT, "retry", "retry", "hurts")
        for status in (408, 421, 423, 425, 500, 507, 509, *range(520, 600))
    ],
    *[(status, Class.AUTH, "retry", "fail", "hurts") for status in (401, 403, 407)],
    *[
        (status, Class.REJECTED, "retry", "fail", "keeps")
        for status in (300, 301, 302, 303, 304, 307, 308, 400, 402, 404, 405, 406, 409, 411, 412, 413)
    ],
    *[
        (status, Class.REJECTED, "retry", "fail", "keeps")
        for status in (414, 415, 416, 417, 418, 422, 426, 428, 431, 451, 499, 501, 505, 506, 508, 510, 511)
    ],
    *[(status, Class.REJECTED, "retry", "fail", "keeps") for status in (600, 700, 999)],
]


@pytest.mark.parametrize(("status", "class_", "webhook", "node", "health"), ROWS)
def test_a_status_means_what_its_row_says(
    status: int, class_: Class, webhook: str, node: str, health: str
) -> None:
    judged = judge(Answered(status), "webhook"), judge(Answered(status), "node")
    assert [one.class_ for one in judged] == [class_, class_]
    assert [one.after for one in judged] == [webhook, node]
    assert [one.health for one in judged] == [health, "keeps" if status == 410 else health]


@pytest.mark.parametrize(
    ("silence", "class_", "after", "health"),
    [
        (Silence("egress_denied", "before"), Class.OURS, "fail", "keeps"),
        (Silence("dns", "unsent"), Class.UNSENT, "retry", "hurts"),
        (Silence("timeout", "sent"), Class.AMBIGUOUS, "retry", "hurts"),
    ],
)
def test_a_silence_means_what_its_stage_says(
    silence: Silence, class_: Class, after: str, health: str
) -> None:
    for kind in ("webhook", "node"):
        judged = judge(silence, kind)
        assert (judged.class_, judged.after, judged.health) == (class_, after, health)
        assert judged.error == silence.error


def test_what_must_not_be_sent_twice_is_not_tried_again_when_it_may_have_arrived() -> None:
    assert judge(Silence("reset", "sent"), "node", retry_ambiguous=False).after == "fail"
    assert judge(Silence("refused", "unsent"), "node", retry_ambiguous=False).after == "retry"


def test_a_2xx_with_a_cut_body_is_a_success() -> None:
    assert judge(Answered(200, complete=False), "node").class_ is Class.SUCCESS


def test_a_2xx_that_says_disable_is_done_and_disables_the_endpoint() -> None:
    judged = judge(Answered(200, control="disable"), "webhook")
    assert (judged.class_, judged.after, judged.health) == (Class.SUCCESS, "done", "disables")


def test_a_webhook_that_is_gone_is_disabled_and_a_node_only_fails() -> None:
    webhook, node = judge(Answered(410), "webhook"), judge(Answered(410), "node")
    assert (webhook.class_, webhook.after, webhook.health) == (Class.GONE, "fail", "disables")
    assert (node.class_, node.after, node.health) == (Class.GONE, "fail", "keeps")


@pytest.mark.parametrize("status", [200, 410, 500])
def test_a_node_whose_endpoint_says_disable_is_disabled(status: int) -> None:
    assert judge(Answered(status, control="disable"), "node").health == "disables"


@pytest.mark.parametrize("status", [302, 404, 429, 500, 503])
def test_any_other_answer_that_says_disable_is_gone(status: int) -> None:
    judged = judge(Answered(status, control="disable"), "webhook")
    assert (judged.class_, judged.after, judged.health) == (Class.GONE, "fail", "disables")


@pytest.mark.parametrize("status", [302, 401, 404, 429, 500, 503])
def test_abort_message_ends_the_delivery_and_leaves_the_endpoint_alone(status: int) -> None:
    judged = judge(Answered(status, control="abort-message"), "webhook")
    assert (judged.class_, judged.after, judged.health) == (Class.ABORTED, "fail", "keeps")


@pytest.mark.parametrize(("asked", "pause"), [(None, 5.0), (1.0, 5.0), (120.0, 120.0)])
def test_an_overloaded_endpoint_rests_as_long_as_it_asks_and_five_seconds_at_least(
    asked: float | None, pause: float
) -> None:
    assert judge(Answered(503, retry_after=asked), "webhook").pause == pause


def test_a_retry_after_beside_another_failure_is_kept_to() -> None:
    assert judge(Answered(500, retry_after=7.0), "node").pause == 7.0
    assert judge(Answered(500), "node").pause is None


replies: some.SearchStrategy[Reply] = some.one_of(
    some.builds(
        Answered,
        status=some.integers(200, 999),
        control=some.sampled_from([None, "disable", "abort-message"]),
        retry_after=some.none() | some.floats(0, 3600),
    ),
    some.builds(Silence, error=some.just("reset"), stage=some.sampled_from(["before", "unsent", "sent"])),
)


@given(replies, some.booleans())
def test_a_node_is_never_more_insistent_than_a_webhook(reply: Reply, retry_ambiguous: bool) -> None:
    webhook, node = judge(reply, "webhook", retry_ambiguous), judge(reply, "node", retry_ambiguous)
    assert node.after == webhook.after or (webhook.after, node.after) == ("retry", "fail")


@given(replies)
def test_exactly_the_done_have_no_error(reply: Reply) -> None:
    judged = judge(reply, "webhook")
    assert (judged.after == "done") == (judged.class_ is Class.SUCCESS) == (judged.error is None)


@given(replies)
def test_overload_is_always_followed_by_a_rest(reply: Reply) -> None:
    judged = judge(reply, "node")
    if judged.class_ is Class.OVERLOADED:
        assert judged.pause is not None
        assert judged.pause >= PAUSE_AT_LEAST
