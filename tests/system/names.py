"""A name server for one worker: names that answer late, that are not there, that lead where nobody may go.

It listens on an address of the loopback network of its own, port 53, and the worker that is started `around` it
sees a resolv.conf that names it, in a mount namespace of its own. Both need the rights of root.
"""

import secrets
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_HEADER = struct.Struct(">6H")
_ANSWER = struct.Struct(">HHHLH4s")
_A, _POINTER = 1, 0xC00C
_RESPONSE, _NXDOMAIN = 0x8580, 3

_SEEING = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


@dataclass
class Names:
    """What each name answers now; a name that is in none of them is not there."""

    around: tuple[str, ...]
    """What stands before the command of a process that shall ask this server."""
    addresses: dict[str, list[str]] = field(default_factory=dict)
    late: dict[str, float] = field(default_factory=dict)
    """Seconds by which the answers for a name are late."""
    asked: dict[str, int] = field(default_factory=dict)


@contextmanager
def serving_names(folder: Path) -> Iterator[Names]:
    """Serve until the block ends; skipped where port 53 or a mount is not allowed."""
    address = "127." + ".".join(str(1 + secrets.randbelow(250)) for _ in range(3))
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        server.bind((address, 53))
    except OSError as fault:
        server.close()
        pytest.skip(f"may not serve names on port 53 here: {fault}")
    configuration = folder / "resolv.conf"
    configuration.write_text(f"nameserver {address}\noptions timeout:10 attempts:1\n")
    around = ("unshare", "--mount", "sh", "-c", _SEEING, str(configuration))
    tried = subprocess.run([*around, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        server.close()
        pytest.skip(f"may not mount a resolv.conf here: {tried.stderr.strip()}")
    names = Names(around)
    serving = threading.Thread(target=_serve, args=(server, names), daemon=True)
    serving.start()
    try:
        yield names
    finally:
        server.close()


def _serve(server: socket.socket, names: Names) -> None:
    while True:
        try:
            question, sender = server.recvfrom(512)
        except OSError:
            return  # closed
        threading.Thread(target=_answer, args=(server, names, question, sender), daemon=True).start()


def _answer(server: socket.socket, names: Names, question: bytes, sender: tuple[str, int]) -> None:
    name, kind, end = _asked(question)
    names.asked[name] = names.asked.get(name, 0) + 1
    time.sleep(names.late.get(name, 0.0))
    known = names.addresses.get(name)
    found = [socket.inet_aton(each) for each in known or ()] if kind == _A else []
    number = struct.unpack_from(">H", question)[0]
    code = _RESPONSE | (_NXDOMAIN if known is None else 0)
    answers = b"".join(_ANSWER.pack(_POINTER, _A, 1, 0, 4, each) for each in found)
    server.sendto(_HEADER.pack(number, code, 1, len(found), 0, 0) + question[12:end] + answers, sender)


def _asked(question: bytes) -> tuple[str, int, int]:
    """The name that is asked for, the kind of record, and where the question ends."""
    labels, place = [], _HEADER.size
    while length := question[place]:
        labels.append(question[place + 1 : place + 1 + length].decode())
        place += length + 1
    return ".".join(labels).lower(), struct.unpack_from(">H", question, place + 1)[0], place + 5
