"""The download of a store that has no addresses of its own."""

import json
from datetime import timedelta

import pytest
from django.core.checks import run_checks
from django.utils import timezone

from config import settings as configured
from persistence.archive.objects import PREFIX
from persistence.archive.store import configured_sink
from persistence.claim_check.store import claims_store, token_of

pytestmark = pytest.mark.urls("tests.persistence.claim_check.urls")

KEY = "v1/019358/019358f2-7a10-7000-8000-0123456789ab.json"
BODY = json.dumps({"said": "<script>olá</script>"}).encode()


@pytest.fixture(autouse=True)
def stored(claims):
    claims_store().put_if_absent(KEY, BODY)


def token(key=KEY, **lasts):
    return token_of(key, timezone.now() + timedelta(**lasts or {"days": 1}))


def test_a_token_of_ours_opens_its_object_and_nothing_in_it_runs(client):
    answer = client.get(f"/claims/{token()}")
    assert (answer.status_code, answer.content) == (200, BODY)
    assert answer["Content-Type"] == "application/json"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]


def test_the_same_object_and_time_have_the_same_token():
    until = timezone.now()
    assert token_of(KEY, until) == token_of(KEY, until)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda: "x", id="no-token"),
        pytest.param(lambda: token()[:-1], id="cut"),
        pytest.param(lambda: "A" + token(), id="longer"),
        pytest.param(lambda: token(seconds=-1), id="expired"),
        pytest.param(lambda: token("v1/019358/other.json"), id="no-such-object"),
        pytest.param(lambda: token().upper(), id="upper-case"),
        pytest.param(lambda: "%00", id="nul"),
        pytest.param(lambda: "é" * 50, id="not-ascii"),
        pytest.param(lambda: "x" * 5000, id="long"),
    ],
)
def test_everything_else_is_not_found(client, wrong):
    answer = client.get(f"/claims/{wrong()}")
    assert answer.status_code == 404
    assert b"said" not in answer.content


def test_a_token_that_another_secret_signed_is_not_found(client, settings):
    theirs = token()
    settings.SECRET_KEY = "another-secret-" + "1" * 40
    assert client.get(f"/claims/{theirs}").status_code == 404
    settings.SECRET_KEY_FALLBACKS = ["development-only-not-a-secret-" + "0" * 32]
    assert client.get(f"/claims/{theirs}").status_code == 200


def test_nothing_can_be_sent_there(client):
    assert client.post(f"/claims/{token()}").status_code == 405
    assert claims_store().get(KEY) == BODY


def test_a_store_that_does_not_answer_asks_for_patience(client, in_s3):
    in_s3.fail("status", status=503)
    answer = client.get(f"/claims/{token()}")
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")


@pytest.mark.parametrize(
    ("name", "value", "check_id"),
    [
        ("CLAIM_CHECK_URL", "ftp://x", "persistence.E005"),
        ("PUBLIC_URL", "holdfast.example", "persistence.E006"),
        ("PUBLIC_URL", "", "persistence.W001"),
    ],
)
def test_a_setting_that_cannot_work_is_named_by_a_system_check(settings, name, value, check_id):
    setattr(settings, name, value)
    assert check_id in [found.id for found in run_checks()]


def test_s3_needs_no_public_address(settings, in_s3):
    settings.PUBLIC_URL = ""
    assert not [found for found in run_checks() if found.id == "persistence.W001"]


def test_claims_lie_below_the_archive_and_the_archive_does_not_take_them_for_its_own(settings, tmp_path):
    assert f"{configured.ARCHIVE_URL}/claims" == configured.CLAIM_CHECK_URL
    settings.ARCHIVE_URL = (tmp_path / "archive").as_uri()
    settings.CLAIM_CHECK_URL = f"{settings.ARCHIVE_URL}/claims"
    claims_store().put_if_absent(KEY, BODY)
    sink = configured_sink()
    assert [found.key for found in sink.list()] == [f"claims/{KEY}"]
    assert list(sink.list(PREFIX)) == []
