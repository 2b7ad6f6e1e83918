"""JSON is read strictly, with lines, to the same values as the standard library reads."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.documents.json_text import json_tree
from schemas.documents.trees import Unreadable, source_of

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(json_values, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_json_reads_as_the_standard_library_reads_it(
    value: object, indent: int | str | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    source = source_of(json_tree(text))
    assert json.dumps(source.value) == json.dumps(value)
    assert source.faults == ()


def test_values_know_their_lines() -> None:
    lines = source_of(json_tree('{\n "a": [\n  1,\n  2],\n\n "b": {}}')).lines
    assert lines == {(): 1, ("a",): 2, ("a", 0): 3, ("a", 1): 4, ("b",): 6}


@pytest.mark.parametrize(
    "text", ["", "{", "[1,]", '{"a": 1,}', "{a: 1}", "[01]", "[+1]", "[.5]", "[NaN]", "[nulls]", "'a'", '"\t"',
             '"\\x"', '"open', "[1] 2", "// x", "[1 2]", '{"a" 1}', "[" * 500, '{"a":' * 500, "[" + "1" * 500 + "]"]
)  # fmt: skip
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match="found "):
        json_tree(text)


def test_a_fault_of_json_has_its_line() -> None:
    with pytest.raises(Unreadable) as caught:
        json_tree('{"a": 1,\n "b": 2\n "c": 3}')
    assert (caught.value.line, caught.value.message) == (3, "found '\"c\": 3}'; expected a comma or }")


@pytest.mark.parametrize("text", ['["\\ud800"]', "[1e999]", "[18446744073709551616]", '{"\\udfff": 1}'])
def test_what_json_cannot_say_again_is_a_fault_of_its_place(text: str) -> None:
    assert len(source_of(json_tree(text)).faults) == 1
