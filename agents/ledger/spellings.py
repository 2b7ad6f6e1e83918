"""A text as it may be written: plain, in JSON, in base64, percent-encoded."""

import json
from base64 import b64encode, urlsafe_b64encode
from functools import lru_cache
from urllib.parse import quote, quote_plus


@lru_cache(maxsize=1024)
def spellings(text: str) -> frozenset[bytes]:
    """Every spelling of a text in which it would be found."""
    encoded = {b64encode(text.encode()).decode(), urlsafe_b64encode(text.encode()).decode()}
    percent = {quote(text), quote(text, safe=""), quote_plus(text), quote(text, safe="").lower()}
    plain = {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    return frozenset(one.encode() for one in (*plain, *percent, *(each.rstrip("=") for each in encoded)))
