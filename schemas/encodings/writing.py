"""An event in the other two encodings, as producers may write it: CloudEvents structured and binary."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from schemas.encodings.cloudevents import STRUCTURED
from schemas.events import Event
from schemas.wire import json_bytes, moment

Written = tuple[bytes, tuple[tuple[str, bytes], ...]]
"""A record's value and headers."""

_JSON: Final = b"application/json"


def structured(event: Event) -> Written:
    """One JSON object with everything. Raises ValueError for what CloudEvents cannot carry."""
    body = {"specversion": "1.0", **dict(_attributes(event)), "datacontenttype": _JSON.decode()}
    if event.data:
        body["data"] = event.data
    return json_bytes(body), (("content-type", f"{STRUCTURED}+json; charset=UTF-8".encode()),)


def binary(event: Event) -> Written:
    """The attributes in headers, `data` as the value. Raises ValueError for what CloudEvents cannot carry."""
    attributes = dict(_attributes(event)) | {"subject": quote(event.call_id, safe="")}
    headers = [
        ("ce_specversion", b"1.0"),
        *((f"ce_{name}", _text(said)) for name, said in attributes.items()),
    ]
    return json_bytes(event.data), (*headers, ("content-type", _JSON))


def _attributes(event: Event) -> Iterator[tuple[str, Any]]:
    """The attributes that are there. Names are as `schemas/encodings/cloudevents.py` reads them."""
    if not event.source:
        raise ValueError("found no source; expected one: CloudEvents wants it")
    known = {
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.call_id,
        "time": moment(event.occurred_at),
        "agentid": event.agent_id,
        "workflowid": event.workflow_id,
        "workflowversion": event.workflow_version,
        "sessionid": event.session_id,
        "istest": event.is_test,
        "seq": event.seq,
        "attempt": event.attempt,
        "direction": event.direction,
        "channel": event.channel,
        "traceparent": event.traceparent,
    }
    for name, said in event.extra.items():
        if not (name.isascii() and name.isalnum() and name.islower()) or not isinstance(
            said, str | int | bool
        ):
            raise ValueError(
                f"found a field {name[:60]!r}; expected a name in lower case letters and digits and a value that is "
                "no object: CloudEvents carries no other"
            )
        known.setdefault(name, said)
    return ((name, said) for name, said in known.items() if said is not None)


def _text(said: Any) -> bytes:
    return str(said).lower().encode() if isinstance(said, bool) else str(said).encode()
