"""Settings have the defaults that the design names, cannot be changed, and must agree with each other."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from schemas.settings import SECRET_FIELDS, Settings, flag, variable


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(variable(field), raising=False)


def test_a_worker_without_any_variable_runs_with_the_documented_defaults() -> None:
    settings = Settings()
    assert (settings.broker, settings.app_id, settings.partitions) == ("127.0.0.1:9092", "postcall", 8)
    assert (settings.web_host, settings.web_port, settings.web_token) == ("127.0.0.1", 6066, None)
    assert settings.grace == timedelta(seconds=3)
    assert settings.remember == timedelta(days=7)


def test_variables_are_read_in_the_units_people_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTCALL_GRACE", "250ms")
    monkeypatch.setenv("POSTCALL_EGRESS_ALLOW", "10.0.0.0/8, crm.internal,")
    monkeypatch.setenv("POSTCALL_START", "2026-01-02T05:04:05+02:00")
    settings = Settings()
    assert settings.grace == timedelta(milliseconds=250)
    assert settings.egress_allow == ("10.0.0.0/8", "crm.internal")
    assert settings.start == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_an_entry_that_is_no_destination_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTCALL_EGRESS_ALLOW", "10.0.0.0/8,1.2.3.4/40,crm.internal:80")
    with pytest.raises(ValidationError, match=r"found '1.2.3.4/40', 'crm.internal:80'; expected each to be"):
        Settings()


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTCALL_REPLICATION", "")
    assert Settings().replication is None


def test_settings_cannot_be_changed_once_they_are_read() -> None:
    with pytest.raises(ValidationError):
        Settings().broker = "elsewhere:9092"  # type: ignore[misc]  # that is the claim


def test_failpoints_are_refused_outside_of_tests() -> None:
    with pytest.raises(ValidationError, match="POSTCALL_UNSAFE_TESTING=1"):
        Settings(failpoints=("rows-set=kill",))
    assert Settings(failpoints=("rows-set=kill",), unsafe_testing=True).failpoints == ("rows-set=kill",)


def test_a_failpoint_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ValidationError, match=r"POSTCALL_FAILPOINTS: found 'before-ack=kill' .*rows-set"):
        Settings(failpoints=("before-ack=kill",), unsafe_testing=True)


def test_the_topic_prefix_is_put_before_a_name_literally() -> None:
    assert Settings(topic_prefix="eu.").topic("call-events") == "eu.call-events"


def test_every_field_explains_itself() -> None:
    unexplained = [name for name, field in Settings.model_fields.items() if not field.description]
    assert unexplained == []


def test_no_secret_is_shown_when_settings_are_printed() -> None:
    shown = repr(Settings(web_token="hunter2", sasl_password="hunter2", privacy_key="hunter2"))  # type: ignore[arg-type]
    assert "hunter2" not in shown
    assert sorted(SECRET_FIELDS) == ["privacy_key", "proxy", "sasl_password", "web_token"]


def test_variable_and_flag_carry_the_field_s_name() -> None:
    assert (variable("web_port"), flag("web_port")) == ("POSTCALL_WEB_PORT", "--web-port")
