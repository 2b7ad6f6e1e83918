"""A redirect is followed only where a document asks for it, within the origin, as 307 or 308, and not for ever."""

from base64 import b64encode

import pytest
from standardwebhooks import Webhook

from schemas.delivery import Answered, Class
from streams.judge import classify
from tests.agents.http.test_hostile import asked


@pytest.mark.parametrize("path", ["moved", "moved-308", "hop/1", "hop/3"])
async def test_a_307_or_308_within_the_origin_is_followed_where_it_was_asked_for(path: str) -> None:
    assert classify(await asked(path, redirects=True)) is Class.SUCCESS


async def test_what_is_followed_is_the_same_request_to_the_last_byte() -> None:
    moved = await asked("moved", redirects=True, secrets=(("key",),))
    assert isinstance(moved, Answered)
    assert (moved.body["target"], moved.body["body"]) == ("/echo", "{}")
    Webhook(b64encode(b"key").decode()).verify(moved.body["body"], moved.body["headers"])


@pytest.mark.parametrize(
    "path",
    [
        *(
            "moved-301",
            "moved-302",
            "moved-303",
            "metadata",
            "metadata-307",
            "moved-nowhere",
            "moved-userinfo",
        ),
        *("moved-port", "moved-scheme", "loop", "hop/4", "hop/50"),
    ],
)
async def test_no_other_redirect_is_followed_and_no_chain_is_endless(path: str) -> None:
    assert classify(await asked(path, redirects=True)) is Class.REJECTED
