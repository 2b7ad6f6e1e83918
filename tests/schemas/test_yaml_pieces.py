"""A broken document of a file hides nothing of the others, and every fault has its own line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.documents.trees import MOST_DOCUMENTS, source_of
from schemas.documents.yaml_pieces import yaml_documents
from streams.validation.checking import read_checked

SOUND = [
    "a: 1\n",
    "# first\na: [1,\n 2]\n",
    "|\n  text\n  # none\n",
    "'quoted\n\n  --- on'\n",
    "{a: {b: c}}\n",
]
BROKEN = ["a: [1, 2\n", "a: 'open\n\n", "a: b: c\n", "a: 1\n\tb: 2\n", "a: *nobody\n", "{a: 1\n", "- a\nb\n"]


def found(text: str) -> tuple[list[tuple[int, object]], list[int]]:
    """Each document with its line, and the lines of the faults."""
    trees, faults = yaml_documents(text)
    return [(tree.line, source_of(tree).value) for tree in trees], [fault.line for fault in faults]


@given(
    st.lists(st.sampled_from(SOUND), min_size=1, max_size=3),
    st.lists(st.sampled_from(SOUND), max_size=3),
    st.sampled_from(BROKEN),
    st.sampled_from(["---\n", "--- # c\n", "...\n---\n", "...\n# c\n%YAML 1.2\n---\n"]),
)
def test_documents_around_a_broken_one_are_read_as_if_it_were_not_there(
    before: list[str], after: list[str], broken: str, between: str
) -> None:
    head = "".join(f"---\n{each}" for each in before) + between
    tail = "".join(f"---\n{each}" for each in after)
    shift = head.count("\n") + broken.count("\n")
    sound_before, _ = found("".join(f"---\n{each}" for each in before))
    sound_after, _ = found(tail)

    documents, faults = found(head + broken + tail)

    assert documents == sound_before + [(line + shift, value) for line, value in sound_after]
    (line,) = faults
    assert head.count("\n") < line <= shift


def test_every_broken_document_is_a_fault_of_its_own() -> None:
    assert found("a: [\n---\nok: 1\n---\nb: 'x\n") == ([(3, {"ok": 1})], [1, 5])


def test_a_fault_of_a_document_s_shape_is_found_beside_a_broken_one() -> None:
    text = "kind: agent\nid: [a\n---\nkind: agent\nid: b\ntimezone: Mars\n---\nkind: agent\nid: c\n"
    reading = read_checked(text, "f.yaml")
    assert [(fault.line, fault.path) for fault in reading.errors] == [(2, "document"), (6, "timezone")]
    assert [document.id for document in reading.documents] == ["c"]


@pytest.mark.parametrize("text", ["a: &x 1\n---\nb: *x\n", "a: 1\n...\nb: [\n"])
def test_what_is_sound_before_the_fault_is_read(text: str) -> None:
    documents, faults = found(text)
    assert (documents, faults) == ([(1, {"a": 1})], [3])


def test_a_text_of_very_many_broken_documents_is_one_fault() -> None:
    assert found("---\n[\n" * (MOST_DOCUMENTS + 1)) == ([], [3])
