"""The receiver writes down what it was asked before it answers, and answers as it was told."""

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agents.demo.receiver import Rule, Script
from tests.system.receiver import ReceiverProcess

_SCRIPT = Script(
    seed=7,
    rules=(
        Rule(path="/slow", delay=0.3),
        Rule(path="/twice", fail_first=2, failure_status=503),
        Rule(path="/often", failure_rate=0.5),
        Rule(path="/closes", silence="close"),
        Rule(path="/hangs", silence="hang"),
        Rule(path="/resets", silence="reset"),
        Rule(path="/drips", silence="drip"),
        Rule(path="/tells", status=201, body={"ticket": {"id": 5}}, headers={"Retry-After": "2"}),
    ),
)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    with ReceiverProcess(tmp_path_factory.mktemp("receiver"), _SCRIPT) as running:
        yield running


def _statuses(receiver: ReceiverProcess, path: str, ids: list[str]) -> list[int]:
    return [httpx.post(receiver.url + path, headers={"webhook-id": each}).status_code for each in ids]


def test_a_request_is_in_the_file_when_its_answer_arrives(receiver: ReceiverProcess) -> None:
    answer = httpx.put(receiver.url + "/tells?a=1", headers={b"X-Team": "é".encode("latin-1")}, content=b"{}")
    last = receiver.requests()[-1]
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (
        201,
        {"ticket": {"id": 5}},
        "2",
    )
    assert (last.method, last.path, last.headers["x-team"], last.body) == ("PUT", "/tells?a=1", "é", "{}")
    assert (last.answer, last.answer_headers) == (201, {"Retry-After": "2"})


def test_a_delayed_answer_is_written_down_with_the_moment_it_leaves(receiver: ReceiverProcess) -> None:
    began = time.time()
    httpx.get(receiver.url + "/slow")
    last = receiver.requests()[-1]
    assert last.answer_at is not None
    assert last.answer_at - last.at == pytest.approx(0.3)
    assert time.time() - began >= 0.3


def test_the_first_tries_of_a_delivery_fail(receiver: ReceiverProcess) -> None:
    assert _statuses(receiver, "/twice", ["x", "y", "x", "x", "y"]) == [503, 503, 503, 200, 503]


def test_a_failure_rate_is_drawn_from_the_seed(receiver: ReceiverProcess, tmp_path: Path) -> None:
    ids = [str(number) for number in range(30)]
    statuses = _statuses(receiver, "/often", ids)
    with ReceiverProcess(tmp_path, _SCRIPT) as other:
        assert _statuses(other, "/often", list(reversed(ids)))[::-1] == statuses
    assert {200, 500} == set(statuses)


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/closes", httpx.RemoteProtocolError),
        ("/resets", httpx.ReadError),
        ("/hangs", httpx.ReadTimeout),
    ],
)
def test_a_silent_path_is_written_down_all_the_same(
    receiver: ReceiverProcess, path: str, fault: type[Exception]
) -> None:
    with pytest.raises(fault):
        httpx.get(receiver.url + path, timeout=0.3)
    assert receiver.requests()[-1].answer == path.strip("/").removesuffix("s")


def test_a_dripping_path_sends_byte_after_byte_and_never_a_whole_head(receiver: ReceiverProcess) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port)) as asking:
        asking.sendall(b"GET /drips HTTP/1.1\r\nhost: a\r\n\r\n")
        asking.settimeout(2.0)
        dripped = [asking.recv(100) for _ in range(5)]
    assert b"".join(dripped) == b"HTTP/"
    assert receiver.requests()[-1].answer == "drip"


def test_a_changed_script_is_followed(receiver: ReceiverProcess) -> None:
    receiver.behave(Script(rules=(Rule(status=418), *_SCRIPT.rules), seed=7))
    time.sleep(0.3)
    assert httpx.get(receiver.url + "/anything").status_code == 418
    receiver.behave(_SCRIPT)
    time.sleep(0.3)
    assert httpx.get(receiver.url + "/anything").status_code == 200


async def test_three_thousand_requests_a_second_are_written_down(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path) as receiver:
        began = time.monotonic()
        await asyncio.gather(*(_hammer(receiver.port, 1000) for _ in range(6)))
        assert len(receiver.requests()) == 6000
        assert time.monotonic() - began < 2 + 2  # 3000/s, and as much again for a machine that is busy


async def _hammer(port: int, count: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        writer.write(b'POST /x HTTP/1.1\r\nhost: a\r\nwebhook-id: 1\r\ncontent-length: 7\r\n\r\n{"a":1}')
        await reader.readuntil(b"\r\n\r\n{}")
    writer.close()
