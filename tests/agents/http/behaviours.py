"""What a hostile endpoint does, by the first part of its path: `/drip`, `/reset`, `/gigabyte`, `/answer/503`."""

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qsl

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@dataclass
class Asked:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


Behaviour: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Asked], Awaitable[None]]


def says(answer: bytes, *, close: bool = False) -> Behaviour:
    """Answer these bytes."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Asked) -> None:
        writer.write(answer)
        if close:
            await writer.drain()
            writer.close()
            await asyncio.sleep(60)

    return behave


def drips(head: bytes, drop: bytes, every: float = 0.02) -> Behaviour:
    """Answer a head, and then a drop at a time, for ever."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Asked) -> None:
        writer.write(head)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(every)

    return behave


def resets(before: bytes = b"") -> Behaviour:
    """Answer these bytes and reset the connection."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Asked) -> None:
        writer.write(before)
        await writer.drain()
        await asyncio.sleep(0.05)
        reset(writer)
        await asyncio.sleep(60)

    return behave


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hang(_: asyncio.StreamReader, __: asyncio.StreamWriter, ___: Asked) -> None:
    """Never answer."""
    await asyncio.sleep(60)


async def echo(_: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: Asked) -> None:
    """Answer what was asked."""
    body = json.dumps(
        {"headers": asked.headers, "target": asked.target, "body": asked.body.decode("latin-1")}
    )
    writer.write(HEAD + f"content-length: {len(body)}\r\n\r\n{body}".encode())


async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: Asked) -> None:
    """Answer as `/answer/STATUS?HEADER=VALUE` says."""
    path, _query, query = asked.target.partition("?")
    lines = [f"HTTP/1.1 {path.rpartition('/')[2]} So", "content-length: 0"]
    lines += [f"{name}: {value}" for name, value in parse_qsl(query)]
    writer.write("\r\n".join([*lines, "", ""]).encode())


async def next_hop(_: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: Asked) -> None:
    """`/hop/N` redirects to `/hop/N-1`, and `/hop/0` is the end."""
    left = int(asked.target.rpartition("/")[2])
    writer.write(_redirect(307, f"/hop/{left - 1}") if left else OK)


async def gigabyte(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Asked) -> None:
    """Answer a gigabyte as fast as it is taken."""
    writer.write(HEAD + b"content-length: 1000000000\r\n\r\n")
    for _n in range(1_000):
        writer.write(b"x" * 1_000_000)
        await writer.drain()


def _gzip_bomb() -> bytes:
    bomb = gzip.compress(b"0" * 50_000_000)
    return HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb) + bomb


def _redirect(status: int, target: str) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n".encode()


BEHAVIOURS: dict[str, Behaviour] = {
    "ok": says(OK),
    "echo": echo,
    "hang": hang,
    "unread-hang": hang,
    "unread-ok": says(OK),
    "drip": drips(HEAD + b"content-length: 100000\r\n\r\n", b"x"),
    "endless": drips(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "flood": drips(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"fff\r\n" + b"x" * 4095 + b"\r\n", 0),
    "head-drip": drips(b"HTTP/1.1 200 OK\r\nx: ", b"x"),
    "line-flood": drips(b"HTTP/1.1 200 OK\r\nx: ", b"x" * 4096, 0),
    "header-flood": drips(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 100, 0),
    "interim": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
    "hints": says(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK),
    "switch": says(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
    "gigabyte": gigabyte,
    "gzip-bomb": says(_gzip_bomb()),
    "huge-header": says(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000 + b"\r\ncontent-length: 0\r\n\r\n"),
    "many-headers": says(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5_000 + b"content-length: 0\r\n\r\n"),
    "garbage": says(b"\x00\x01\x02 utter garbage \xff\r\n\r\n"),
    "ssh": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "http2": says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18),
    "html": says(b"<html>no head</html>\r\n\r\n"),
    "bad-length": says(b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n"),
    "two-lengths": says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 5\r\n\r\n{}"),
    "bad-chunk": says(HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
    "half-head": says(b"HTTP/1.1 200 OK\r\ncontent-", close=True),
    "close": says(b"", close=True),
    "close-in-body": says(HEAD + b"content-length: 100\r\n\r\n{", close=True),
    "until-close": says(HEAD + b"\r\n{}", close=True),
    "reset": resets(),
    "unread-reset": resets(),
    "reset-in-head": resets(b"HTTP/1.1 200 OK\r\ncontent-"),
    "reset-in-body": resets(HEAD + b"content-length: 100\r\n\r\n{"),
    "metadata": says(_redirect(302, "http://169.254.169.254/latest/meta-data/")),
    "metadata-307": says(_redirect(307, "http://169.254.169.254/latest/meta-data/")),
    "moved": says(_redirect(307, "/echo")),
    "loop": says(_redirect(308, "/loop")),
    "hop": next_hop,
    "moved-301": says(_redirect(301, "/echo")),
    "moved-302": says(_redirect(302, "/echo")),
    "moved-303": says(_redirect(303, "/echo")),
    "moved-308": says(_redirect(308, "/echo")),
    "moved-nowhere": says(_redirect(307, "http://[::1")),
    "moved-userinfo": says(_redirect(307, "http://us:er@127.0.0.1/")),
    "moved-port": says(_redirect(307, "http://127.0.0.1:1/")),
    "moved-scheme": says(_redirect(307, "file:///etc/passwd")),
    "moved-gigabyte": says(b"HTTP/1.1 307 Moved\r\nlocation: /" + b"y" * 200_000 + b"\r\n\r\n"),
    "answer": answer,
    "preface": says(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "http09": says(b"{}", close=True),
    "http10": says(b"HTTP/1.0 200 OK\r\n\r\n{}", close=True),
    "http2-line": says(b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
    "no-status": says(b"HTTP/1.1 OK\r\n\r\n"),
    "low-status": says(b"HTTP/1.1 099 OK\r\ncontent-length: 0\r\n\r\n", close=True),
    "long-status": says(b"HTTP/1.1 20000 OK\r\ncontent-length: 0\r\n\r\n"),
    "bare-newlines": says(b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}"),
    "nul-header": says(b"HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 2\r\n\r\n{}"),
    "folded": says(b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\n{}"),
    "length-and-chunked": says(
        HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    ),
    "twice-chunked": says(HEAD + b"transfer-encoding: chunked, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    "huge-length": says(HEAD + b"content-length: 99999999999999999999999\r\n\r\n{}"),
    "terabyte": drips(HEAD + b"content-length: 1099511627776\r\n\r\n", b"x" * 65536, 0),
    "huge-chunk": drips(HEAD + b"transfer-encoding: chunked\r\n\r\nffffffffff\r\n", b"x" * 65536, 0),
    "chunk-overflow": says(HEAD + b"transfer-encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n{}"),
    "chunk-negative": says(HEAD + b"transfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n"),
    "chunk-extensions": drips(HEAD + b"transfer-encoding: chunked\r\n\r\n1;", b"x=y;" * 1000, 0),
    "trailers": drips(HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"x: y\r\n" * 500, 0),
    "interim-flood": drips(b"", b"HTTP/1.1 102 Wait\r\n\r\n" * 100, 0),
    "interim-drip": drips(b"", b"HTTP/1.1 103 Hint\r\n\r\n", 0.2),
    "two-answers": says(OK + OK),
    "no-content": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "error": says(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"),
    "busy": says(b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n"),
    "disable": says(b"HTTP/1.1 400 No\r\nwebhook-delivery: Disable\r\ncontent-length: 0\r\n\r\n"),
    "cookie": says(b"HTTP/1.1 200 OK\r\nset-cookie: a=b; path=/\r\ncontent-length: 2\r\n\r\n{}"),
}
