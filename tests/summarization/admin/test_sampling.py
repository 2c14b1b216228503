"""Sampling: chance draws, people judge, and recall is switched by those who have looked."""

import re
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from persistence.models import TranscriptReading
from summarization.models import ConversationSummary, DomainPolicy, SummaryRating
from summarization.rating import rate
from tests.handoff.admin.people import client_of
from tests.summarization.admin.kit import SAMPLING, judge, summary

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def three_are_enough(settings) -> None:
    settings.RECALL_SAMPLE = 3


def drawn(client: Client, domain: str = "demo") -> str:
    """Draw a summary and return the address of its page."""
    response = client.post(f"{SAMPLING}draw/", {"domain": domain})
    assert response.status_code == 302
    return response["Location"]


def press(client: Client, address: str, verdict: str, reason: str = "") -> tuple[int, str]:
    """Judge what is on a page; return the status and where it leads to, or what it says."""
    text = re.search(r'name="text" value="(\w+)"', client.get(address).content.decode())
    assert text is not None
    form = {"verdict": verdict, "reason": reason, "text": text[1]}
    response = client.post(address, form)
    return response.status_code, response.headers.get("Location", unescape(response.content.decode()))


def overview(client: Client, domain: str = "demo") -> str:
    response = client.get(SAMPLING, {"domain": domain})
    assert response.status_code == 200
    return unescape(response.content.decode())


def shown(address: str, client: Client) -> int:
    """Return the conversation of a drawn page."""
    before = TranscriptReading.objects.count()
    assert client.get(address).status_code == 200
    assert TranscriptReading.objects.count() == before + 1
    return TranscriptReading.objects.latest("id").conversation_id


def test_a_summary_stands_beside_what_was_said_with_its_turns_marked():
    found = summary(customer_ref="Marta")
    client = client_of(judge())
    body = client.get(drawn(client)).content.decode()
    assert "My parcel 4711 has not arrived" in body and "The parcel has not arrived." in body
    assert re.findall(r'class="hf-turn hf-cited" id="(turn-\d)"', body) == ["turn-1", "turn-2"]
    assert re.findall(r'data-turn="(\d)"', body) == ["1", "2", "1", "2"]
    reading = TranscriptReading.objects.get()
    assert (reading.username, reading.page, reading.from_seq, reading.to_seq) == ("judge", "sampling", 1, 2)
    assert reading.conversation_id == found.conversation_id


def test_good_and_bad_are_kept_with_what_made_it_and_lead_to_the_next_one():
    first, second = summary(), summary()
    client = client_of(judge())
    code, where = press(client, drawn(client), "good")
    assert code == 302 and where.startswith(f"{SAMPLING}sample/")
    code, where = press(client, where, "bad", "invents a  refund\n")
    assert (code, where) == (302, f"{SAMPLING}?domain=demo")
    kept = list(SummaryRating.objects.order_by("id").values_list("good", "reason", "username", "domain"))
    assert kept == [(True, "", "judge", "demo"), (False, "invents a refund", "judge", "demo")]
    assert {one.summary_id for one in SummaryRating.objects.all()} == {first.pk, second.pk}
    body = overview(client)
    assert "50 % good" in body and "1 of 2 judged" in body and "invents a refund" in body
    assert "1 more to judge first" in body


def test_bad_needs_a_reason_and_nothing_typed_is_lost():
    summary()
    client = client_of(judge())
    address = drawn(client)
    assert press(client, address, "bad", " \n ")[0] == 422
    code, body = press(client, address, "bad", "")
    assert code == 422 and "say in a few words what is bad" in body
    assert not SummaryRating.objects.exists()


def test_a_second_judgement_by_the_same_person_replaces_the_first():
    found = summary()
    user = judge()
    client = client_of(user)
    address = drawn(client)
    press(client, address, "good")
    press(client, address, "bad", "second thoughts")
    rating = SummaryRating.objects.get()
    assert (rating.good, rating.reason, rating.summary_id) == (False, "second thoughts", found.pk)


def test_what_two_people_judged_counts_once_and_as_good_where_both_say_so():
    found = summary()
    anna, ben = judge(name="anna"), judge(name="ben")
    rate(found.pk, found.input_hash, good=True, reason="", user=anna)
    assert "1 of 1 judged" in overview(client_of(anna))
    rate(found.pk, found.input_hash, good=False, reason="no", user=ben)
    assert "0 of 1 judged" in overview(client_of(anna))


def test_a_summary_that_was_made_anew_meanwhile_is_not_judged_by_its_old_text():
    found = summary()
    client = client_of(judge())
    address = drawn(client)
    body = client.get(address).content.decode()
    old = re.search(r'name="text" value="(\w+)"', body)[1]
    ConversationSummary.objects.filter(pk=found.pk).update(input_hash=b"\x01" * 32)
    response = client.post(address, {"verdict": "good", "text": old}, follow=True)
    assert "was made anew, or erased" in response.content.decode()
    assert not SummaryRating.objects.exists()
    assert drawn(client) == address  # the new text is there to be judged


@pytest.mark.parametrize("text", ["", "xyz", "00", "0" * 64, "é"])
def test_nonsense_for_a_text_is_refused_like_one_that_is_gone(text):
    summary()
    client = client_of(judge())
    response = client.post(drawn(client), {"verdict": "good", "text": text})
    assert response.status_code == 302 and not SummaryRating.objects.exists()


def test_only_what_nobody_has_judged_and_what_is_in_force_is_drawn():
    judged, other = summary(), summary(prompt_version="an older one")
    left = summary()
    user = judge()
    rate(judged.pk, judged.input_hash, good=True, reason="", user=user)
    client = client_of(user)
    assert {shown(drawn(client), client) for _ in range(12)} == {left.conversation_id}
    assert other.prompt_version != left.prompt_version


def test_every_one_is_drawn_sooner_or_later_and_skipping_keeps_nothing():
    every = {summary().conversation_id for _ in range(4)}
    client = client_of(judge())
    seen, address = set(), drawn(client)
    for _ in range(80):
        seen.add(shown(address, client))
        code, where = press(client, address, "skip")
        assert code == 302 and where != address
        address = where
        if seen == every:
            break
    assert seen == every
    assert not SummaryRating.objects.exists()


def test_whoever_judges_reads_what_was_drawn_for_them_and_nothing_else():
    found = summary()
    anna, ben = client_of(judge(name="anna")), client_of(judge(name="ben"))
    address = drawn(anna)
    forged = re.sub(r"-\d+", f"-{found.pk + 1}", address, count=1)
    for client, where in ((ben, address), (anna, forged), (anna, f"{SAMPLING}sample/?drawn={found.pk}")):
        assert client.get(where).status_code == 404
    assert not TranscriptReading.objects.exists()


def test_other_domains_can_neither_be_seen_nor_judged_nor_switched():
    summary(domain="other")
    client = client_of(judge())
    assert client.get(SAMPLING, {"domain": "other"}).status_code == 404
    for page in ("draw", "recall"):
        answer = client.post(f"{SAMPLING}{page}/", {"domain": "other", "recall": "on"})
        assert answer.status_code == 404
    address = drawn(client_of(judge(name="theirs", domains=("other",))), "other")
    assert client.get(address).status_code == 404
    assert not DomainPolicy.objects.exists()


def test_without_the_permission_there_is_no_page():
    user = judge()
    user.user_permissions.clear()
    stranger = client_of(user)
    for page in ("", "draw/", "sample/", "recall/"):
        assert stranger.get(f"{SAMPLING}{page}").status_code == 403


def test_recall_is_switched_on_only_when_enough_were_judged_and_off_at_any_time():
    every = [summary() for _ in range(3)]
    user = judge()
    client = client_of(user)
    for found in every[:2]:
        rate(found.pk, found.input_hash, good=True, reason="", user=user)
    assert "disabled>Switch recall on" in overview(client)
    refused = client.post(f"{SAMPLING}recall/", {"domain": "demo", "recall": "on"}, follow=True)
    assert "Recall stays off: 1 more" in refused.content.decode()
    assert not DomainPolicy.objects.filter(recall=True).exists()
    rate(every[2].pk, every[2].input_hash, good=False, reason="wrong", user=user)
    body = overview(client)
    assert "fewer than 80 % may be good" in body  # a warning, and no more than that
    client.post(f"{SAMPLING}recall/", {"domain": "demo", "recall": "on"})
    policy = DomainPolicy.objects.get()
    assert (policy.recall, policy.recall_changed_by) == (True, "judge") and policy.recall_changed_at
    assert "Switch recall off" in overview(client)
    SummaryRating.objects.all().delete()
    client.post(f"{SAMPLING}recall/", {"domain": "demo", "recall": "off"})
    assert not DomainPolicy.objects.get().recall
    assert [one.change_message for one in LogEntry.objects.order_by("id")] == [
        "Recall was switched on",
        "Recall was switched off",
    ]


def test_the_interval_is_rounded_outwards_and_agrees_with_the_warning(settings):
    settings.RECALL_SAMPLE = 24
    user = judge()
    for number in range(24):
        found = summary()
        rate(found.pk, found.input_hash, good=number > 0, reason="" if number else "wrong", user=user)
    body = overview(client_of(user))  # from 79.8 to 99.3 %
    assert "79–100 %" in body and "fewer than 80 % may be good" in body and "read below" in body


def test_judgements_of_an_earlier_version_do_not_open_recall():
    user = judge()
    for _ in range(3):
        found = summary(prompt_version="older")
        rate(found.pk, found.input_hash, good=True, reason="", user=user)
    client = client_of(user)
    assert "3 more to judge first" in overview(client)
    assert "Not in force any more" in overview(client)
    client.post(f"{SAMPLING}recall/", {"domain": "demo", "recall": "on"})
    assert not DomainPolicy.objects.filter(recall=True).exists()


def test_a_long_conversation_is_read_in_windows_and_a_citation_leads_to_its_turn():
    turns = [(f"question {number}", f"answer {number}") for number in range(1, 251)]
    summary(*turns, support={"problem": [240]})
    client = client_of(judge())
    address = drawn(client)
    first = re.findall(r'id="turn-(\d+)"', client.get(address).content.decode())
    assert (first[0], first[-1]) == ("1", "120")
    there = re.findall(r'id="turn-(\d+)"', client.get(f"{address}&turn=240").content.decode())
    assert (there[0], there[-1]) == ("131", "250")
    for nonsense in ("0", "x", "9" * 30, "²", "99999"):
        assert client.get(f"{address}&turn={nonsense}").status_code == 200
    assert TranscriptReading.objects.latest("id").to_seq <= 250


def test_somebody_without_a_domain_is_told_so():
    body = client_of(judge(domains=())).get(SAMPLING).content.decode()
    assert "no domain has been given to you yet" in body
