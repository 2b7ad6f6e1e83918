"""Data in a text body stays data, whatever the text is: XML, a form, JSON, or plain."""

import json
from typing import Any

import pytest
from hypothesis import given

from streams.template import (
    RenderFault,
    render_text,
)
from tests.streams.rendering import TEXTS, VALUES, known


@given(TEXTS)
def test_text_in_xml_stays_text(text: str) -> None:
    rendered = render_text("<a b='{{ v }}'>{{ v }}</a>", known(v=text), None, "xml").value
    inside = rendered.removeprefix("<a b='").removesuffix("</a>")
    assert not set("<>\"'") & set(inside.replace("'>", "", 1))


@given(TEXTS)
def test_a_form_value_stays_in_its_field(text: str) -> None:
    rendered = render_text("a={{ v }}&b=1", known(v=text), None, "form").value
    assert rendered.count("&") == 1
    assert rendered.count("=") == 2


@given(VALUES, TEXTS)
def test_a_json_text_takes_values_outside_quotes_and_text_inside(value: Any, text: str) -> None:
    source = '{"a": {{ v }}, "b": "x{{ t }}\\"", "c": {{ v | json }}, "d": {{ no }}, "e": "{{ no }}"}'
    rendered = json.loads(render_text(source, known(v=value, t=text), None, "json").value)
    assert (rendered["b"], rendered["d"], rendered["e"]) == (f'x{text}"', None, "")
    assert rendered["a"] == rendered["c"] == value


def test_a_json_text_refuses_a_value_after_a_backslash() -> None:
    with pytest.raises(RenderFault):
        render_text('{"a": "\\{{ v }}"}', known(v='"'), None, "json")


def test_plain_text_is_written_as_it_is() -> None:
    data = {**known(n=3, b=True, l=[1, {"a": None}]), "now": "2026-01-02T03:04:05.000Z"}
    source = (
        "{{ n }} {{ b }} {{ variables.l }} {{ no }}{% if n > 2 %}{{ 'now' | date: '%-d.%m.' }}{% endif %}"
    )
    assert render_text(source, data).value == '3 true [1,{"a":null}] 2.01.'


def test_the_clock_is_not_read() -> None:
    assert render_text("{{ today }}{{ now }}", {}).missing == ("variables.today", "now")


@pytest.mark.parametrize(
    "applied", ["uniq: 'a'", "sum: 'a'", "base64_decode", "map: 'a'", "slice: variables.v"]
)
def test_a_fault_quotes_nothing_of_the_data_because_it_is_written_down(applied: str) -> None:
    with pytest.raises(RenderFault) as fault:
        render_text(f"{{{{ v | {applied} }}}}", known(v=["ada@example.com", 3, "ada@example.com"]))
    assert "ada" not in str(fault.value)
