"""Every platform's word for why a call ended comes to one of ours, or is counted as unmapped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reasons import BARE, FAULTS, NEVER_CONNECTED, REASONS, SPECIFICITY, canonical


def test_there_are_as_many_reasons_as_the_rules_name() -> None:
    assert len(REASONS) == 21
    assert FAULTS | NEVER_CONNECTED | BARE <= REASONS


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_both_spellings_of_a_canonical_reason_are_read(reason: str) -> None:
    assert canonical(reason) == canonical(reason.replace("_", "-")) == (reason, True)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("canceled", "cancelled"),
        ("No Answer", "no_answer"),
        ("user_hangup", "caller_hangup"),
        ("customer-ended-call", "caller_hangup"),
        ("customer-ended-call-during-some-transfer", "caller_hangup"),
        ("assistant-ended-call-after-message-spoken", "end_node"),
        ("silence-timed-out", "inactivity"),
        ("exceeded-max-duration", "max_duration"),
        ("call.start.error-get-customer", "setup_error"),
        ("call.in-progress.error-vapifault-worker-died", "platform_error"),
        ("pipeline-error-openai-llm-failed", "agent_error"),
        ("dial_busy", "busy"),
        ("TELECOM_UNANSWERED", "no_answer"),
        ("CUSTOMER_DISCONNECT", "caller_hangup"),
        ("normal_clearing", "completed"),
        ("twilio-completed-call", "completed"),
        ("voicemail_reached", "voicemail"),
        ("error_no_audio_received", "no_audio"),
        ("call_transfer", "transferred"),
        ("USER_REJECTED", "rejected"),
        ("marked_as_spam", "blocked"),
        ("unspecified", "unknown"),
    ],
)
def test_a_platform_s_word_is_mapped(raw: str, reason: str) -> None:
    assert canonical(raw) == (reason, True)
    assert canonical(None, raw) == (reason, True)


def test_the_raw_reason_helps_where_the_reason_is_not_mapped() -> None:
    assert canonical("weird", "user_busy") == ("busy", True)
    assert canonical("completed", "user_busy") == ("completed", True)


@pytest.mark.parametrize("reason", ["fell_off", "…", 7, ["busy"], {"busy": True}])
def test_what_nobody_mapped_is_unknown_and_counted(reason: object) -> None:
    assert canonical(reason) == ("unknown", False)


@pytest.mark.parametrize("reason", [None, ""])
def test_no_reason_at_all_is_unknown_and_nothing_to_count(reason: object) -> None:
    assert canonical(reason) == ("unknown", True)


def test_the_ranks_are_those_of_the_rules() -> None:
    ranks = [
        SPECIFICITY[reason] for reason in ("busy", "end_node", "blocked", "completed", "unknown", "lost")
    ]
    assert ranks == [4, 3, 2, 1, 0, -1]


@given(st.text() | st.none() | st.integers(), st.text() | st.none())
def test_any_reason_comes_to_a_canonical_one(reason: object, raw: object) -> None:
    assert canonical(reason, raw).canonical in REASONS
