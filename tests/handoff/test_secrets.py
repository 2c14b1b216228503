"""Endpoints' secrets at rest: what is sealed opens under its key, and under no other."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.secrets import SecretsUnreadable, is_outdated, new_signing_secret, seal, unseal

OTHER = "another-key-that-was-used-before-" + "x" * 20
values = st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=3).map(tuple)


@given(st.dictionaries(st.text(min_size=1, max_size=20), values, max_size=4))
def test_what_is_sealed_comes_back_as_it_was(secrets):
    assert unseal(seal(secrets)) == secrets


def test_a_secret_cannot_be_read_off_what_is_stored():
    sealed = seal({"signing": ("whsec_c2VjcmV0",)})
    assert b"whsec_c2VjcmV0" not in sealed
    assert b"whsec_c2VjcmV0" not in base64.urlsafe_b64decode(sealed)


def test_the_database_driver_may_hand_over_a_view():
    assert unseal(memoryview(seal({"a": ("b",)}))) == {"a": ("b",)}


def test_nothing_sealed_is_no_secret():
    assert seal({}) == seal({"signing": ()}) == b""
    assert unseal(b"") == {}


def test_after_an_exchange_of_the_key_the_former_one_still_opens(settings):
    before = settings.SECRET_KEY
    sealed = seal({"signing": ("old",)})
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OTHER, [before]
    assert unseal(sealed) == {"signing": ("old",)}
    assert is_outdated(sealed)
    again = seal(unseal(sealed))
    settings.SECRET_KEY_FALLBACKS = []
    assert unseal(again) == {"signing": ("old",)}
    assert not is_outdated(again)


def test_without_the_former_key_the_error_says_what_to_do(settings):
    sealed = seal({"signing": ("old",)})
    settings.SECRET_KEY = OTHER
    with pytest.raises(SecretsUnreadable, match="SECRET_KEY_FALLBACKS"):
        unseal(sealed)


@pytest.mark.parametrize(
    "damaged",
    [b"x", b"gAAAA", b"\xff\x00", seal({"a": ("b",)})[:-3]],
    ids=["a letter", "a beginning", "no text", "cut"],
)
def test_damage_is_told_apart_from_emptiness(damaged):
    with pytest.raises(SecretsUnreadable):
        unseal(damaged)


def test_a_made_secret_has_the_form_of_standard_webhooks_and_is_never_made_twice():
    made = {new_signing_secret() for _ in range(50)}
    assert len(made) == 50
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32 for secret in made)
