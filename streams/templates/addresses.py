"""What a customer's URL may look like: its scheme and host are fixed, whatever the conversation says."""

import re
from functools import lru_cache
from typing import Final

from schemas.delivery import Secret, Text
from streams.templates.written import TemplateFault

URL_LIMIT: Final = 8192
"""Characters of a rendered URL; many servers refuse longer ones."""

_ADDRESS: Final = re.compile(r"(https?)://([^/?#\\]*)([^#]*)", re.IGNORECASE)
_HOST: Final = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?"
)
_MARKUP: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_UNSEEN: Final = re.compile(r"[\x00-\x20\x7f\\]")
_PORTS: Final = {"https": 443, "http": 80}


class BadAddress(Exception):
    """A rendered URL that must not be called; the message shows no more of it than one segment."""


def check(source: str) -> None:
    """Check the template of a URL. Raises TemplateFault."""
    endpoint(source)
    words = _MARKUP.sub("", source)
    unseen = _UNSEEN.search(words)
    if unseen:
        raise TemplateFault(f"found {unseen[0]!r} in a URL; expected it percent-encoded")
    if "#" in words:
        raise TemplateFault("found a fragment (#…) in a URL; expected none, it is never sent")
    _refuse_dots(_MARKUP.sub("x", source), TemplateFault)


@lru_cache(maxsize=4096)
def endpoint(source: str) -> str:
    """The scheme://host:port of a URL template, as records show it. Raises TemplateFault."""
    matched = _ADDRESS.match(source)
    if matched is None:
        raise TemplateFault(
            "found a URL that does not start with http:// or https://; expected one that does"
        )
    scheme, authority = matched[1].lower(), matched[2]
    if "{" in authority:
        raise TemplateFault("found a template in the host of a URL; expected a fixed scheme and host")
    if "@" in authority:
        raise TemplateFault("found a user name in a URL; expected it in auth")
    host = _HOST.fullmatch(authority)
    if host is None or int(host[2] or 1) not in range(1, 65536):
        raise TemplateFault(
            f"found the host {authority!r} in a URL; expected a name or address, perhaps :port"
        )
    return f"{scheme}://{host[1].lower()}:{int(host[2] or _PORTS[scheme])}"


def check_rendered(url: Text) -> None:
    """Check what a template came to. Raises BadAddress."""
    shown = "".join("x" if isinstance(part, Secret) else part for part in url)
    if len(shown) > URL_LIMIT:
        raise BadAddress(f"found a URL of {len(shown)} characters; expected at most {URL_LIMIT}")
    _refuse_dots(shown, BadAddress)


def _refuse_dots(url: str, fault: type[Exception]) -> None:
    path = url.split("?", 1)[0].split("#", 1)[0].split("://", 1)[1]
    for segment in path.split("/")[1:]:
        if "." in segment or "%" in segment:
            plain = re.sub("%2e", ".", segment, flags=re.IGNORECASE)
            if plain in (".", ".."):
                raise fault(
                    f"found the path segment {segment!r} in a URL; expected none, clients collapse it"
                )
