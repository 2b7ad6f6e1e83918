"""What a Post Call API node may not say: each refusal has the path of what is wrong."""

from typing import Any

import pytest

from tests.schemas.texts import URL, api, flow, node_faults, node_warnings, reading


def test_a_plain_node_has_no_fault() -> None:
    assert reading(flow(api())).errors == ()


@pytest.mark.parametrize("field", ["id", "type", "url"])
def test_a_node_without_what_is_required_is_refused(field: str) -> None:
    assert any(path.endswith(field) for path in node_faults(**{field: ...}))


@pytest.mark.parametrize("field", ["name", "url", "method"])
def test_text_is_asked_for_where_there_is_a_number(field: str) -> None:
    assert node_faults(**{field: 5})[field].startswith("found the number 5; expected ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("method", "FETCH"),
        ("method", "get"),
        ("missing", "ignore"),
        ("timeout", "0.5s"),
        ("timeout", "61s"),
        ("timeout", "soon"),
        ("timeout", 15),
        ("retry", "often"),
        ("retry", 3),
        ("rate", 0),
        ("rate", "10/s"),
        ("rate", True),
        ("retry_ambiguous", "no"),
        ("redirects", 1),
        ("headers", ["X-Team: support"]),
        ("extract", "$.id"),
        ("needs", "analytics"),
        ("start", "yes"),
        ("tls", True),
        ("signature", "sha1"),
        ("secret", []),
        ("auth", "bearer"),
        ("when", "always"),
    ],
)
def test_a_value_that_its_field_does_not_know_is_refused(field: str, value: Any) -> None:
    message = node_faults(**{field: value})[field]
    assert message.startswith("found ")
    assert "; expected " in message


RESERVED = (
    "Host content-length Transfer-Encoding connection Keep-Alive te trailer upgrade expect proxy-authorization "
    "cookie webhook-id Webhook-Signature postcall-call-id traceparent user-agent Idempotency-Key"
)


@pytest.mark.parametrize("name", RESERVED.split())
def test_a_reserved_header_is_refused_in_any_case(name: str) -> None:
    assert "reserved header" in node_faults(headers={name: "x"})[f"headers.{name}"]


@pytest.mark.parametrize("name", ["", "X Team", "X:Team", "X-Téam", "X\nTeam", "a" * 300])
def test_a_name_that_is_no_header_name_is_refused(name: str) -> None:
    assert any("found an odd header name" in message for message in node_faults(headers={name: "x"}).values())


def test_a_header_twice_in_two_spellings_is_refused() -> None:
    assert "a second time" in node_faults(headers={"X-Team": "a", "x-team": "b"})["headers.x-team"]


@pytest.mark.parametrize("value", ["a\nb", "a\r", "a\x00", "日本", 1.5, True, None, ["x"]])
def test_a_header_value_that_no_header_can_hold_is_refused(value: Any) -> None:
    assert "headers.X-Team" in node_faults(headers={"X-Team": value})


def test_a_whole_number_may_be_a_header() -> None:
    assert node_faults(headers={"X-Version": 2}) == {}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "//api.example.com",
        "ftp://api.example.com",
        "file:///etc/passwd",
        "http:/api.example.com",
        "https://",
        "https:///path",
        "https://me@api.example.com",
        "https://me:secret@api.example.com",
        "https://api.example.com:0/",
        "https://api.example.com:65536/",
        "https://api.example.com:x/",
        "https://api.example.com/a b",
        "https://api.example.com/a\nb",
        "https://api.example.com\\@evil.example.com/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.0.0.1.0x1/",
        "https://①②⑦.⓪.⓪.①/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://a%2eb/",
        "https://api.example.com/a/../b",
        "https://api.example.com/./b",
        "https://api.example.com/%2e%2E/b",
        "https://api.example.com/#part",
    ],
)
def test_a_bad_url_is_refused(url: str) -> None:
    assert "url" in node_faults(url=url)


def test_a_refused_url_is_not_quoted() -> None:
    message = node_faults(url="https://me:hunter2@api.example.com/hook/T0K3N")["url"]
    assert "hunter2" not in message
    assert "T0K3N" not in message


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "https://[2001:db8::1]:8443/x",
        "https://a.b.c:80",
        "https://x.example.com/a?b={{ c }}",
    ],
)
def test_a_good_url_is_accepted(url: str) -> None:
    assert node_faults(url=url) == {}


@pytest.mark.parametrize(
    "path",
    [
        "",
        "ticket.id",
        "$..id",
        "$.*",
        "$[*]",
        "$[1:2]",
        "$[?(@.a)]",
        "$.a[?match(@.b,'(a+)+b')]",
        "$.a-b",
        "$['a'",
    ],
)
def test_an_extract_path_with_more_than_names_and_positions_is_refused(path: str) -> None:
    assert "extract.id" in node_faults(extract={"id": path})


@pytest.mark.parametrize("path", ["$", "$.ticket.id", "$['a b'].c", '$["x"][0][-1]', "$.é"])
def test_an_extract_path_of_names_and_positions_is_accepted(path: str) -> None:
    assert node_faults(extract={"id": path}) == {}


@pytest.mark.parametrize(
    ("retry", "path"),
    [
        ({"schedule": "5s"}, "retry.schedule"),
        ({"schedule": ["5s", 30]}, "retry.schedule[1]"),
        ({"schedule": ["1s"] * 100}, "retry.schedule"),
        ({"attempts": 0}, "retry.attempts"),
        ({"attempts": 2.5}, "retry.attempts"),
        ({"base": "1s"}, "retry.attempts"),
        ({"attempts": 3, "base": "0s"}, "retry.base"),
        ({"attempts": 3, "base": "1m", "cap": "1s"}, "retry.cap"),
        ({"attempts": 3, "budget": "long"}, "retry.budget"),
    ],
)
def test_a_retry_of_another_shape_is_refused(retry: Any, path: str) -> None:
    assert path in node_faults(retry=retry)


@pytest.mark.parametrize(
    ("auth", "path"),
    [
        ({}, "auth.type"),
        ({"type": "digest"}, "auth.type"),
        ({"type": ["bearer"]}, "auth.type"),
        ({"type": "bearer"}, "auth.token"),
        ({"type": "bearer", "token": 5}, "auth.token"),
        ({"type": "basic", "username": "x"}, "auth.password"),
        ({"type": "api_key", "value": "{{ secrets.K }}"}, "auth.name"),
        ({"type": "api_key", "name": "Host", "value": "{{ secrets.K }}"}, "auth.name"),
        ({"type": "api_key", "name": "k", "value": "{{ secrets.K }}", "in": "cookie"}, "auth.in"),
        ({"type": "hmac", "secret": "{{ secrets.K }}"}, "auth.header"),
        ({"type": "hmac", "secret": "{{ secrets.K }}", "header": "webhook-signature"}, "auth.header"),
        (
            {"type": "hmac", "secret": "{{ secrets.K }}", "header": "X-S", "algorithm": "md5"},
            "auth.algorithm",
        ),
        ({"type": "oauth2_client_credentials", "client_id": "x", "client_secret": "y"}, "auth.token_url"),
        ({"type": "mtls", "cert": "x"}, "auth.key"),
    ],
)
def test_an_auth_of_another_shape_is_refused(auth: Any, path: str) -> None:
    assert path in node_faults(auth=auth)


@pytest.mark.parametrize(
    "token_url", ["ftp://x", "https://u:p@x/", "https://0x7f.1/", "https://{{ secrets.H }}/"]
)
def test_a_bad_token_url_is_refused(token_url: str) -> None:
    auth = {"type": "oauth2_client_credentials", "client_id": "x", "client_secret": "{{ secrets.S }}"}
    assert "auth.token_url" in node_faults(auth=auth | {"token_url": token_url})


@pytest.mark.parametrize(
    ("when", "path"),
    [
        ({}, "when"),
        ({"all": [], "any": []}, "when"),
        ({"all": []}, "when.all"),
        ({"all": {"path": "a"}}, "when.all"),
        ({"all": ["a"]}, "when.all[0]"),
        ({"all": [{"op": "eq", "value": 1}]}, "when.all[0].path"),
        ({"all": [{"path": "a", "value": 1}]}, "when.all[0].op"),
        ({"all": [{"path": "a", "op": "is", "value": 1}]}, "when.all[0].op"),
        ({"any": [{"path": "a", "op": "eq"}]}, "when.any[0].value"),
        ({"any": [{"path": "a", "op": "in", "value": 1}]}, "when.any[0].value"),
        ({"any": [{"path": "a", "op": "gt", "value": [1]}]}, "when.any[0].value"),
        ({"any": [{"path": "a", "op": "starts_with", "value": 1}]}, "when.any[0].value"),
        ({"any": [{"path": "a", "op": "exists", "value": "x"}]}, "when.any[0].value"),
        ({"any": [{"all": [{"path": "a", "op": "like", "value": 1}]}]}, "when.any[0].all[0].op"),
        ({"all": [{"path": "no such", "op": "exists"}]}, "when.all[0].path"),
        ({"all": [{"path": "foo.bar", "op": "exists"}]}, "when.all[0].path"),
        ({"all": [{"path": "secrets.KEY", "op": "exists"}]}, "when.all[0].path"),
    ],
)
def test_a_condition_of_another_shape_is_refused(when: Any, path: str) -> None:
    assert path in node_faults(when=when)


def test_a_signature_needs_a_secret_to_sign_with() -> None:
    assert "without secret" in node_faults(signature="x-signature")["signature"]
    assert node_faults(signature="x-signature", secret="{{ secrets.K }}") == {}


def test_an_unknown_key_is_a_warning_with_the_nearest_known_one() -> None:
    assert node_warnings(metod="GET") == {"metod": "found the unknown key 'metod'; expected method"}
    assert node_faults(metod="GET") == {}


@pytest.mark.parametrize("field", ["position", "data", "width", "selected", "sourcePosition", "parentId"])
def test_what_graph_editors_write_is_passed_over_in_silence(field: str) -> None:
    assert node_warnings(**{field: {"x": 1}}) == {}


def test_a_secret_in_plain_text_is_a_warning_that_does_not_quote_it() -> None:
    warnings = node_warnings(auth={"type": "bearer", "token": "hunter2"}, secret="whsec_hunter2")
    assert set(warnings) == {"auth.token", "secret"}
    assert "hunter2" not in str(warnings)


@pytest.mark.parametrize("kind", ["end-call", "post_call", "Post Call API", "endcall", "post_call_apis"])
def test_a_node_type_that_looks_misspelled_is_a_warning(kind: str) -> None:
    found = reading(flow({"id": "x", "type": kind}, edges="talk>x"))
    assert [warning.path for warning in found.warnings] == ["nodes[2].type"]


def test_all_faults_of_a_node_come_at_once() -> None:
    found = node_faults(
        url=URL + "/..", method="FETCH", timeout="2m", headers={"Host": "x"}, retry="x", missing="x"
    )
    assert set(found) == {"url", "method", "timeout", "headers.Host", "retry", "missing"}
