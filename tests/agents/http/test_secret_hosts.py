"""A secret that is bound to hosts goes to no other, whatever a document says."""

from pathlib import Path

import pytest

from schemas.delivery import Answered, Reply, Silence
from schemas.workflow import ApiKey, Basic, Bearer, HmacAuth, OAuth2
from tests.agents.http.builders import attempts, outbound, request, text
from tests.agents.http.hostile import receiving

ELSEWHERE = Silence("secret_not_for_host", "before")
SECRET = {"S": "hunter2", "OTHER": "free"}


async def asked(hosts: str | None, folder: Path | None = None, path: str = "ok", **fields: object) -> Reply:
    """The reply to a request with the secret S, bound to hosts; a refused one must not have left."""
    environment = {f"POSTCALL_SECRET_{name}": value for name, value in SECRET.items()}
    if hosts is not None:
        environment["POSTCALL_HOSTS_OF_S"] = hosts
    async with receiving() as receiver:
        receiver.behaviours["token"] = receiver.behaviours["ok"]
        sender = attempts(variables=environment, folder=folder)
        reply = await sender.make(outbound(request(receiver.url(path), 2, **fields)))
        assert bool(receiver.asked) == isinstance(reply, Answered)
    return reply


@pytest.mark.parametrize("hosts", [None, "", "127.0.0.1", "a.example, 127.0.0.1"])
async def test_a_secret_goes_where_it_may(hosts: str | None) -> None:
    assert isinstance(await asked(hosts, headers={"x": "<S>"}), Answered)


USES: list[dict[str, object]] = [
    {"headers": {"x": "<S>"}},
    {"path": "ok?key=<S>"},
    {"auth": Bearer(""), "auth_texts": {"token": text("<S>")}},
    {"auth": Basic("", ""), "auth_texts": {"username": text("<S>"), "password": ("x",)}},
    {"auth": ApiKey("k", "", "query"), "auth_texts": {"value": text("<S>")}},
    {"auth": HmacAuth("", "x"), "auth_texts": {"secret": text("<S>")}},
    {"secrets": (text("<OTHER>"), text("<S>"))},
]


@pytest.mark.parametrize("use", USES)
async def test_a_secret_never_goes_elsewhere_in_whatever_place(use: dict[str, object]) -> None:
    assert await asked("a.example", **use) == ELSEWHERE  # type: ignore[arg-type]


async def test_a_secret_that_a_request_does_not_use_does_not_matter() -> None:
    assert isinstance(await asked("a.example", headers={"x": "<OTHER>"}), Answered)


async def test_what_is_exchanged_for_a_token_goes_to_the_login_server_alone() -> None:
    texts = {"token_url": ("http://login.example/",), "client_id": ("us",), "client_secret": text("<S>")}
    grant = {"auth": OAuth2("", "", ""), "auth_texts": texts}
    assert await asked("127.0.0.1", **grant) == ELSEWHERE  # type: ignore[arg-type]
    # It may go there; that nobody knows the name comes later.
    assert await asked("login.example", **grant) == Silence("token", "unsent")  # type: ignore[arg-type]


async def test_a_list_beside_the_file_binds_too_and_is_read_anew(tmp_path: Path) -> None:
    (tmp_path / "S").write_text("hunter2\n")
    use = {"headers": {"x": "<S>"}}
    assert isinstance(await asked(None, tmp_path, **use), Answered)  # type: ignore[arg-type]
    (tmp_path / "S.hosts").write_text("a.example\n")
    assert await asked(None, tmp_path, **use) == ELSEWHERE  # type: ignore[arg-type]
    (tmp_path / "S.hosts").write_text("a.example\n127.0.0.1\n")
    assert isinstance(await asked(None, tmp_path, **use), Answered)  # type: ignore[arg-type]


async def test_a_list_that_cannot_be_read_lets_nothing_out(tmp_path: Path) -> None:
    bad = Silence("bad_secret", "before")
    assert await asked("http://127.0.0.1/", headers={"x": "<S>"}) == bad
    (tmp_path / "S.hosts").mkdir()
    assert await asked(None, tmp_path, headers={"x": "<S>"}) == bad
    (tmp_path / "S.hosts").rmdir()
    (tmp_path / "S.hosts").write_text("\n")
    assert await asked(None, tmp_path, headers={"x": "<S>"}) == bad


async def test_a_redirect_takes_a_secret_nowhere_else() -> None:
    reply = await asked("127.0.0.1", path="metadata-307", headers={"x": "<S>"}, redirects=True)
    assert isinstance(reply, Answered)
    assert reply.status == 307
