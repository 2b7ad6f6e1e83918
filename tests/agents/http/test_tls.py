"""Nothing is sent to an endpoint whose certificate does not verify."""

import asyncio
import os
import ssl
from pathlib import Path

import pytest

from agents.attempt import Attempts
from agents.http.client import Client
from agents.http.guard import Guard
from agents.http.secrets import Secrets
from agents.http.transport import GuardedTransport
from agents.metrics import Metrics
from agents.unchecked import Unchecked
from agents.worker import utc_now
from schemas.delivery import Answered, Reply, Silence
from schemas.workflow import Mtls, Tls
from streams.egress import egress
from tests.agents.http.builders import attempts, outbound, request, text, transport
from tests.agents.http.certificates import Authority
from tests.agents.http.hostile import receiving


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


async def asked(
    server: ssl.SSLContext | None, tls: Tls, host: str = "here.example", **fields: object
) -> Reply:
    """The reply of a server at a host name."""

    async def here(_: str) -> list[str]:
        return ["127.0.0.1"]

    through = GuardedTransport(Guard(egress(["127.0.0.1"]), here))
    async with receiving(server) as receiver:
        url = receiver.url("ok", "https", host)
        reply = await attempts(through).make(outbound(request(url, 2, tls=tls, **fields)))
        assert isinstance(reply, Answered) == bool(receiver.asked)
    return reply


async def test_a_certificate_that_verifies_is_trusted(authority: Authority) -> None:
    server = authority.issue("good", "here.example").server()
    for ca in (str(authority.cert), authority.cert.read_text()):
        assert await asked(server, Tls(ca=ca)) == Answered(200, body={})


async def test_a_certificate_that_does_not_verify_is_unsent(authority: Authority) -> None:
    trusting = Tls(ca=str(authority.cert))
    good, other = authority.issue("good2", "here.example"), authority.issue("other", "there.example")
    expired = authority.issue("expired", "here.example", days=-1)
    assert await asked(good.server(), Tls()) == Silence("tls", "unsent"), "of an unknown authority"
    for wrong in (other, expired, authority.self_signed()):
        assert await asked(wrong.server(), trusting) == Silence("tls", "unsent")


async def test_insecure_takes_any_certificate(authority: Authority) -> None:
    assert await asked(authority.self_signed().server(), Tls(insecure=True)) == Answered(200, body={})


async def test_an_old_protocol_is_unsent(authority: Authority) -> None:
    server = authority.issue("old", "here.example").server()
    server.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        server.minimum_version = server.maximum_version = ssl.TLSVersion.TLSv1_1
    assert await asked(server, Tls(ca=str(authority.cert))) == Silence("tls", "unsent")


@pytest.mark.parametrize(
    ("greeting", "error"), [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "tls"), (b"", "connect_timeout")]
)
async def test_a_server_that_speaks_no_tls_is_unsent(greeting: bytes, error: str) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await asyncio.sleep(1)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    assert await attempts().make(outbound(request(url, 0.3))) == Silence(error, "unsent")
    server.close()


async def test_a_client_certificate_is_shown_where_it_is_asked_for(authority: Authority) -> None:
    ours = authority.issue("client", "postcall.example")
    server = authority.issue("mutual", "here.example").server(client_authority=authority.cert)
    auth = Mtls("{{ secrets.CERT }}", "{{ secrets.KEY }}")
    texts = {"cert": text(ours.cert.read_text()), "key": text(str(ours.key))}
    trusting = Tls(ca=str(authority.cert))
    assert await asked(server, trusting, auth=auth, auth_texts=texts) == Answered(200, body={})
    assert isinstance(await asked(server, trusting), Silence)


@pytest.mark.parametrize("pem", ["-----BEGIN CERTIFICATE-----\nnot base64\n", "/nowhere/cert.pem", "garbage"])
async def test_a_certificate_of_ours_that_cannot_be_read_is_a_bad_secret(pem: str) -> None:
    auth, texts = Mtls("", ""), {"cert": text(pem), "key": text(pem)}
    assert await asked(None, Tls(), auth=auth, auth_texts=texts) == Silence("bad_secret", "before")


async def test_no_key_is_left_in_a_file(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ours = authority.issue("client2", "postcall.example")
    texts = {"cert": text(ours.cert.read_text()), "key": text(ours.key.read_text())}
    server = authority.issue("mutual2", "here.example").server(client_authority=authority.cert)
    trusting = Tls(ca=str(authority.cert))
    assert isinstance(await asked(server, trusting, auth=Mtls("", ""), auth_texts=texts), Answered)
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # pathlib's would be called blocking


async def test_a_request_whose_certificate_nobody_checks_is_counted_and_warned_of_once(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    async with receiving(authority.self_signed().server()) as receiver:
        client = Client(transport())
        sender = Attempts(client, Secrets({}), utc_now, insecure=Unchecked(metrics))
        for insecure in (True, True, False):
            url = receiver.url("ok", "https")
            await sender.make(outbound(request(url, 2, tls=Tls(insecure=insecure))))
        await sender.make(outbound(request("http://127.0.0.1:9/", 2, tls=Tls(insecure=True))))
    assert 'postcall_notes_total{note="insecure_tls"} 2.0' in metrics.exposition().decode()
    assert [record.getMessage() for record in caplog.records if record.name == "agents.unchecked"] == [
        "the certificate of http://a.example:80 is not checked: tls.insecure, agent agent"
    ]


async def test_a_certificate_of_ours_that_was_rotated_is_shown_from_the_next_connection_on(
    authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path)
    server = authority.issue("good4", "here.example").server(authority.cert)
    cert, key = tmp_path / "our.pem", tmp_path / "our.key"
    auth = Mtls(str(cert), str(key), str(authority.cert))
    texts = {"cert": (str(cert),), "key": (str(key),), "ca": (str(authority.cert),)}
    for issuer, verifies in ((other, False), (authority, True)):
        ours = issuer.issue(f"us-{verifies}", "us")
        for source, target in ((ours.cert, cert), (ours.key, key)):
            (tmp_path / "swapped").write_bytes(source.read_bytes())
            (tmp_path / "swapped").rename(target)
        reply = await asked(server, Tls(), auth=auth, auth_texts=texts)
        assert isinstance(reply, Answered) == verifies
