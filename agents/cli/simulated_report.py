"""What a simulation prints: every call with its verdict, its reasons and its requests."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from schemas import wire
from schemas.calls import Rendered
from schemas.delivery import Attempted, Delivery, Request, Secret, Text
from schemas.workflow import ApiKey, Basic, Bearer, HmacAuth, Mtls, NoAuth, OAuth2
from streams.simulation import Told

if TYPE_CHECKING:
    from rich.console import Console

RESULTS: Final = ("applied", "duplicate", "ignored", "late", "unreadable")


def call_report(told: Told) -> dict[str, Any]:
    """One incarnation of a call, as `simulate --json` shows it."""
    outcome = told.outcome
    return {
        "call_id": told.call_id,
        "incarnation": told.incarnation,
        "verdict": None if outcome is None else outcome.verdict.value,
        "end_node_id": None if outcome is None else outcome.end_node_id,
        "reason": None if outcome is None else outcome.reason,
        "rule": None if outcome is None else outcome.rule,
        "flags": [] if outcome is None else list(outcome.flags),
        "synthetic": outcome is not None and outcome.synthetic,
        "upgrades": [
            {"from": one.before.value, "to": one.after.value, "rule": one.rule} for one in told.upgrades
        ],
        "deliveries": [
            _delivery(delivery, told.requests.get(delivery.delivery_id))
            for delivery in told.deliveries.values()
        ],
        "events": {result: told.events.get(result, 0) for result in RESULTS},
    }


def print_calls(calls: Iterable[Told], console: "Console") -> None:
    """The same for people: a line a call, a line a request."""
    for told in calls:
        report = call_report(told)
        name = told.call_id if told.incarnation == 1 else f"{told.call_id}#{told.incarnation}"
        ended = f" at {report['end_node_id']}" if report["end_node_id"] else ""
        flags = f" ({', '.join(report['flags'])})" if report["flags"] else ""
        verdict = report["verdict"] or "no verdict yet"
        console.print(
            f"{name}: {verdict}{ended}, {report['reason']}, rule {report['rule']}{flags}", markup=False
        )
        for one in report["upgrades"]:
            console.print(f"  upgraded from {one['from']} to {one['to']} by {one['rule']}", markup=False)
        for one in report["deliveries"]:
            why = f": {one['why']}" if one["why"] else ""
            attempts = ", ".join(str(each.get("status", each.get("error"))) for each in one["attempts"])
            tried = f" [{attempts}]" if attempts else ""
            console.print(
                f"  {one['kind']} {one['id']}: {one['result']}{why} {one['method']} {one['url'] or ''}{tried}",
                markup=False,
            )


def _delivery(delivery: Delivery, rendered: Rendered | None) -> dict[str, Any]:
    request = None if rendered is None else rendered.request
    return {
        "kind": delivery.kind,
        "id": delivery.id,
        "delivery_id": delivery.delivery_id,
        "method": delivery.method,
        **({"url": None, "headers": {}, "body": None} if request is None else shown(request)),
        "after": list(delivery.after),
        "planned_at": wire.moment(delivery.planned_at),
        "attempts": [_attempt(one) for one in delivery.attempts],
        "result": str(delivery.state),
        "why": delivery.why,
        "fault": delivery.fault,
        "missing": list(delivery.missing if rendered is None else rendered.missing),
    }


def shown(request: Request) -> dict[str, Any]:
    """The URL, headers and body of a request, its secrets by their names."""
    return {"url": _url(request), "headers": _headers(request), "body": _body(request)}


def _attempt(one: Attempted) -> dict[str, Any]:
    came_back = {"error": one.error} if one.status is None else {"status": one.status}
    return {"at": wire.moment(one.at), **came_back, "class": str(one.class_)}


def _headers(request: Request) -> dict[str, str]:
    """The headers that are the same on every attempt, secrets by name."""
    headers = {name: masked(text) for name, text in request.headers}
    fields = {name: masked(text) for name, text in request.auth_texts.items()}
    match request.auth:
        case Bearer():
            headers["authorization"] = f"Bearer {fields['token']}"
        case Basic():
            headers["authorization"] = f"Basic {fields['username']}:{fields['password']}"
        case OAuth2(client_id=_):
            headers["authorization"] = f"Bearer (a token for {fields['client_id']})"
        case ApiKey(name=name, place="header"):
            headers[name] = fields["value"]
        case HmacAuth(header=header, algorithm=algorithm):
            headers[header] = f"({algorithm} of the body with {fields['secret']})"
        case NoAuth() | Mtls() | ApiKey():
            pass
    return headers


def _url(request: Request) -> str:
    url = masked(request.url)
    if isinstance(request.auth, ApiKey) and request.auth.place == "query":
        key = f"{request.auth.name}={masked(request.auth_texts['value'])}"
        return f"{url}{'&' if '?' in url else '?'}{key}"
    return url


def _body(request: Request) -> Any:
    """The JSON value of a JSON body, else its text; None where there is none."""
    if not request.body:
        return None
    try:
        return wire.json_value(request.body)
    except ValueError:
        return request.body.decode("utf-8", "replace")


def masked(text: Text) -> str:
    """A rendered text with secrets shown by their names."""
    if len(text) == 1 and isinstance(text[0], str):
        return text[0]
    return "".join(f"***{one.name}***" if isinstance(one, Secret) else one for one in text)
