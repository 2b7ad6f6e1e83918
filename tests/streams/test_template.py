"""A template means what its customer wrote, and no data of a call can make it mean anything else."""

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.delivery import Secret
from streams.template import (
    RenderFault,
    TemplateFault,
    check,
    check_path,
    references,
    render_header,
    render_json,
    render_url,
)
from tests.streams.rendering import TEXTS, VALUES, known, shown


def body(source: str, missing: Any = None, **variables: Any) -> Any:
    return render_json({"x": source}, known(**variables), missing).value


@given(VALUES)
def test_a_leaf_alone_keeps_the_native_type(value: Any) -> None:
    assert body("{{ variables.v }}", v=value) == {"x": value}


@given(VALUES)
def test_a_leaf_through_the_engine_keeps_the_native_type_too(value: Any) -> None:
    found = body("{{ variables.l | first }}", l=[value])
    assert found == ({"x": value} if value not in (None, "", []) or value is False else found)


@given(TEXTS, TEXTS)
def test_text_never_breaks_out_of_its_json_string(one: str, other: str) -> None:
    rendered = body("a {{ variables.one }} {{ two }}", one=one, two=other)
    assert json.loads(json.dumps(rendered)) == {"x": f"a {one} {other}"}


@given(TEXTS)
def test_data_never_breaks_out_of_a_url_segment_or_a_query(text: str) -> None:
    url = shown(render_url("https://h.example/a{{ v }}/b?q={{ v }}", known(v=text)).value)
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "h.example", "")
    assert parts.path.split("/")[2:] == ["b"]
    assert unquote(parts.path.split("/")[1]) == f"a{text}"
    assert unquote(parts.query) == f"q={text}"


@given(st.text())
def test_a_header_has_one_line_of_latin_1_or_is_refused(text: str) -> None:
    try:
        value = shown(render_header("x{{ v }}", known(v=text)).value)
    except RenderFault:
        return
    assert value == f"x{text}"
    assert value.encode("latin-1").translate(
        None, bytes(range(9)) + bytes(range(10, 32)) + b"\x7f"
    ) == value.encode("latin-1")


@pytest.mark.parametrize("sign", ["\r", "\n", "\0", "\u20ac", "\x7f"])
def test_a_header_refuses_what_no_header_can_hold(sign: str) -> None:
    with pytest.raises(RenderFault) as fault:
        render_header("{{ v }}", known(v=f"a{sign}b"))
    assert fault.value.path == "variables.v"
    assert "a" + sign not in str(fault.value)


@given(st.sampled_from(["secrets.KEY", " secrets.KEY ", "secrets.KEY | upcase"]))
def test_a_secret_is_never_resolved_from_data(inside: str) -> None:
    said = "{{" + inside + "}}"
    context = {**known(v=said), "secrets": {"KEY": "leaked"}}
    assert body("{{ v }}", v=said) == {"x": said}
    assert all(not isinstance(part, Secret) for part in render_header("{{ v }}", context).value)
    assert Secret("KEY") not in render_url("https://h/{{ v }}", context).value


def test_a_secret_stays_a_reference() -> None:
    assert render_header("Bearer {{ secrets.KEY }}!", known()).value == ("Bearer ", Secret("KEY"), "!")
    assert references("{{secrets.KEY}}") == (Secret("KEY"),)


@pytest.mark.parametrize(
    ("source", "slot"),
    [
        ("{{ secrets.KEY }}", "body"),
        ("{{ secrets.KEY }}", "text"),
        ("{{ secrets.KEY | upcase }}", "header"),
        ("{{ secrets }}", "header"),
        ("{{ secrets['KEY'] }}", "header"),
        ("{{ secrets.KEY_FILE }}", "header"),
        ("{% if variables.a %}{{ secrets.KEY }}{% endif %}", "header"),
        ("{{ variables.a }}", "auth"),
        ("a\nb", "header"),
        ("{{ customer.name }}", "body"),
        ("{{ a | nofilter: 1 }}", "body"),
        ("{{ nodes }}", "body"),
        ("{{ nodes[variables.a].response }}", "body"),
        ("{{ a", "body"),
        ("{% if a %}", "text"),
        ("{% raw %}", "text"),
        ("{{ 'x' | strip_html }}", "text"),
        ("x" * 65_537, "body"),
    ],
)
def test_what_may_not_stand_there_is_refused(source: str, slot: Any) -> None:
    with pytest.raises(TemplateFault):
        check(source, slot)


@pytest.mark.parametrize(
    "tag",
    ["include", "render", "layout", "extends", "macro", "cycle", "increment", "tablerow", "echo", "liquid"],
)
def test_tags_that_reach_outside_or_keep_state_are_refused(tag: str) -> None:
    with pytest.raises(TemplateFault):
        check(f"{{% {tag} 'x' %}}", "text")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/x",
        "h.example/x",
        "https://{{ variables.host }}/x",
        "{{ variables.url }}",
        "https://{{ secrets.HOST }}/x",
        "https://h.{{ variables.x }}.com/",
        "https://user:pass@h/x",
        "https://h:70000/",
        "https://h/a b",
        "https://h/a/../b",
        "https://h/a/%2e%2E/b",
        "https://h/\\x",
        "https://h/x#part",
        "https:///x",
        "http{{ variables.s }}://h/",
    ],
)
def test_a_url_has_a_fixed_scheme_and_host_and_a_plain_path(url: str) -> None:
    with pytest.raises(TemplateFault):
        check(url, "url")


@pytest.mark.parametrize(
    ("source", "value"), [("{{ v }}", "."), ("{{ v }}", ".."), (".{{ v }}", "."), ("%2e{{ v }}", ".")]
)
def test_a_whole_segment_of_dots_is_refused_after_rendering(source: str, value: str) -> None:
    with pytest.raises(RenderFault):
        render_url(f"https://h/a/{source}/b", known(v=value))


def test_a_dot_inside_a_segment_is_fine() -> None:
    assert render_url("https://h/{{ v }}.json?d={{ w }}", known(v="a.b", w="..")).value == (
        "https://h/a.b.json?d=..",
    )


def test_url_encode_in_a_url_does_not_encode_twice() -> None:
    assert render_url("https://h/{{ v | url_encode }}", known(v="a b/ü")).value == (
        "https://h/a%20b%2F%C3%BC",
    )


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        (None, {"list": [None], "long": "a "}),
        ("omit", {"list": [None], "long": "a "}),
        ("null", {"alone": None, "list": [None], "long": "a "}),
        ("empty", {"alone": "", "list": [""], "long": "a "}),
    ],
)
def test_the_missing_policy_decides_what_stands_for_nothing(missing: Any, expected: Any) -> None:
    template = {"alone": "{{ variables.no }}", "list": ["{{ no }}"], "long": "a {{ no }}"}
    found = render_json(template, known(), missing)
    assert found.value == expected
    assert found.missing == ("variables.no",)


def test_missing_under_error_names_the_path() -> None:
    for render in (
        lambda: render_json("{{ a | upcase }}", known(), "error"),
        lambda: render_url("https://h/{{ a }}", {}),
    ):
        with pytest.raises(RenderFault) as fault:
            render()
        assert fault.value.path == "variables.a"


def test_an_explicit_null_is_a_value() -> None:
    found = render_json({"x": "{{ v }}"}, known(v=None), "error")
    assert (found.value, found.missing) == ({"x": None}, ())


def test_a_filter_on_missing_data_does_not_make_it_a_value() -> None:
    assert render_json({"x": "{{ v | upcase }}"}, known()).value == {}


@pytest.mark.parametrize(
    "source", ["{{ v|there }}", "{{ v | there }}", "{{ v | default: 'there' }}", "{{ v | upcase | there }}"]
)
def test_a_bare_word_that_is_no_filter_is_the_default(source: str) -> None:
    found = render_json({"x": source}, known())
    assert (found.value, found.missing) == ({"x": "there"}, ())


@given(VALUES)
def test_a_default_is_the_same_on_the_short_way_and_through_the_engine(value: Any) -> None:
    short, engine = body("{{ v|there }}", v=value), body("{{ v | default: 'the' | append: 're' }}", v=value)
    if short == {"x": "there"} and value != "there":
        assert engine == short
    assert short == {"x": value} or value in (None, False, "", [], {})


def test_what_a_template_uses_is_told() -> None:
    names = check(
        "{{ name|Sam }} {% for t in transcript %}{{ t.role }}{% endfor %}{{ nodes.up-crm.response.status }}",
        "body",
    )
    assert names.paths == {("variables", "name"), ("transcript",), ("nodes", "up-crm", "response", "status")}
    assert names.nodes == {"up-crm"}
    assert names.words == {"Sam"}
    assert check("k {{ secrets.A }}{{ secrets.B }}", "header").secrets == {"A", "B"}


def test_a_known_platform_name_keeps_its_name() -> None:
    assert check("{{ call_id }} {{ caller }}", "body").paths == {("call_id",), ("variables", "caller")}


def test_a_path_of_a_condition_is_checked_like_a_template() -> None:
    assert check_path("nodes.crm.response.body.items[0]['a b']").nodes == {"crm"}
    for path in ("customer.name", "secrets.KEY", "a b", "", "nodes"):
        with pytest.raises(TemplateFault):
            check_path(path)


def test_paths_lead_through_lists_and_objects() -> None:
    data = {"nodes": {"a-b": {"response": {"body": {"items": [{"id": 7}], "0": "zero"}}}}}
    found = render_json(
        [
            "{{ nodes.a-b.response.body.items.0.id }}",
            "{{ nodes.a-b.response.body.0 }}",
            "{{ nodes.a-b.response.body.items.size }}",
        ],
        data,
    )
    assert found.value == [7, "zero", 1]
