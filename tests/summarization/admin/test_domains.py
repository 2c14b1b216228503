"""How domains are summarised: set by those who may, and recall on the sampling page alone."""

import pytest

from summarization.models import DomainPolicy
from tests.admin_support import signed_in
from tests.summarization.admin.kit import DOMAINS

pytestmark = pytest.mark.django_db
MAY = tuple(f"summarization.{may}_domainpolicy" for may in ("view", "add", "change"))


def test_an_operator_sets_silence_and_switches_summaries_for_a_domain_of_theirs():
    client = signed_in(*MAY, domains=["demo"])
    form = {"domain": "demo", "summaries": "on", "silence_hours": "2", "recall": "on"}
    assert client.post(f"{DOMAINS}add/", form).status_code == 302
    policy = DomainPolicy.objects.get()
    assert (policy.domain, policy.summaries, policy.silence_hours, policy.recall) == ("demo", True, 2, False)
    address = f"{DOMAINS}{policy.pk}/change/"
    client.post(address, {"domain": "moved", "silence_hours": "", "recall": "on"})
    policy.refresh_from_db()
    assert (policy.domain, policy.summaries, policy.silence_hours, policy.recall) == (
        "demo",
        False,
        None,
        False,
    )
    body = client.get(DOMAINS).content.decode()
    assert "not made" in body and "as the settings say" in body and "summaryrating/?domain=demo" in body


def test_a_list_without_domains_says_what_that_means():
    body = signed_in(*MAY, domains=["demo"]).get(DOMAINS).content.decode()
    assert "No domain has rules of its own" in body


@pytest.mark.parametrize("hours", ["-1", "8761", "x", "9" * 30])
def test_a_silence_that_makes_no_sense_is_refused(hours):
    client = signed_in(*MAY, domains=["demo"])
    response = client.post(f"{DOMAINS}add/", {"domain": "demo", "silence_hours": hours})
    assert response.status_code == 200 and "silence_hours" in response.context["adminform"].form.errors
    assert not DomainPolicy.objects.exists()


def test_another_domain_can_neither_be_added_nor_seen_and_nothing_is_deleted():
    theirs = DomainPolicy.objects.create(domain="other")
    client = signed_in(*MAY, "summarization.delete_domainpolicy", domains=["demo"])
    for domain in ("other", "shop", "Not A Domain", ""):
        assert client.post(f"{DOMAINS}add/", {"domain": domain}).status_code == 200
    assert client.get(f"{DOMAINS}{theirs.pk}/change/").status_code == 302
    assert client.post(f"{DOMAINS}{theirs.pk}/delete/", {"post": "yes"}).status_code in (302, 403)
    assert list(DomainPolicy.objects.values_list("domain", flat=True)) == ["other"]
