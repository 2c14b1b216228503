"""The receiver's side."""

import hashlib

import pytest

from persistence.claim_check import ClaimDiffers, fetch, fetch_bytes

BODY = '{"said":"olá"}'.encode()
CHECK = {
    "key": "v1/a.json",
    "url": "https://x.example/a",
    "bytes": len(BODY),
    "sha256": hashlib.sha256(BODY).hexdigest(),
}


class Shelf:
    def get(self, key: str) -> bytes:
        return {"v1/a.json": BODY}[key]


def test_what_was_claimed_comes_back_from_the_address_or_from_the_store():
    assert fetch(CHECK, get={"https://x.example/a": BODY}.__getitem__) == {"said": "olá"}
    assert fetch(CHECK, store=Shelf()) == {"said": "olá"}
    assert fetch_bytes(CHECK, store=Shelf()) == BODY


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", "claim_size"), (BODY + b" ", "claim_size"), (BODY.replace(b"said", b"sald"), "claim_digest")],
)
def test_other_bytes_are_refused(body, code):
    with pytest.raises(ClaimDiffers) as refused:
        fetch(CHECK, get=lambda url: body)
    assert refused.value.code == code


@pytest.mark.parametrize("missing", ["url", "bytes", "sha256"])
def test_what_is_no_claim_check_is_refused_before_anything_is_fetched(missing):
    fetched = []
    with pytest.raises(ValueError, match="no claim check"):
        fetch({name: value for name, value in CHECK.items() if name != missing}, get=fetched.append)
    assert not fetched


def test_one_way_to_fetch_has_to_be_given():
    for ways in ({}, {"get": lambda url: BODY, "store": Shelf()}):
        with pytest.raises(TypeError, match="one of them"):
            fetch(CHECK, **ways)
