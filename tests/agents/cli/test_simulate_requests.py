"""The request that a node comes to: method, URL, headers, body, types, and what stands for missing data."""

from typing import Any

import pytest

from tests.agents.cli.simulating import Json, api, call, delivery, judged

VARIABLES: Json = {
    "s": 'he said "hi" & <left>\n',
    "n": 5,
    "f": 2.5,
    "yes": True,
    "no": None,
    "list": [1, "b"],
}
VARIABLES |= {
    "deep": {"x": 1},
    "path": "a b/c?d=e&f#g%ü",
    "dots": "..",
    "lines": "a\r\nX-Evil: 1",
    "empty": "",
}
VARIABLES |= {"template": "{{ secrets.KEY }}", "snow": "☃", "umlaut": "ü"}
ENDED = (
    call()
    .node("resolved")
    .says("variables.updated", variables=VARIABLES)
    .ended("end_node", duration_seconds=0)
)


def sent(**node: Any) -> Json:
    return delivery(judged(ENDED, api("crm", **node)), "crm")


def leaf(text: Any, **node: Any) -> Any:
    return sent(body={"v": text}, **node)["body"].get("v", "(left out)")


LEAVES = [
    ("{{ variables.n }}", 5),
    ("{{ variables.f }}", 2.5),
    ("{{ variables.yes }}", True),
    ("{{ variables.no }}", None),
    ("{{ variables.list }}", [1, "b"]),
    ("{{ variables.deep }}", {"x": 1}),
    ("{{ variables.s }}", VARIABLES["s"]),
    ("{{ variables.empty }}", ""),
    ("{{ n }}", 5),
    ("{{n}}", 5),
    ("n={{ n }}", "n=5"),
    ("{{ n }}{{ n }}", "55"),
    (" {{ n }}", " 5"),
    ("{{ call.duration_seconds }}", 0),
    ("{{ s }} {{ yes }}", VARIABLES["s"] + " true"),
    ("{{ variables.template }}", "{{ secrets.KEY }}"),
    ("{{ nothing | default: 'x' }}", "x"),
    ("{{ nothing|there }}", "there"),
    ("{{ nothing | there }}", "there"),
    ("{{ variables.nothing | default: 7 }}", 7),
    ("{{ s | upcase }}", VARIABLES["s"].upper()),
    ("{{ list | join: '-' }}", "1-b"),
    ("{% if yes %}a{% else %}b{% endif %}", "a"),
    ("{% for x in list %}{{ x }},{% endfor %}", "1,b,"),
    ("plain", "plain"),
    (7, 7),
    (None, None),
    (True, True),
    ([1, "{{ n }}", {"x": "{{ yes }}"}], [1, 5, {"x": True}]),
]


@pytest.mark.parametrize(("text", "value"), LEAVES)
def test_a_leaf_is_rendered_and_one_expression_alone_keeps_its_type(text: Any, value: Any) -> None:
    shown = leaf(text)
    assert (shown, type(shown)) == (value, type(value))


MISSING = [
    (None, {"a": "{{ x }}", "b": ["{{ x }}", 1], "c": "c{{ x }}"}, {"b": [None, 1], "c": "c"}),
    ("omit", {"a": "{{ x }}", "b": ["{{ x }}", 1], "c": "c{{ x }}"}, {"b": [None, 1], "c": "c"}),
    ("null", {"a": "{{ x }}", "b": ["{{ x }}", 1]}, {"a": None, "b": [None, 1]}),
    ("empty", {"a": "{{ x }}", "b": ["{{ x }}", 1], "c": "c{{ x }}"}, {"a": "", "b": ["", 1], "c": "c"}),
    ("omit", {"a": "{{ variables.no }}", "d": {"e": "{{ variables.deep.y }}"}}, {"a": None, "d": {}}),
]


@pytest.mark.parametrize(("policy", "body", "came"), MISSING)
def test_what_stands_for_missing_data(policy: str | None, body: Json, came: Json) -> None:
    shown = sent(body=body, **({} if policy is None else {"missing": policy}))
    assert (shown["body"], shown["result"]) == (came, "done")


def test_every_missing_path_is_listed_once() -> None:
    shown = sent(
        body={"a": "{{ x }}{{ variables.x }}", "b": "{{ call.from }}", "c": "{{ n }}"},
        headers={"X-A": "{{ variables.deep.y }}"},
    )
    assert sorted(shown["missing"]) == ["call.from", "variables.deep.y", "variables.x"]
    assert sent(body={"a": "{{ n }}"})["missing"] == []


def test_a_default_is_not_missing() -> None:
    assert sent(body={"a": "{{ x | default: 'y' }}"})["missing"] == []


def test_under_error_a_node_is_dead_without_an_attempt() -> None:
    shown = sent(body={"a": "{{ x }}"}, missing="error")
    assert (shown["result"], shown["attempts"]) == ("dead", [])


def test_missing_in_a_url_is_an_error_by_default() -> None:
    url = "https://api.example.com/{{ x }}"
    assert (sent(url=url)["result"], sent(url=url)["attempts"]) == ("dead", [])
    assert sent(url=url, missing="empty")["url"] == "https://api.example.com/"


# URL
URLS = [
    ("https://a.example.com/{{ path }}", "https://a.example.com/a%20b%2Fc%3Fd%3De%26f%23g%25%C3%BC"),
    ("https://a.example.com/?q={{ n }}&r={{ yes }}", "https://a.example.com/?q=5&r=true"),
    ("https://a.example.com/x/{{ snow }}/y", "https://a.example.com/x/%E2%98%83/y"),
]


@pytest.mark.parametrize(("url", "came"), URLS)
def test_what_goes_into_a_url_is_percent_encoded(url: str, came: str) -> None:
    assert sent(url=url)["url"] == came


def test_a_query_value_cannot_leave_its_place() -> None:
    url = sent(url="https://a.example.com/?q={{ path }}&z=1")["url"]
    assert (url[:26], url[-4:]) == ("https://a.example.com/?q=a", "&z=1")
    assert [url.count(sign) for sign in "?&# "] == [1, 1, 0, 0]


@pytest.mark.parametrize("url", ["https://a.example.com/{{ dots }}/x", "https://a.example.com/x/{{ dots }}"])
def test_dots_as_a_whole_segment_are_an_error(url: str) -> None:
    assert (sent(url=url)["result"], sent(url=url)["attempts"]) == ("dead", [])


def test_dots_in_a_longer_segment_are_none() -> None:
    assert sent(url="https://a.example.com/v{{ dots }}x")["url"] == "https://a.example.com/v..x"


def test_secrets_are_shown_by_their_names() -> None:
    shown = sent(url="https://a.example.com/{{ secrets.KEY }}/x", headers={"X-Key": "k {{ secrets.OTHER }}"})
    headers = {name.lower(): value for name, value in shown["headers"].items()}
    assert (shown["url"], headers["x-key"]) == ("https://a.example.com/***KEY***/x", "k ***OTHER***")


# Headers
def test_a_header_is_rendered() -> None:
    headers = {
        name.lower(): value
        for name, value in sent(headers={"X-A": "n {{ n }} {{ umlaut }}"})["headers"].items()
    }
    assert headers["x-a"] == "n 5 ü"


@pytest.mark.parametrize("name", ["lines", "snow"])
def test_what_no_header_may_hold_is_an_error(name: str) -> None:
    shown = sent(headers={"X-A": "{{ " + name + " }}"})
    assert (shown["result"], shown["attempts"]) == ("dead", [])


def test_a_request_has_its_own_headers() -> None:
    headers = {name.lower(): value for name, value in sent()["headers"].items()}
    assert headers["idempotency-key"] == headers["webhook-id"]
    assert "." not in headers["webhook-id"]
    assert headers["user-agent"].startswith("postcall/")
    assert headers["postcall-call-id"] == "c1"
    assert {"traceparent", "postcall-event"} <= set(headers)


def test_a_call_id_is_percent_encoded_in_its_header() -> None:
    story = call("a b/ü#2").node("resolved").ended("end_node")
    headers = delivery(judged(story), "crm")["headers"]
    assert headers["postcall-call-id"] == "a%20b%2F%C3%BC%232"


AUTHS = [
    ({"type": "none"}, None),
    ({"type": "bearer", "token": "{{ secrets.T }}"}, ("authorization", "Bearer ***T***")),
    ({"type": "api_key", "name": "X-Key", "value": "{{ secrets.T }}", "in": "header"}, ("x-key", "***T***")),
]


@pytest.mark.parametrize(("auth", "header"), AUTHS)
def test_auth_is_shown_with_its_secret_by_name(auth: Json, header: tuple[str, str] | None) -> None:
    headers = {name.lower(): value for name, value in sent(auth=auth)["headers"].items()}
    assert header is None or headers[header[0]] == header[1]


def test_an_api_key_may_stand_in_the_query() -> None:
    auth = {"type": "api_key", "name": "key", "value": "{{ secrets.T }}", "in": "query"}
    assert (
        sent(url="https://a.example.com/x?y=1", auth=auth)["url"] == "https://a.example.com/x?y=1&key=***T***"
    )


# Bodies and methods
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_node_has_its_method(method: str) -> None:
    assert sent(method=method)["method"] == method
    assert sent()["method"] == "POST"


def test_without_a_body_none_is_sent() -> None:
    assert sent()["body"] is None


def test_a_text_body_is_rendered_as_text() -> None:
    shown = sent(body="n={{ n }} {{ x }}.", headers={"Content-Type": "text/plain"})
    assert (shown["body"], shown["missing"]) == ("n=5 .", ["variables.x"])


def test_a_form_body_is_escaped_as_one() -> None:
    shown = sent(body="a={{ path }}&b={{ n }}", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert shown["body"] == "a=a+b%2Fc%3Fd%3De%26f%23g%25%C3%BC&b=5"


def test_a_json_text_body_is_escaped_as_json() -> None:
    shown = sent(body='{"a": "{{ s }}"}', headers={"Content-Type": "application/json"})
    assert shown["body"] == {"a": VARIABLES["s"]}


def test_what_the_conversation_says_is_never_a_template() -> None:
    shown = sent(url="https://a.example.com/?q={{ template }}", headers={"X-A": "{{ template }}"})
    assert "***" not in shown["url"] + str(shown["headers"])
