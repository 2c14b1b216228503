"""The contract of every help desk, the other way round: what desks post to us. See ``test_connectors``."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from handoff.connectors.port import Connector, NotAuthentic, Unreadable
from tests.contracts.desk_cases import CASE, NOW, WRONG_SECRET, Fake, hostile_texts, opened
from tests.fakes.desk.base import Told

pytestmark = pytest.mark.usefixtures("loopback_is_allowed")


@pytest.mark.parametrize("kind", ["reply", "note", "status", "assigned"])
def test_what_the_desk_tells_is_heard(adapter: Connector, fake: Fake, kind: str) -> None:
    if kind not in fake.tells:
        pytest.skip("this desk does not tell that")
    told = Told(kind, CASE, opened(adapter, fake), text="We are looking into it.", status="closed")
    heard, *_ = adapter.receive(fake.desk(), *fake.says(told, NOW), NOW)
    assert heard.kind == kind
    assert heard.case_id == CASE or heard.external_id == told.external_id
    assert heard.delivery_id
    if kind in ("reply", "note"):
        assert (heard.text, heard.author) == (told.text, told.author)
    if kind == "status":
        assert heard.status == "closed"
        assert heard.at == NOW
    if kind == "assigned":
        assert heard.author == told.author


def test_the_same_telling_twice_has_the_same_id_and_another_one_has_another(
    adapter: Connector, fake: Fake
) -> None:
    told = Told("reply", CASE, opened(adapter, fake))
    other = replace(told, delivery_id="delivery-2")
    ids = [
        adapter.receive(fake.desk(), *fake.says(one, at), at)[0].delivery_id
        for one, at in ((told, NOW), (told, NOW + timedelta(seconds=90)), (other, NOW))
    ]
    assert ids[0] == ids[1] != ids[2]


def test_our_own_doing_that_comes_back_is_ignored(adapter: Connector, fake: Fake) -> None:
    told = Told("reply", CASE, opened(adapter, fake), echo=True)
    assert [heard.kind for heard in adapter.receive(fake.desk(), *fake.says(told, NOW), NOW)] == ["ignored"]


def test_while_secrets_are_exchanged_either_is_accepted(adapter: Connector, fake: Fake) -> None:
    told = Told("reply", CASE, opened(adapter, fake))
    desk = fake.desk()
    old = desk.secret(fake.inbound_secret)
    changing = replace(desk, secrets={**desk.secrets, fake.inbound_secret: (WRONG_SECRET, old)})
    for secret in (WRONG_SECRET, old):
        posted = fake.says(replace(told, case_id=CASE), NOW, secret=secret)
        assert adapter.receive(changing, *posted, NOW)[0].kind == "reply"


def refusal(adapter: Connector, fake: Fake, headers: dict[str, str], body: bytes, at: Any = NOW) -> str:
    with pytest.raises(NotAuthentic) as refused:
        adapter.receive(fake.desk(), headers, body, at)
    return refused.value.code


def test_a_post_without_a_signature_is_refused(adapter: Connector, fake: Fake) -> None:
    headers, body = fake.says(Told("reply", CASE, opened(adapter, fake)), NOW)
    unsigned = {name: value for name, value in headers.items() if "signature" not in name}
    assert unsigned != headers
    assert refusal(adapter, fake, unsigned, body) == "signature_missing"
    assert refusal(adapter, fake, {}, body) == "signature_missing"


def test_a_post_that_somebody_else_signed_is_refused(adapter: Connector, fake: Fake) -> None:
    told = Told("reply", CASE, opened(adapter, fake))
    assert refusal(adapter, fake, *fake.says(told, NOW, secret=WRONG_SECRET)) == "signature_wrong"


def test_a_post_that_was_changed_on_the_way_is_refused(adapter: Connector, fake: Fake) -> None:
    headers, body = fake.says(Told("reply", CASE, opened(adapter, fake)), NOW)
    for changed in (body + b" ", body[:-1], body.swapcase(), b""):
        assert refusal(adapter, fake, headers, changed) == "signature_wrong"


@pytest.mark.parametrize(
    "signature", ["", " ", "v1", "v1,", ",", "v1,é", "v1,AAAA", "sha1=", "sha256=00", "=", "\ud800"]
)
def test_a_signature_that_is_none_is_refused(adapter: Connector, fake: Fake, signature: str) -> None:
    headers, body = fake.says(Told("reply", CASE, opened(adapter, fake)), NOW)
    forged = {name: signature if name.endswith("signature") else value for name, value in headers.items()}
    assert refusal(adapter, fake, forged, body) in ("signature_wrong", "signature_missing")


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_post_from_beyond_the_window_is_refused(adapter: Connector, fake: Fake, minutes: int) -> None:
    if not fake.signs_time:
        pytest.skip("this desk signs no time")
    posted = fake.says(Told("reply", CASE, opened(adapter, fake)), NOW)
    assert refusal(adapter, fake, *posted, NOW + timedelta(minutes=minutes)) == "signature_expired"
    assert adapter.receive(fake.desk(), *posted, NOW + timedelta(minutes=minutes * 2 // 3))


@pytest.mark.parametrize("timestamp", ["", "now", "1e9", "-1", "9" * 400, "1.5", "٣", "\x00"])
def test_a_time_that_is_none_is_refused(adapter: Connector, fake: Fake, timestamp: str) -> None:
    if not fake.signs_time:
        pytest.skip("this desk signs no time")
    headers, body = fake.says(Told("reply", CASE, opened(adapter, fake)), NOW)
    forged = {name: timestamp if name.endswith("timestamp") else value for name, value in headers.items()}
    assert forged != headers
    refusal(adapter, fake, forged, body)


def test_an_old_post_under_a_new_id_is_refused_where_the_id_is_signed(adapter: Connector, fake: Fake) -> None:
    if not fake.signs_id:
        pytest.skip("this desk does not sign the id")
    headers, body = fake.says(Told("reply", CASE, opened(adapter, fake)), NOW)
    assert refusal(adapter, fake, headers | {"webhook-id": "another"}, body) == "signature_wrong"


def test_without_a_secret_nobody_is_believed(adapter: Connector, fake: Fake) -> None:
    posted = fake.says(Told("reply", CASE, opened(adapter, fake)), NOW)
    for nothing in ((), ("",)):
        bare = replace(fake.desk(), secrets={**fake.desk().secrets, fake.inbound_secret: nothing})
        with pytest.raises(NotAuthentic):
            adapter.receive(bare, *posted, NOW)


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"\xff\xfe", b"null", b"[]", b"{}", b'{"a":', b"[" * 100_000, b'"x"', b"NaN"]
)
def test_an_authentic_post_that_cannot_be_read_is_refused_by_the_name_of_a_field(
    adapter: Connector, fake: Fake, body: bytes
) -> None:
    with pytest.raises(Unreadable) as refused:
        adapter.receive(fake.desk(), fake.sign(body, NOW), body, NOW)
    assert refused.value.field and refused.value.message


@pytest.mark.parametrize("text", hostile_texts(), ids=range(len(hostile_texts())))
def test_whatever_an_agent_writes_is_heard_as_text_that_can_be_stored_or_refused_by_name(
    adapter: Connector, fake: Fake, text: str
) -> None:
    told = Told("reply", CASE, opened(adapter, fake), text=text)
    try:
        heard, *_ = adapter.receive(fake.desk(), *fake.says(told, NOW), NOW)
    except Unreadable as refused:
        assert refused.field
        assert not text.strip(" \t\r\n\u00a0\u3000\u200b") or len(text) > 60_000
        return
    heard.text.encode("utf-8")
    assert heard.text.strip() and "\x00" not in heard.text


@pytest.mark.parametrize(
    "name_of_case", ["", "x", "../../etc/passwd", "'; DROP TABLE x;--", "\ud800", "9" * 4000]
)
def test_a_case_that_is_none_is_refused_or_not_found_never_an_accident(
    adapter: Connector, fake: Fake, name_of_case: str
) -> None:
    told = Told("reply", None, name_of_case)
    try:
        heard = adapter.receive(fake.desk(), *fake.says(told, NOW), NOW)
    except Unreadable as refused:
        assert refused.field
    else:
        assert all(one.case_id is None for one in heard)
