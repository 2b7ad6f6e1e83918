"""A customer's side to send requests to: it writes down every request before it answers, and behaves as scripted.

The file is a witness: one JSON line a request, written before the answer leaves, so that what a worker saw
answered is always in it. A line:

    {"at": seconds since 1970, "answer_at": the same (null: none), "method", "path" (with the query),
     "headers": {lower-case name: value}, "body": text, "body_sha256": hex,
     "answer": status | "hang" | "close" | "reset" | "drip", "answer_headers": {name: value}}

A script is JSON, and is read again when the file changes:

    {"seed": 7, "rules": [{"path": "/crm/*", "delay": 0.05, "failure_rate": 0.1, "failure_status": 503}]}

The first rule whose path fits decides; a request that fits none gets 200 and `{}`.
"""

import asyncio
import hashlib
import itertools
import os
import random
import socket
import struct
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import orjson

_HEAD_END = b"\r\n\r\n"
_SCRIPT_CHECK_SECONDS = 0.2
_DRIP_SECONDS = 0.2
_NO_LINGERING = struct.pack("ii", 1, 0)
"""Of SO_LINGER: a connection that is closed then is reset."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How requests to some paths are answered."""

    path: str = "*"
    """The paths, as a shell pattern; the query is not part of them."""
    status: int = 200
    """The status of a good answer."""
    body: dict[str, object] = {}
    """The JSON body of a good answer."""
    headers: dict[str, str] = {}
    """More headers of every answer, such as Retry-After."""
    delay: float = 0.0
    """Seconds from the request to its answer."""
    spread: float = 0.0
    """Up to so many seconds more, drawn for each request."""
    failure_rate: float = 0.0
    """The share of requests that get `failure_status` instead, drawn from the seed."""
    fail_first: int = 0
    """So many requests with the same webhook-id fail before one is answered well."""
    failure_status: int = 500
    """The status of an answer that is drawn to fail."""
    silence: str = ""
    """`hang` never answers; `close` closes the connection instead, `reset` breaks it; `drip` sends the head of an
    answer byte by byte, and never all of it."""


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a receiver behaves, path by path."""

    rules: tuple[Rule, ...] = ()
    seed: int = 0


class Request(msgspec.Struct, frozen=True):
    """One request as it was written down."""

    at: float
    answer_at: float | None
    method: str
    path: str
    headers: dict[str, str]
    body: str
    body_sha256: str
    answer: int | str
    answer_headers: dict[str, str] = {}


class Receiver:
    """Serves from `async with Receiver(log) as receiver:` to the end of the block, on `receiver.port`."""

    def __init__(self, log: Path, script: Path | Script | None = None, port: int = 0) -> None:
        self._log_path = log
        self._script_path = script if isinstance(script, Path) else None
        self._script = script if isinstance(script, Script) else Script()
        self._script_read_at = 0.0
        self._script_stamp = 0
        self._seen: dict[str, int] = {}
        self._log = -1
        self.port = port

    async def __aenter__(self) -> Self:
        """Open the file and listen on the loopback address."""
        self._log = os.open(self._log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self), "127.0.0.1", self.port, backlog=1024
        )
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and close the file."""
        self._server.close()
        os.close(self._log)

    def witness(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[Rule, Request]:
        """Decide how a request is answered and write it down; return the rule and the line."""
        rule = self._rule_for(path.partition("?")[0])
        at = time.time()
        luck, answer = self._draw(rule, path, headers.get("webhook-id", ""))
        request = Request(
            at=at,
            answer_at=None if rule.silence else at + rule.delay + rule.spread * luck,
            method=method,
            path=path,
            headers=headers,
            body=body.decode(errors="replace"),
            body_sha256=hashlib.sha256(body).hexdigest(),
            answer=answer,
            answer_headers={} if rule.silence else rule.headers,
        )
        os.write(self._log, msgspec.json.encode(request) + b"\n")
        return rule, request

    def _draw(self, rule: Rule, path: str, webhook_id: str) -> tuple[float, int | str]:
        # From the delivery and its count, not from the order of arrival: a seed gives the same run again.
        delivery = f"{path}|{webhook_id}"
        count = self._seen[delivery] = self._seen.get(delivery, 0) + 1
        dice = random.Random(f"{self._script.seed}|{delivery}|{count}")
        failing = dice.random() < rule.failure_rate or count <= rule.fail_first
        return dice.random(), rule.silence or (rule.failure_status if failing else rule.status)

    def _rule_for(self, path: str) -> Rule:
        self._read_script()
        return next((rule for rule in self._script.rules if fnmatchcase(path, rule.path)), Rule())

    def _read_script(self) -> None:
        if self._script_path is None or time.monotonic() < self._script_read_at + _SCRIPT_CHECK_SECONDS:
            return
        self._script_read_at = time.monotonic()
        if (stamp := self._script_path.stat().st_mtime_ns) != self._script_stamp:
            self._script = msgspec.json.decode(self._script_path.read_bytes(), type=Script)
            self._script_stamp = stamp


class _Connection(asyncio.Protocol):
    """One connection: HTTP/1.1 with Content-Length, one request after the other."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._buffer += data
        while (end := self._buffer.find(_HEAD_END)) >= 0:
            line, *fields = self._buffer[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
            body_start = end + len(_HEAD_END)
            body_end = body_start + int(headers.get("content-length", 0))
            if len(self._buffer) < body_end:
                return
            body, self._buffer = self._buffer[body_start:body_end], self._buffer[body_end:]
            method, path, _ = line.split(" ", 2)
            self._answer(*self._receiver.witness(method, path, headers, body))

    def _answer(self, rule: Rule, request: Request) -> None:
        match rule.silence:
            case "close":
                self._transport.close()
            case "reset":
                sock = self._transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
                self._transport.abort()
            case "drip":
                self._drip(itertools.chain(b"HTTP/1.1 200 Scripted\r\nx-drip: ", itertools.repeat(0x2E)))
        if not isinstance(request.answer, int) or request.answer_at is None:
            return
        body = orjson.dumps(rule.body)
        head = [f"HTTP/1.1 {request.answer} Scripted", "content-type: application/json"]
        head += [
            f"content-length: {len(body)}",
            *(f"{name}: {value}" for name, value in rule.headers.items()),
        ]
        answer = "\r\n".join(head).encode("latin-1") + _HEAD_END + body
        wait = request.answer_at - request.at
        if wait <= 0:
            self._transport.write(answer)
        else:
            asyncio.get_running_loop().call_later(wait, self._write, answer)

    def _drip(self, rest: Iterator[int]) -> None:
        if not self._transport.is_closing():
            self._transport.write(bytes([next(rest)]))
            asyncio.get_running_loop().call_later(_DRIP_SECONDS, self._drip, rest)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)
