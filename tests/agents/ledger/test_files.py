"""What somebody else wrote down is read as docs/verify.md describes it, and what is wrong with it is said."""

import hashlib
import json
from pathlib import Path

import pytest

from agents.ledger.judgement import INVARIANTS
from agents.ledger.receiver_file import BadLine, read_requests
from agents.ledger.samples import read_samples, write_samples
from agents.ledger.witnesses import Disturbance, Sample
from tests.readme import ROOT, blocks

PAGE = (ROOT / "docs" / "verify.md").read_text()


def block(mark: str) -> str:
    (found,) = (each.text for each in blocks(PAGE) if each.mark == mark)
    return found


def test_the_line_of_the_page_is_a_request(tmp_path: Path) -> None:
    file = tmp_path / "receiver.jsonl"
    file.write_text(block("line"))
    (seen,) = read_requests(file)
    assert (seen.call_id, seen.event, seen.key, seen.answer) == ("c-1", "call.ended", "ua4n2xhguptx", 503)
    assert seen.answer_headers == {"retry-after": "30"}


def test_times_may_be_rfc_3339_and_bodies_are_hashed_where_nobody_did(tmp_path: Path) -> None:
    said = {
        "at": "2026-01-02T03:04:05.5Z",
        "method": "PUT",
        "path": "/",
        "headers": {"X-Y": "z"},
        "answer": "hang",
    }
    file = tmp_path / "receiver.jsonl"
    file.write_text(json.dumps(said | {"body": "é"}) + '\n{"half a li')
    (seen,) = read_requests(file)
    assert (seen.at, seen.answer_at, seen.headers) == (1767323045.5, None, {"x-y": "z"})
    assert seen.body_sha256 == hashlib.sha256("é".encode()).hexdigest()


@pytest.mark.parametrize(
    "line", ["nothing", "[]", '{"at": "soon"}', '{"at": 1, "method": "GET", "path": "/"}']
)
def test_a_line_that_is_no_request_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "receiver.jsonl"
    file.write_text(block("line") + line + "\n")
    with pytest.raises(BadLine, match=r"receiver\.jsonl:2: found .*; expected "):
        read_requests(file)


def test_the_samples_of_the_page_are_read_and_written_as_they_are(tmp_path: Path) -> None:
    file, again = tmp_path / "samples.jsonl", tmp_path / "again.jsonl"
    file.write_text(block("samples"))
    samples, disturbances = read_samples(file)
    assert (samples[0].worker, samples[0].lag, samples[0].stuck) == ("a", 0, None)
    assert disturbances == (
        Disturbance(1767323000.0, 1767323030.0, "kill -9", workers=True),
        Disturbance(1767323100.0, 1767323160.0, "the CRM hangs"),
    )
    write_samples(again, samples, disturbances)
    assert read_samples(again) == (samples, disturbances)


def test_a_sample_of_something_else_is_named(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    write_samples(file, [Sample(at=1.0)], [])
    file.write_text(file.read_text() + '{"at": 1, "mood": "fine"}\n')
    with pytest.raises(ValueError, match=r"samples\.jsonl:2: found .*mood"):
        read_samples(file)


def test_the_page_names_every_invariant() -> None:
    named = [line.split(" | ")[0].removeprefix("| ") for line in PAGE.splitlines() if line.startswith("| ")]
    assert [name for name in INVARIANTS if name not in named] == []
