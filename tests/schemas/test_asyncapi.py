"""The published files are up to date, and the AsyncAPI document is one, whose messages fit what is written."""

import json
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from schemas.events import EVENT_TYPES
from schemas.published.asyncapi import document
from streams import records
from streams.effects import Position
from tests.builders import START
from tests.published import ASYNCAPI, published
from tests.schemas.test_jsonschemas import DATA_OF, DELIVERY, OUTCOME, event
from tests.system.node_packages import node_packages

DOCUMENT = document(version("postcall"))
PARSING = """
const {Parser} = require("@asyncapi/parser");
const text = require("fs").readFileSync(process.argv[1], "utf8");
new Parser().parse(text).then(({document, diagnostics}) => {
  const faults = diagnostics.filter(each => each.severity < 2).map(each => `${each.path.join("/")}: ${each.message}`);
  const all = document ? document.operations().all() : [];
  const operations = all.map(each => [each.action(), each.channels().all()[0].address()]);
  console.log(JSON.stringify({faults, operations}));
});
"""


def faults(name: str, value: Any) -> list[str]:
    """What a message's payload has against a value; AsyncAPI's schemas are a superset of draft 7."""
    schema = {**DOCUMENT["components"]["messages"][name]["payload"], "components": DOCUMENT["components"]}
    return [
        error.message for error in Draft7Validator(schema, format_checker=FormatChecker()).iter_errors(value)
    ]


@pytest.mark.parametrize("path", sorted(published()), ids=lambda path: path.name)
def test_a_published_file_is_up_to_date(path: Path) -> None:
    assert path.read_bytes() == published()[path], "run: python -m tests.published"


@pytest.mark.slow
@pytest.mark.needs("node", "npm")
def test_the_parser_of_asyncapi_itself_has_nothing_against_the_document() -> None:
    folder = node_packages("@asyncapi/parser@3.6.3")
    done = subprocess.run(
        ["node", "-e", PARSING, str(ASYNCAPI)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["faults"] == []
    assert sorted(map(tuple, told["operations"])) == [
        ("receive", "call-events"),
        ("send", "call-outcomes"),
        ("send", "dead-letters"),
        ("send", "delivery-log"),
    ]


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_each_event_type_has_a_message_that_fits_it_and_no_other(event_type: str) -> None:
    value = event(event_type, DATA_OF.get(event_type, {"from": "+49"}))
    assert faults(event_type, value) == []
    assert faults(event_type, value | {"type": "x"}) != []
    assert faults(event_type, value | {"data": {"from": 49}}) != []


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("call.outcome", OUTCOME),
        ("call.outcome_upgraded", OUTCOME | {"type": "call.outcome_upgraded", "upgraded_from": "PREMATURE"}),
        ("call.settled", OUTCOME | {"type": "call.settled", "deliveries": [DELIVERY]}),
    ],
)
def test_a_record_of_call_outcomes_fits_its_message_and_no_other(name: str, record: dict[str, Any]) -> None:
    assert [
        each for each in ("call.outcome", "call.outcome_upgraded", "call.settled") if not faults(each, record)
    ] == [name]


def test_a_message_is_called_like_the_type_in_its_records_headers() -> None:
    letter = records.unreadable(Position("call-events", 1, 2), "found no JSON", START)
    name = dict(letter.headers)["ce_type"].decode()
    assert faults(name, json.loads(letter.value)) == []
    headers = {name: value.decode() for name, value in letter.headers}
    schema = DOCUMENT["components"]["schemas"]["Headers"]
    assert list(Draft7Validator(schema).iter_errors(headers)) == []
