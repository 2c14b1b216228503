"""Hashes of session ids and requests: stable, told apart, rotated; and secrets that never show."""

import hashlib
import hmac
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from persistence.privacy.hashing import (
    HashSecrets,
    UnknownHashVersionError,
    fingerprint,
    hash_session,
    parse_secrets,
    secrets_from_settings,
)

OLD, NEW = "an-old-secret-of-25-chars", "a-new-secret-of-25-charss"
PARTS = st.tuples(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))


def session(secrets: HashSecrets, version: int | None = None, **parts: str) -> bytes:
    names = {"domain": "shop", "channel": "web", "session_id": "s-1"} | parts
    return hash_session(secrets, **names, version=version)


def request(secrets: HashSecrets, said: Sequence[str], version: int | None = None) -> bytes:
    return fingerprint(secrets, domain="shop", channel="web", session_id="s-1", said=said, version=version)


def test_one_secret_is_version_1() -> None:
    assert parse_secrets(OLD).current == (1, OLD.encode())


def test_the_first_of_several_versions_is_the_current_one() -> None:
    secrets = parse_secrets(f"2:{NEW},1:{OLD}")
    assert secrets.current == (2, NEW.encode())
    assert secrets.versions == (2, 1)


def test_spaces_around_entries_do_not_belong_to_a_secret() -> None:
    assert parse_secrets(f" 2:{NEW} , 1: {OLD}\n").by_version == {2: NEW.encode(), 1: OLD.encode()}
    assert parse_secrets(f"{OLD}\n").current == (1, OLD.encode())


def test_a_single_secret_may_hold_commas_and_colons() -> None:
    assert parse_secrets("key:with,commas,and:colons").current == (1, b"key:with,commas,and:colons")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("tooshort", "version 1 has fewer than 16 characters"),
        (f"2:tooshort,1:{OLD}", "version 2 has fewer than 16 characters"),
        (f"2:{NEW},2:{OLD}", "names version 2 twice"),
        (f"2:{OLD},1:{OLD}", "repeats the secret of another version"),
        (f"2:{NEW},{OLD}", "entry 2 is not"),
        (f"2:{NEW},", "entry 2 is not"),
        (f"0:{NEW}", "entry 1 is not"),
        (f"32768:{NEW}", "entry 1 is not"),
    ],
)
def test_a_secret_that_makes_no_sense_is_refused_and_never_shown(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_secrets(text)
    shown = str(caught.value)
    assert OLD not in shown
    assert NEW not in shown
    assert "tooshort" not in shown


def test_the_settings_are_read_each_time_and_parsed_once(settings: Settings) -> None:
    settings.HASH_SECRET = f"2:{NEW},1:{OLD}"
    before = secrets_from_settings()
    assert before.versions == (2, 1)
    assert secrets_from_settings() is before
    settings.HASH_SECRET = OLD
    assert secrets_from_settings().current == (1, OLD.encode())


def test_secrets_do_not_show_in_a_representation() -> None:
    secrets = parse_secrets(f"2:{NEW},1:{OLD}")
    assert repr(secrets) == str(secrets) == "HashSecrets(versions=(2, 1))"


def test_a_hash_is_the_hmac_of_length_prefixed_parts_and_stays_so() -> None:
    parts = [b"session", b"shop", b"web", b"s-1"]
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert session(parse_secrets(OLD)) == hmac.new(OLD.encode(), message, hashlib.sha256).digest()


def test_an_old_version_finds_what_was_written_before_a_rotation() -> None:
    before, after = parse_secrets(OLD), parse_secrets(f"2:{NEW},1:{OLD}")
    assert session(after, version=1) == session(before)
    assert session(after) == session(after, version=2) != session(before)
    assert request(after, ["hi"], version=1) == request(before, ["hi"]) != request(after, ["hi"])


def test_a_version_that_is_gone_says_what_to_do_and_shows_no_secret() -> None:
    with pytest.raises(UnknownHashVersionError, match="holds no version 1") as caught:
        session(parse_secrets(f"2:{NEW}"), version=1)
    assert NEW not in str(caught.value)


@given(PARTS, PARTS)
def test_other_parts_give_another_hash(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    secrets = parse_secrets(OLD)
    hashes = [
        hash_session(secrets, domain=domain, channel=channel, session_id=session_id)
        for domain, channel, session_id in (one, other)
    ]
    assert (hashes[0] == hashes[1]) == (one == other)
    assert {len(digest) for digest in hashes} == {32}


@given(st.lists(st.text(max_size=4), max_size=3), st.lists(st.text(max_size=4), max_size=3))
def test_other_words_give_another_fingerprint(one: list[str], other: list[str]) -> None:
    secrets = parse_secrets(OLD)
    assert (request(secrets, one) == request(secrets, other)) == (one == other)


def test_moving_a_letter_between_parts_gives_another_hash() -> None:
    secrets = parse_secrets(OLD)
    assert session(secrets, domain="ab", channel="c") != session(secrets, domain="a", channel="bc")


def test_a_session_and_a_request_never_share_a_hash() -> None:
    secrets = parse_secrets(OLD)
    assert session(secrets) != request(secrets, [])
