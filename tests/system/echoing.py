"""An endpoint that gives everything back: each header, the path and the body, plain and encoded.

The first segment of the path says how: a status, `close` (the connection, instead of an answer), or `token`
(an access token, as RFC 6749 has it).
"""

import json
import ssl
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, quote_plus, unquote

TOKEN = "planted-token-71c2e0"
"""The access token that `/token` gives out."""


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        what = self.path.partition("?")[0].split("/")[1]
        if what == "close":
            self.close_connection = True
            return
        granted = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}
        self._answer(200 if what == "token" else int(what), granted if what == "token" else self._echo(body))

    def _answer(self, status: int, said: Any) -> None:
        content = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        for number, value in enumerate((*self.headers.values(), self.path, unquote(self.path))):
            self.send_header(f"x-echo-{number}", value)
        self.end_headers()
        self.wfile.write(content)

    def _echo(self, body: str) -> dict[str, Any]:
        headers = dict(self.headers.items())
        told = [*headers.values(), *(one.partition(" ")[2] for one in headers.values() if " " in one)]
        told += [
            unquote(one)
            for part in self.path.split("?")
            for one in (*part.split("/"), part.partition("=")[2])
        ]
        encodings = (b64, b64url, quote, quote_plus, lambda text: quote(text, safe=""), json.dumps)
        spelled = [encoded(text) for text in told if text for encoded in encodings]
        return {
            "headers": headers,
            "path": self.path,
            "body": body,
            "spelled": spelled,
            "joined": " ".join(told),
        }

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def b64(text: str) -> str:
    """Base64 of a text."""
    return b64encode(text.encode()).decode()


def b64url(text: str) -> str:
    """The same in the alphabet of URLs, without padding."""
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@contextmanager
def echoing(tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve on a loopback port, which is yielded."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
