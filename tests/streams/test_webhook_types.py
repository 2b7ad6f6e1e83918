"""Which webhooks a verdict fires."""

import pytest

from schemas.outcomes import Outcome, Verdict
from schemas.reasons import REASONS
from streams.lifecycle import webhook_types


def fired(verdict: Verdict, reason: str = "completed", *, synthetic: bool = False) -> tuple[str, ...]:
    """The webhook types of such an outcome."""
    return webhook_types(Outcome(verdict, reason, "R1", synthetic=synthetic))


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_a_proper_call_fires_ended_and_completed_whatever_the_reason(reason: str) -> None:
    assert fired(Verdict.PROPER, reason) == ("call.ended", "call.completed")


def test_a_transferred_call_fires_transferred() -> None:
    assert fired(Verdict.TRANSFERRED, "transferred") == ("call.ended", "call.transferred")


@pytest.mark.parametrize(
    ("reason", "beside"),
    [
        ("caller_hangup", ()),
        ("busy", ()),
        ("voicemail", ("call.voicemail",)),
        ("agent_error", ("call.failed",)),
        ("platform_error", ("call.failed",)),
        ("no_audio", ("call.failed",)),
        ("transfer_failed", ("call.failed",)),
        ("inactivity", ()),
    ],
)
def test_a_premature_call_fires_premature_and_what_fits_its_reason(
    reason: str, beside: tuple[str, ...]
) -> None:
    assert fired(Verdict.PREMATURE, reason) == ("call.ended", "call.premature", *beside)


@pytest.mark.parametrize(
    ("reason", "named"),
    [
        ("busy", "call.busy"),
        ("no_answer", "call.no_answer"),
        ("cancelled", "call.cancelled"),
        ("rejected", "call.failed"),
        ("dial_failed", "call.failed"),
        ("completed", "call.failed"),
        ("caller_hangup", "call.failed"),
    ],
)
def test_a_call_that_was_not_connected_fires_why(reason: str, named: str) -> None:
    assert fired(Verdict.NOT_CONNECTED, reason) == ("call.ended", named)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_synthetic_end_fires_lost_beside_the_others(verdict: Verdict) -> None:
    assert fired(verdict, "lost", synthetic=True) == (*fired(verdict, "lost"), "call.lost")
