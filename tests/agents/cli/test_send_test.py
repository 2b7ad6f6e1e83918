"""An operator can try an endpoint by hand, and sees what a worker would make of its reply."""

import json
from pathlib import Path

import pytest

from tests.agents.cli.sending import send_test
from tests.agents.http.behaviours import OK, says
from tests.agents.http.hostile import receiving
from tests.readme import write_files

KEYS = ["class", "status", "error", "reason", "address", "seconds", "body_bytes"]


async def test_a_success_is_told_with_its_address_its_time_and_its_size() -> None:
    async with receiving() as receiver:
        sent = await send_test(receiver.url("ok"), "--json")
    report = sent.report
    assert sent.code == 0
    assert list(report) == KEYS
    assert 0 < report.pop("seconds") < 5
    assert report == {
        "class": "success",
        "status": 200,
        "error": None,
        "reason": None,
        "address": "127.0.0.1",
        "body_bytes": 2,
    }


async def test_what_is_stated_is_what_is_sent() -> None:
    async with receiving() as receiver:
        words = ("--method", "put", "--header", "X-Team: a: b", "--header", "x-b:c", "--body", '{"a": "é"}')
        assert (await send_test(receiver.url("ok?q=1"), *words)).code == 0
        await send_test(receiver.url("ok"), "--body", "no json")
        await send_test(receiver.url("ok"), "--method", "GET")
    first, second, third = receiver.asked
    assert (first.method, first.target, first.body) == ("PUT", "/ok?q=1", '{"a": "é"}'.encode())
    assert (first.headers["x-team"], first.headers["x-b"]) == ("a: b", "c")
    assert first.headers["content-type"] == "application/json"
    assert second.headers["content-type"] == "text/plain; charset=utf-8"
    assert (third.method, "content-type" in third.headers) == ("GET", False)


async def test_every_test_says_that_it_is_one_under_an_id_of_its_own() -> None:
    async with receiving() as receiver:
        for _ in range(2):
            await send_test(receiver.url("ok"))
    ids = {asked.headers["webhook-id"] for asked in receiver.asked}
    assert len(ids) == 2
    for asked in receiver.asked:
        assert asked.headers["postcall-test"] == "true"
        assert asked.headers["idempotency-key"] == asked.headers["webhook-id"]
        assert asked.headers["user-agent"].startswith("postcall/")


@pytest.mark.parametrize(
    ("url", "error", "word"),
    [
        ("http://127.1/", "bad_url", "odd spelling"),
        ("ftp://crm.example.com/", "bad_url", "scheme"),
        ("crm.example.com", "bad_url", "scheme"),
        ("http://10.0.0.1/", "egress_denied", "private"),
        ("http://[::ffff:169.254.169.254]/", "egress_denied", "metadata"),
    ],
)
async def test_a_refused_address_is_ours(url: str, error: str, word: str) -> None:
    sent = await send_test(url, "--json")
    assert sent.code == 1
    assert (sent.report["class"], sent.report["error"], sent.report["status"]) == ("ours", error, None)
    assert word in sent.report["reason"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--header", "Host: x"], "--header: found the reserved header host"),
        (["--header", "no colon"], "--header: found 'no colon'; expected 'Name: value'"),
        (["--header", "a: b\r\nc: d"], "--header: found a line break"),
        (["--method", "BREW"], "--method: found 'BREW'; expected one of GET, POST, PUT, PATCH, DELETE"),
        (["--timeout", "soon"], "--timeout: found 'soon'"),
        (["--timeout", "2m"], "--timeout: found '2m'; expected more than 0s and at most 60s"),
        (["--egress-allow", "10.0.0.1/8"], "--egress-allow: found '10.0.0.1/8'"),
        (["--events", "nowhere.jsonl", "--body", "x"], "found 'http://127.0.0.1/' with --events"),
    ],
)
async def test_what_makes_no_sense_is_a_usage_error(words: list[str], complaint: str) -> None:
    sent = await send_test("http://127.0.0.1/", *words)
    assert (sent.code, sent.out) == (2, "")
    assert sent.complaints.startswith(f"postcall: {complaint}")


async def test_people_get_words() -> None:
    async with receiving() as receiver:
        busy = await send_test(receiver.url("busy"))
    assert busy.code == 1
    first, second = busy.out.splitlines()
    assert first.startswith("overloaded: 503 from 127.0.0.1 in 0.")
    assert second == "  the endpoint is to be left alone for 7 s"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path)
    return tmp_path


def pointed_at(folder: Path, url: str) -> str:
    """The README's documents, their endpoints on loopback."""
    text = (folder / "support.yaml").read_text()
    for host in ("crm", "mail", "metrics", "hooks"):
        text = text.replace(f"https://{host}.example.com", url)
    (folder / "support.yaml").write_text(text)
    return "support.yaml"


async def test_a_node_is_sent_once_on_sample_data_and_shown_without_its_secrets(folder: Path) -> None:
    async with receiving(v1=says(OK)) as receiver:
        file = pointed_at(folder, receiver.url("").rstrip("/"))
        words = (f"{file}#update_crm", "--events", "events.jsonl")
        sent = await send_test(*words, "--json", folder=folder, POSTCALL_SECRET_CRM_TOKEN="hunter2")
        told = await send_test(*words, folder=folder, POSTCALL_SECRET_CRM_TOKEN="hunter2")
    asked = receiver.asked[0]
    assert (sent.code, told.code, len(receiver.asked)) == (0, 0, 2)
    assert (asked.method, asked.target) == ("PATCH", "/v1/contacts/c-1047")
    assert json.loads(asked.body) == {"outcome": "solved", "seconds": 64}
    assert asked.headers["authorization"] == "Bearer hunter2"
    assert asked.headers["postcall-test"] == "true"
    shown = sent.report["request"]
    assert shown["headers"]["authorization"] == "Bearer ***CRM_TOKEN***"
    assert shown["headers"]["webhook-id"] == asked.headers["webhook-id"]
    assert "Bearer ***CRM_TOKEN***" in told.out
    assert "hunter2" not in sent.out + sent.complaints + told.out + told.complaints


async def test_a_webhook_is_sent_by_its_type_and_signed(folder: Path) -> None:
    async with receiving(calls=says(OK)) as receiver:
        file = pointed_at(folder, receiver.url("").rstrip("/"))
        words = (f"{file}#call.ended", "--events", "events.jsonl")
        sent = await send_test(*words, "--json", folder=folder, POSTCALL_SECRET_HOOK_KEY="hunter2")
    assert sent.code == 0
    assert receiver.asked[0].headers["webhook-signature"].startswith("v1,")
    assert json.loads(receiver.asked[0].body)["type"] == "call.ended"


async def test_a_node_that_is_not_there_or_never_sent_is_said_to_be(folder: Path) -> None:
    events = (folder / "events.jsonl").read_text().splitlines(keepends=True)
    (folder / "premature.jsonl").write_text("".join(line for line in events if '"c-2"' in line))
    unknown = await send_test("support.yaml#nix", "--events", "events.jsonl", folder=folder)
    unsent = await send_test("support.yaml#update_crm", "--events", "premature.jsonl", folder=folder)
    alone = await send_test("support.yaml#update_crm", folder=folder)
    assert (unknown.code, unsent.code, alone.code) == (2, 1, 2)
    assert "found no node or webhook 'nix'" in unknown.complaints
    assert "found no call in premature.jsonl that sends 'update_crm'" in unsent.complaints
    assert "FILE#NODE without --events" in alone.complaints
