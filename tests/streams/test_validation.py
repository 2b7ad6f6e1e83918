"""Valid documents pass, however they are written; whatever else comes is refused, at a line of its text."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.documents.auths import SHAPES
from schemas.documents.reading import Reading, from_value
from schemas.documents.retries import PRESETS
from schemas.documents.sendings import METHODS
from schemas.documents.subscriptions import WEBHOOK_TYPES
from schemas.documents.yaml_text import yaml_trees
from schemas.workflow import VoiceAgent, Workflow
from streams import graph
from streams.validation.checking import read_all, read_checked
from tests.schemas.texts import api, flow

EXAMPLES = sorted((Path(__file__).parents[2] / "deploy" / "examples").glob("*.*"))


def example(path: Path) -> Reading:
    return read_checked(path.read_bytes(), path.name)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_valid_without_a_warning(path: Path) -> None:
    found = example(path)
    assert (found.errors, found.warnings) == ((), ())
    assert found.documents


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_means_the_same_after_its_way_through_the_topic(path: Path) -> None:
    for document in example(path).documents:
        assert from_value(json.loads(json.dumps(document.source))) == document.value


def test_the_examples_can_be_applied_together() -> None:
    assert read_all([(path.name, path.read_bytes()) for path in EXAMPLES]).errors == ()


def test_the_examples_show_every_auth_and_every_webhook_type() -> None:
    values = [document.value for path in EXAMPLES for document in example(path).documents]
    nodes = [node for value in values if isinstance(value, Workflow) for node in value.nodes]
    kinds = {type(node.sending.auth).__name__ for node in nodes if node.sending}
    assert len(kinds) == len(SHAPES)
    assert (
        set().union(*(value.webhooks for value in values if isinstance(value, VoiceAgent))) == WEBHOOK_TYPES
    )


names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
texts = st.sampled_from(
    ["x", "{{ variables.a }}", "a {{ name | upcase }} b", "{{ call.id }}", "{{ x|there }}"]
)
bodies = st.recursive(
    texts | st.integers(-5, 5) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
auths = st.sampled_from([{"type": "none"}, {"type": "bearer", "token": "{{ secrets.T }}"}])


@st.composite
def workflows(draw: st.DrawFn) -> dict[str, Any]:
    """Any valid workflow: nodes on one or two End Call nodes, edges only from earlier nodes to later."""
    count = draw(st.integers(1, 6))
    nodes = [api(f"n{at}", **draw(_fields(at))) for at in range(count)]
    edges = {
        (draw(st.sampled_from(["end", *(f"n{one}" for one in range(at))])), f"n{at}") for at in range(count)
    }
    edges |= {("talk", "end"), ("talk", "talk")}
    on = st.sampled_from(["", ":success", ":failure", ":always"])
    arrows = [f"{a}>{b}" + (draw(on) if a.startswith("n") else "") for a, b in sorted(edges)]
    return flow(*nodes, edges=" ".join(arrows))


def _fields(at: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"name": st.just(f"Node {at}")},
        optional={
            "method": st.sampled_from(METHODS),
            "body": bodies,
            "auth": auths,
            "headers": st.dictionaries(st.sampled_from(["X-A", "X-B"]), texts),
            "retry": st.sampled_from([*PRESETS, {"schedule": ["1s", "2h"]}, {"attempts": 3}]),
            "timeout": st.sampled_from(["1s", "60s", "1500ms", "1m"]),
            "missing": st.sampled_from(["empty", "null", None, "omit", "error"]),
            "needs": st.lists(st.sampled_from(["end", "transcript", "recording", "analytics"])),
            "extract": st.dictionaries(names, st.sampled_from(["$.a", "$[0]['b']"]), max_size=2),
            "when": st.just({"all": [{"path": "variables.a", "op": "exists"}]}),
        },
    )


@settings(max_examples=40)
@given(workflows(), st.sampled_from([None, 1]))
def test_every_valid_workflow_passes_and_its_nodes_have_an_order(
    source: dict[str, Any], indent: int | None
) -> None:
    found = read_checked(json.dumps(source, indent=indent), "flow")
    assert found.errors == ()
    value = found.documents[0].value
    assert isinstance(value, Workflow)
    assert len(graph.after_end(value, "end")) == len(source["nodes"]) - 2


@settings(max_examples=40)
@given(workflows())
def test_json_means_the_same_when_it_is_read_as_yaml(source: dict[str, Any]) -> None:
    as_yaml = read_checked("# not JSON\n" + json.dumps(source, indent=1), "flow.yaml")
    assert as_yaml.documents[0].value == read_checked(json.dumps(source), "flow.json").documents[0].value


@settings(max_examples=150)
@given(st.randoms(use_true_random=False), st.sampled_from(EXAMPLES))
def test_a_damaged_example_is_read_or_refused_at_one_of_its_lines(chance: random.Random, path: Path) -> None:
    text = path.read_text()
    for _ in range(chance.randint(1, 4)):
        at, length = chance.randrange(len(text)), chance.choice([0, 1, 1, 5, 40])
        put = chance.choice(
            ["", "x", ":", "- ", "}", "{{", "\n", "  ", "null", '"', "&a ", "*a ", "[", "\t", "é"]
        )
        text = text[:at] + put + text[at + length :]
    found = read_checked(text, "damaged")
    assert all(1 <= fault.line <= len(text.splitlines()) + 1 for fault in (*found.errors, *found.warnings))
    assert all(fault.message.startswith("found ") for fault in (*found.errors, *found.warnings))
    assert found.documents or found.errors


def test_a_document_with_a_fault_is_not_among_the_valid_ones() -> None:
    found = read_checked(json.dumps([flow(api()), flow(api(method="GO"), id="other")]), "f.json")
    assert [document.id for document in found.documents] == ["flow"]


@pytest.mark.parametrize(
    ("text", "line", "path"),
    [
        ("nodes:\n- id: a\n  type: post_call_api\n  url:\n    ftp://x", 6, "nodes[0].url"),
        ("nodes: []\nedges:\n- {source: a,\n   target: b}", 5, "edges[0].source"),
        ("nodes: []\n\n\nproper_end: said", 6, "proper_end"),
        ("nodes:\n  -\n    id: a\n    type: x\n    start: maybe", 7, "nodes[0].start"),
    ],
)  # fmt: skip
def test_a_fault_has_the_line_of_its_key(text: str, line: int, path: str) -> None:
    found = read_checked(f"kind: workflow\nid: w\n{text}\n", "f.yaml").errors
    assert (line, path) in [(fault.line, fault.path) for fault in found]


def test_a_fault_reads_as_file_line_path_found_expected() -> None:
    (fault,) = read_checked("kind: agent\nid: bot\ntimezone: Mars\n", "bot.yaml").errors
    assert str(fault) == "bot.yaml:3: timezone: found 'Mars'; expected a time zone such as Europe/Paris"


def test_an_alias_that_is_written_out_keeps_the_line_of_what_it_names() -> None:
    assert len(yaml_trees("a: &x [1]\nb: *x")) == 1
    text = "kind: agent\nid: b\nwebhooks:\n  call.ended: &hook {url: ftp://x}\n  call.lost: *hook\n"
    assert [(fault.line, fault.path) for fault in read_checked(text, "f").errors] == [
        (4, "webhooks.call.ended.url"),
        (4, "webhooks.call.lost.url"),
    ]
