"""What of the settings the rules are given, and what a start says about personal data."""

import logging

import pytest
from pydantic import SecretStr

from agents.policy import policy, warn_of_plain_hashes
from schemas.settings import Settings
from schemas.workflow import VoiceAgent

HASHING = VoiceAgent("bot", privacy={"hash": ("call.from",)})
MASKING = VoiceAgent("other", privacy={"mask": ("call.from",)})


def test_the_key_of_hashes_is_given_to_the_rules_and_shown_nowhere() -> None:
    given = policy(Settings(privacy_key=SecretStr("hunter2")))
    assert given.privacy_key == b"hunter2"
    assert "hunter2" not in repr(given)


@pytest.mark.parametrize(("key", "warned"), [(None, ["bot"]), (SecretStr("k"), None)])
def test_hashes_without_a_key_are_warned_of_at_the_start(
    key: SecretStr | None, warned: list[str] | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_plain_hashes(Settings(privacy_key=key), [HASHING, MASKING])
    assert [vars(record)["agents"] for record in caplog.records] == ([] if warned is None else [warned])
