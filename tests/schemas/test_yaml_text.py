"""YAML is read by the core rules of 1.2, within bounds, and never ends in a crash."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.documents.trees import DEEPEST, Unreadable, source_of
from schemas.documents.yaml_text import yaml_trees


def value(text: str) -> Any:
    return source_of(yaml_trees(text)[0]).value


def complaint(text: str) -> str:
    with pytest.raises(Unreadable) as caught:
        yaml_trees(text)
    return f"{caught.value.line}: {caught.value.message}"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("null", None),
        ("~", None),
        ("", None),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2026-01-02", "2026-01-02"),
        ("-3", -3),
        ("1.", 1.0),
        (".5e1", 5.0),
        ("1e3", 1000.0),
        ("'12'", "12"),
        ('"null"', "null"),
        ("!!str 12", "12"),
        ("!!int 12", 12),
        ("=", "="),
    ],
)
def test_a_scalar_means_what_the_core_rules_of_yaml_1_2_say(text: str, meant: object) -> None:
    found = value(f"key: {text}\nother: 1")["key"]
    assert (found, type(found)) == (meant, type(meant))


def test_on_is_a_key_like_any_other() -> None:
    assert value("{on: success, 404: x, null: y}") == {"on": "success", "404": "x", "null": "y"}


def test_an_alias_stands_for_what_it_names() -> None:
    assert value("a: &x {k: [1]}\nb: *x") == {"a": {"k": [1]}, "b": {"k": [1]}}


def test_anchors_do_not_reach_into_the_next_document() -> None:
    assert "found the alias *x" in complaint("a: &x 1\n---\nb: *x\n")


def test_an_alias_inside_its_own_anchor_is_refused() -> None:
    assert complaint("a: 1\nb: &x [*x]").startswith("2: found the alias *x inside its own anchor")


def test_a_bomb_of_aliases_is_refused_before_it_goes_off() -> None:
    levels = [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, 20)]
    assert "values; expected" in complaint("a0: &a0 [x]\n" + "\n".join(levels))


def test_a_merge_key_is_refused_and_said_why() -> None:
    assert complaint("a: &x {k: 1}\nb:\n  <<: *x") == (
        "3: found a merge key <<; expected the keys written out: YAML 1.2 has none"
    )


@pytest.mark.parametrize(
    "text", ["!!python/object:os.system x", "!custom x", "!!binary aGk=", "!!set {a}", "!!int x"]
)
def test_a_tag_that_makes_other_values_is_refused(text: str) -> None:
    assert "found the tag" in complaint(f"key: {text}")


@pytest.mark.parametrize("opened", ["[", "{a: ", "- "])
def test_nesting_beyond_the_limit_is_refused(opened: str) -> None:
    assert f"over {DEEPEST} levels" in complaint(opened * 5000)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\n\tb: 2", 2),
        ("a: [1, 2\nb: 3", 2),
        ("a: 1\nb: c: d", 2),
        ("a: 'open", 1),
        ("a: 1\n b: 2", 2),
        ("a: \x00", 1),
        ("ok: 1\nbad: \x07", 2),
        ("a: *nobody", 1),
        ("%YAML 9.9\n---\na: 1", 1),
        ('a: "\\UFFFFFFFF"', 1),
        ("[a]: 1", 1),
    ],
)
def test_text_that_is_no_yaml_is_one_fault_on_its_line(text: str, line: int) -> None:
    assert complaint(text).startswith(f"{line}: found ")


def test_a_template_without_its_quotes_is_told_about_them() -> None:
    assert "with quotes around what holds {{ … }}" in complaint("a: {b: x{{ c }}}")


def test_values_know_their_lines_and_members_the_lines_of_their_keys() -> None:
    source = source_of(yaml_trees("a:\n\n  b:\n    - 1\n    -\n      c: 2\n")[0])
    assert source.lines == {
        (): 1,
        ("a",): 1,
        ("a", "b"): 3,
        ("a", "b", 0): 4,
        ("a", "b", 1): 6,
        ("a", "b", 1, "c"): 6,
    }


@settings(max_examples=300)
@given(st.text(alphabet="ab:-?[]{}&*!|>'\"%#,\\x0U \n\t~.1e<=\u2028\x85", max_size=60))
def test_no_text_crashes_the_reader(text: str) -> None:
    try:
        lines = [source_of(tree).lines[()] for tree in yaml_trees(text)]
    except Unreadable as reason:
        lines = [reason.line]
    assert all(1 <= line <= len(text.splitlines()) + 1 for line in lines)
