"""The demo's accounts find whatever is lost, made up, repeated, judged wrongly or out of order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.demo.calls import Load, draw
from agents.demo.ledger import Ledger, balance
from agents.demo.stories import STORIES
from agents.demo.witnesses import Seen, Witnesses

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LOAD = draw(len(STORIES), 5, NOW, seed=1)


def faultless(load: Load) -> Witnesses:
    """What would be seen if exactly that came which had to."""
    seen = Witnesses()
    for call_id, story in load.stories.items():
        verdict = {"verdict": story.verdict.value, "end_node_id": story.end_node_id}
        decided = {
            "call_id": call_id,
            "type": "call.outcome",
            "rule": "R1",
            "decided_at": NOW.isoformat(),
            **verdict,
        }
        seen.outcomes += [decided, decided | {"type": "call.settled"}]
        for number, name in enumerate((*story.hooks, *story.nodes)):
            kind = "node" if name in story.nodes else "webhook"
            at = (NOW + timedelta(milliseconds=10 * number)).timestamp()
            seen.requests.append(Seen(call_id, kind, name, f"{call_id}/{number}", at, at + 0.005, 200))
    return seen


def request(seen: Witnesses, name: str) -> Seen:
    return next(each for each in seen.requests if each.name == name)


def after(spoil: Callable[[Witnesses], Any]) -> Ledger:
    seen = faultless(LOAD)
    spoil(seen)
    return balance(LOAD.stories, seen)


def test_what_came_as_it_had_to_is_a_clean_ledger() -> None:
    assert after(lambda seen: None).clean


def test_a_request_that_failed_and_was_made_again_is_no_fault() -> None:
    def fail_first(seen: Witnesses) -> None:
        good = request(seen, "send_email")
        bad = Seen(good.call_id, good.kind, good.name, good.key, good.at, good.answer_at, 500)
        seen.requests.insert(seen.requests.index(good), bad)

    assert after(fail_first).clean


@pytest.mark.parametrize("name", ["record_metrics", "call.ended", "call.settled", "update_crm"])
def test_one_request_that_never_came_is_lost(name: str) -> None:
    ledger = after(lambda seen: seen.requests.remove(request(seen, name)))
    assert not ledger.clean
    assert len(ledger.nodes.lost + ledger.webhooks.lost) == 1


def test_a_node_of_a_premature_end_is_a_phantom() -> None:
    call = next(call for call, story in LOAD.stories.items() if not story.nodes)
    made_up = Seen(call, "node", "record_metrics", "k", 1.0, 1.0, 500)
    assert after(lambda seen: seen.requests.append(made_up)).nodes.phantom == (f"{call} record_metrics",)


def test_a_request_made_again_after_it_succeeded_is_repeated() -> None:
    ledger = after(lambda seen: seen.requests.append(request(seen, "call.ended")))
    assert not ledger.clean
    assert len(ledger.webhooks.repeated) == 1


def test_the_same_request_under_a_second_key_is_a_phantom() -> None:
    def twice(seen: Witnesses) -> None:
        one = request(seen, "book_callback")
        seen.requests.append(Seen(one.call_id, one.kind, one.name, "other", one.at, one.answer_at, 200))

    assert len(after(twice).nodes.phantom) == 1


def test_an_email_before_the_crm_answered_is_out_of_order() -> None:
    def early(seen: Witnesses) -> None:
        crm, mail = request(seen, "update_crm"), request(seen, "send_email")
        at = crm.answer_at - 0.001
        seen.requests[seen.requests.index(mail)] = Seen(
            mail.call_id, "node", mail.name, mail.key, at, at, 200
        )

    assert len(after(early).chains.phantom) == 1


def test_another_verdict_or_end_node_is_not_clean() -> None:
    def misjudge(**wrong: str) -> Callable[[Witnesses], None]:
        return lambda seen: seen.outcomes[0].update(wrong)

    assert not after(misjudge(verdict="TRANSFERRED", end_node_id="")).clean
    assert not after(misjudge(end_node_id="elsewhere")).clean


def test_a_call_without_a_verdict_is_lost() -> None:
    call = next(iter(LOAD.stories))
    assert after(lambda seen: seen.outcomes.__delitem__(slice(0, 2))).calls.lost == (call,)
