"""Every metric is there from the start, at 0, under closed labels; counting anything else is a fault of ours."""

from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.metric_families import FAMILIES, RULED, EndpointState, Note
from agents.metrics import Metrics
from schemas.delivery import Class
from streams.effects import Count


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of a scrape, by name and sorted labels."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """One sample; KeyError where there is none."""
    return samples(metrics)[name, tuple(sorted(labels.items()))]


def test_every_series_is_there_at_zero_before_anything_happens() -> None:
    fresh = samples(Metrics())
    own = {key: at for key, at in fresh.items() if key[0].startswith("postcall_") and "build" not in key[0]}
    assert set(own.values()) == {0.0}
    for family in FAMILIES:
        suffix = "_count" if family.sort == "histogram" else ""
        for labels in family.series:
            named = tuple(sorted(zip(family.labels, labels, strict=True)))
            assert (family.name + suffix, named) in own or family.name == "postcall_build_info"


def test_a_scrape_has_at_most_thirty_families() -> None:
    assert Metrics().exposition().count(b"# TYPE") <= 30


def test_names_follow_the_conventions_and_help_answers_a_question() -> None:
    for family in FAMILIES:
        assert family.name.startswith("postcall_")
        assert family.name.endswith("_total") == (family.sort == "counter")
        assert "?" in family.help
        assert (family.sort == "histogram") == bool(family.buckets)


def test_no_created_series_doubles_the_scrape() -> None:
    assert b"_created" not in Metrics().exposition()


def test_an_attempt_is_counted_and_timed_under_its_class() -> None:
    metrics = Metrics()
    metrics.attempt("webhook", Class.OVERLOADED, 0.3)
    labels = {"kind": "webhook", "class": "overloaded"}
    assert value(metrics, "postcall_attempts_total", **labels) == 1
    assert value(metrics, "postcall_attempt_seconds_sum", **labels) == 0.3


def test_what_a_step_counts_reaches_its_family() -> None:
    metrics = Metrics()
    metrics.counted(
        [
            Count("events", ("late",)),
            Count("outcome", ("PROPER", "R1")),
            Count("attempt", ("node", "success"), 0.2),
            Count("delivered", ("node",), 1.5),
            Count("retry"),
            Count("missing", ("variables.nobody_knows",)),
            Count("dead_letter", ("gone",)),
        ]
    )
    assert value(metrics, "postcall_events_total", result="late") == 1
    assert value(metrics, "postcall_outcomes_total", verdict="PROPER", rule="R1") == 1
    assert value(metrics, "postcall_attempts_total", **{"kind": "node", "class": "success"}) == 1
    assert value(metrics, "postcall_end_to_delivery_seconds_sum", kind="node") == 1.5
    assert value(metrics, "postcall_retries_total") == 1
    assert value(metrics, "postcall_template_missing_total") == 1
    assert value(metrics, "postcall_dead_letters_total", reason="gone") == 1


def test_a_note_of_a_newer_rule_is_counted_as_other_and_opens_no_series() -> None:
    metrics = Metrics()
    metrics.counted([Count("notes", ("never_heard_of",)), Count("notes", ("conflict",))])
    assert value(metrics, "postcall_notes_total", note="other") == 1
    assert value(metrics, "postcall_notes_total", note="conflict") == 1
    assert b"never_heard_of" not in metrics.exposition()
    assert "other" in get_args(Note)


@pytest.mark.parametrize("labels", [("PROPER", "R6"), ("TRANSFERRED", "R1"), ("PROPER", "R20")])
def test_a_verdict_that_no_rule_gives_is_a_fault_of_ours(labels: tuple[str, str]) -> None:
    assert labels not in RULED
    with pytest.raises(ValueError, match="postcall_outcomes_total"):
        Metrics().outcome(*labels)


def test_watched_values_are_asked_for_at_each_scrape() -> None:
    metrics, parked = Metrics(), [3.0, 5.0]
    metrics.watch("parked", lambda: parked.pop(0))
    assert value(metrics, "postcall_deliveries_parked") == 3
    assert value(metrics, "postcall_deliveries_parked") == 5


def test_endpoints_are_asked_for_by_state() -> None:
    metrics = Metrics()
    metrics.watch_endpoints(lambda state: float(len(state)))
    for state in get_args(EndpointState):
        assert value(metrics, "postcall_endpoints", state=state) == len(state)
