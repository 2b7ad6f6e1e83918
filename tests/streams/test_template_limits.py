"""No template and no data make a rendering cost more than its limits: work is counted, not timed."""

from typing import Any

import pytest

from streams.template import RenderFault, TemplateFault, check, render_json, render_text
from streams.templates.meter import OUTPUT_LIMIT, WORK_LIMIT, Meter, TooMuch, weight
from tests.streams.rendering import known

LONG = "ab " * 100_000
DATA = {**known(long=LONG, a="a" * 300_000, numbers=list(range(2000))), "now": "2026-01-02T00:00:00Z"}
DOUBLED = "{% assign x = START %}" + "{% assign x = x | GROW: x %}" * 60 + "{{ x }}"


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..30000000) %}{% endfor %}",
        "{% for i in (1..3000000000) reversed %}{% endfor %}",
        "{% for i in (1..9999999999999999999999) %}{% endfor %}",
        "{{ (1..3000000000) | join: ',' }}",
        "{% for i in (1..1000) %}{% for j in (1..1000) %}x{% endfor %}{% endfor %}",
        "{% for i in (1..10000) %}{% endfor %}" * 1500,
        "{% for i in (1..5000) %}{% if variables.long contains 'z' %}{% endif %}{% endfor %}",
        "{% for i in (1..5000) %}{% capture x %}{{ variables.long }}{% endcapture %}{% endfor %}",
        "{{ variables.a | replace: 'a', variables.long }}",
        "{{ variables.a | replace: '', variables.long }}",
        "{{ variables.numbers | join: variables.long }}",
        "{{ variables.numbers | uniq | size }}",
        "{{ variables.long }}" * 10,
        "{{ 'now' | date: '%99999999d' }}",
        DOUBLED.replace("START", "'ab'").replace("GROW", "append"),
        DOUBLED.replace("START", "variables.numbers").replace("GROW", "concat"),
        DOUBLED.replace("START", "99999999").replace("GROW", "times"),
    ],
)
def test_a_bomb_is_a_render_fault(source: str) -> None:
    with pytest.raises(RenderFault):
        render_text(source, DATA)


@pytest.mark.parametrize("leaf", ["{{ variables.numbers }}", "{{ (1..3000000000) }}", "{{ variables.long }}"])
def test_leaves_share_one_limit(leaf: str) -> None:
    with pytest.raises(RenderFault):
        render_json([leaf] * 2000, DATA)


@pytest.mark.parametrize(
    "source",
    [
        "{{" * 30_000,
        "{%" * 30_000,
        "{% raw %}" * 7_000,
        "{% doc %}" * 7_000,
        "{{ a" + " " * 60_000 + "}}",
        "{{ a" + "[" * 60_000 + "}}",
        "{% if a %}" * 6_000,
    ],
)
def test_a_source_that_would_keep_the_lexer_busy_is_refused(source: str) -> None:
    with pytest.raises(TemplateFault):
        check(source, "text")


def test_a_long_transcript_may_be_looped_over() -> None:
    turns = [{"role": "user", "content": "as I said, the order never arrived"}] * 2000
    source = "{% for turn in transcript %}{{ turn.role }}: {{ turn.content | upcase }}\n{% endfor %}"
    assert render_text(source, {"transcript": turns}).value.count("\n") == 2000


@pytest.mark.parametrize(
    "value", ["{{ v | plus: 1 }}", "{{ v | ceil }}", "{{ v | base64_decode }}", "{{ v | sort }}"]
)
def test_data_that_a_filter_cannot_use_is_a_render_fault_or_a_value(value: str) -> None:
    odd: list[Any] = ["inf", "nan", "9" * 5000, "%%%", [1, "a"], {"a": 1}, True, 1e308]
    for one in odd:
        try:
            render_text(value, known(v=one))
        except RenderFault as fault:
            assert "found" in str(fault)  # noqa: PT017


def test_a_meter_stops_at_its_limits() -> None:
    meter = Meter()
    meter.write(OUTPUT_LIMIT)
    meter.work(WORK_LIMIT)
    for spend in (meter.write, meter.work):
        with pytest.raises(TooMuch):
            spend(1)


def test_shared_values_weigh_as_often_as_they_are_written() -> None:
    shared = ["x" * 160] * 10
    assert weight([shared] * 10, 10**9) >= 10 * weight(shared, 10**9) - 10
    assert weight([[[shared] * 1000] * 1000] * 1000, 5000) < 20_000
