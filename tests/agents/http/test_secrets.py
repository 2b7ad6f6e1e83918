"""Secrets are found where operators put them, and never come back with an answer."""

from base64 import b64encode, urlsafe_b64encode
from json import dumps
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agents.http.mask import MASK, Mask
from agents.http.secrets import Secrets, UnknownSecret
from schemas.delivery import Secret


def test_a_secret_comes_from_the_environment_then_a_named_file_then_the_folder(tmp_path: Path) -> None:
    (tmp_path / "A").write_text("folder\n")
    (tmp_path / "other").write_text("file\r\n")
    environment: dict[str, str] = {}
    secrets = Secrets(environment, tmp_path)
    assert secrets.value("A") == "folder"
    environment["POSTCALL_SECRET_A_FILE"] = str(tmp_path / "other")
    assert secrets.value("A") == "file"
    environment["POSTCALL_SECRET_A"] = "plain"
    assert secrets.value("A") == "plain"


def test_a_rotated_file_is_in_force_at_once(tmp_path: Path) -> None:
    secrets = Secrets({}, tmp_path)
    (tmp_path / "A").write_text("old")
    assert secrets.value("A") == "old"
    (tmp_path / "A").write_text("new")
    assert secrets.value("A") == "new"


def test_a_folder_that_is_swapped_whole_as_kubernetes_does_it_is_in_force_at_once(tmp_path: Path) -> None:
    for version in ("old", "new"):
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}" / "A").write_text(version)
    (tmp_path / "..data").symlink_to("..old")
    (tmp_path / "A").symlink_to("..data/A")
    secrets = Secrets({}, tmp_path)
    assert secrets.value("A") == "old"
    (tmp_path / "..swapped").symlink_to("..new")
    (tmp_path / "..swapped").rename(tmp_path / "..data")
    assert secrets.value("A") == "new"


def test_all_of_one_attempt_sees_one_value_of_a_secret(tmp_path: Path) -> None:
    (tmp_path / "A").write_text("old")
    opened = Secrets({}, tmp_path).opened()
    assert opened.text((Secret("A"),)) == "old"
    (tmp_path / "A").write_text("new")
    assert opened.text(("x ", Secret("A"))) == "x old"
    assert opened.values == {"old"}


@pytest.mark.parametrize(
    "name", ["NONE", "../A", "A/../A", "", ".", "A_FILE", "a b", "Ä", "A\n", "DIRECTORY"]
)
def test_a_name_that_leads_to_nothing_is_unknown(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder" / "DIRECTORY").mkdir(parents=True)
    (tmp_path / "A").write_text("outside")
    with pytest.raises(UnknownSecret):
        Secrets({"POSTCALL_SECRET_A_FILE": str(tmp_path / "A")}, tmp_path / "folder").value(name)


def test_only_references_are_resolved_never_text_that_looks_like_one() -> None:
    secrets = Secrets({"POSTCALL_SECRET_A": "hunter2"})
    assert secrets.opened().text(("{{ secrets.A }} ", Secret("A"))) == "{{ secrets.A }} hunter2"


def test_secrets_are_not_shown() -> None:
    assert "hunter2" not in repr(Secrets({"POSTCALL_SECRET_A": "hunter2"}))


SECRET = some.text(min_size=4, max_size=40).filter(lambda text: text.isprintable() and text.strip("*"))


@given(SECRET, some.text(max_size=5), some.text(max_size=5))
def test_no_spelling_of_a_secret_stays_in_an_answer(secret: str, before: str, after: str) -> None:
    encoded = b64encode(secret.encode()).decode()
    for spelling in (secret, encoded, encoded.rstrip("="), quote(secret, safe=""), dumps(secret)[1:-1]):
        masked = Mask([secret])({"a": [before + spelling + after], spelling: 1})
        assert MASK in masked["a"][0]
        assert spelling not in masked


def test_a_secret_that_comes_back_as_a_number_is_masked() -> None:
    assert Mask(["12345"])({"pin": 12345, "on": True, "off": None, "n": 1}) == {
        "pin": MASK,
        "on": True,
        "off": None,
        "n": 1,
    }


@given(some.recursive(some.none() | some.booleans() | some.integers() | some.text(), some.lists))
def test_without_secrets_an_answer_stays_what_it_is(value: object) -> None:
    assert Mask([""])(value) == value


@given(
    some.binary(max_size=9),
    some.text(some.characters(min_codepoint=33, max_codepoint=126), min_size=8),
    some.binary(max_size=9),
)
def test_a_secret_is_masked_wherever_it_lies_within_base64(before: bytes, secret: str, after: bytes) -> None:
    whole = before + secret.encode() + after
    for encode in (b64encode, urlsafe_b64encode):
        told = Mask([secret])(encode(whole).decode())
        assert MASK in told
        # At either edge a sign may mix bits of the secret with what stands beside it.
        assert len(told) - len(MASK) <= (len(before) + len(after)) * 4 / 3 + 8
