"""The page of a case: what it shows, what its buttons do, and that nothing typed is ever lost."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from handoff.models import CannedReply, CaseEvent, Endpoint, ExternalLink, Queue, SupportCase
from outbox.models import Delivery
from persistence.models import Conversation, TranscriptReading, Turn
from tests.admin_support import NAUGHTY, statements
from tests.handoff.admin.support import LEAD, QUEUE, address, case, press, signed_in, turn

pytestmark = pytest.mark.django_db(transaction=True)
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
SAMPLE = Path(__file__).parents[2] / "persistence" / "hostile.jsonl"


def page(client: Client, found: SupportCase, **asked: Any) -> str:
    response = client.get(address(found), asked)
    assert response.status_code == 200
    return response.content.decode()


def entries(body: str) -> list[str]:
    return re.findall(r'id="((?:turn|event)-\d+)" data-entry', body)


def drafts(body: str) -> dict[str, str]:
    found = re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>(.*?)</textarea>', body, re.DOTALL)
    return {name: unescape(text) for name, text in found if text}


def buttons(body: str) -> set[str]:
    return set(re.findall(r'<button[^>]*name="act" value="(\w+)"', body))


def test_the_thread_tells_customer_assistant_agent_note_and_history_apart():
    found, client = case(text="help me"), signed_in("anna")
    press(client, found, "note", note="she is upset")
    press(client, found, "reply", reply="Anna here")
    body = page(client, found)
    assert re.findall(r'hf-said hf-(\w+)">\s*<h3><bdi>(\w+)', body) == [
        ("user", "Customer"),
        ("assistant", "Assistant"),
        ("agent", "anna"),
    ]
    assert "Internal note by <bdi>anna</bdi>" in body
    assert "<bdi>The assistant</bdi> <bdi>opened the case</bdi>" in body
    assert "<bdi>anna</bdi> <bdi>took the case</bdi>" in body
    order = entries(body)
    assert order.index("turn-1") < order.index("event-3") < order.index("turn-2")


def test_each_button_does_what_it_says():
    Queue.objects.create(domain="demo", name="billing")
    found, client = case(), signed_in("anna")
    for act, form, status, assignee, control in (
        ("claim", {}, "in_progress", "anna", "human"),
        ("release", {}, "open", "", "queued"),
        ("reply", {"reply": "I am here"}, "in_progress", "anna", "human"),
        ("reply_and_wait", {"reply": "Which order?"}, "waiting_customer", "anna", "human"),
        ("set_priority", {"priority": "urgent"}, "waiting_customer", "anna", "human"),
        ("return_to_bot", {"return_note": "it is order 7"}, "in_progress", "anna", "bot"),
        ("close", {"close_note": "solved"}, "closed", "anna", "bot"),
        ("reopen", {}, "open", "", "bot"),
        ("claim", {}, "in_progress", "anna", "human"),
        ("wait", {}, "waiting_customer", "anna", "human"),
        ("transfer", {"queue": "billing"}, "open", "", "queued"),
        ("user_ended", {}, "closed", "", "closed"),
    ):
        response = press(client, found, act, **form)
        assert response.status_code == 302, (act, response.content.decode()[:500])
        found = SupportCase.objects.select_related("conversation", "queue").get(pk=found.pk)
        assert (found.status, found.assignee, found.conversation.control) == (status, assignee, control), act
    assert (found.priority, found.queue.name) == ("urgent", "billing")
    said = [turn.messages[0]["content"] for turn in Turn.objects.order_by("seq")]
    assert said == ["a human, please", "I am here", "Which order?"]
    assert client.get(response["Location"]).status_code == 200


def test_consent_calls_the_team():
    found, client = case(consent_required=True), signed_in()
    assert "give_consent" in buttons(page(client, found))
    assert press(client, found, "give_consent").status_code == 302
    found.refresh_from_db()
    assert found.status == "open"


def test_two_agents_claim_the_same_case_and_the_second_is_told_who_was_faster():
    found, anna, bruno = case(), signed_in("anna"), signed_in("bruno")
    assert press(anna, found, "claim").status_code == 302
    lost = press(bruno, found, "claim")
    assert lost.status_code == 409
    assert "Nothing was done: <bdi>anna</bdi> has this case." in lost.content.decode()
    found.refresh_from_db()
    assert found.assignee == "anna"


@pytest.mark.parametrize("act", ["reply", "close", "release", "return_to_bot", "wait"])
def test_after_a_conflict_everything_that_was_typed_is_still_in_its_box(act):
    found, anna, bruno = case(), signed_in("anna"), signed_in("bruno")
    seen = str(found.version)
    press(bruno, found, "claim")
    typed = {"reply": "line one\nline <two> \u202e", "note": "my note", "close_note": "c", "return_note": "r"}
    lost = press(anna, found, act, version=seen, **typed)
    assert lost.status_code == 409
    body = lost.content.decode()
    assert "<bdi>bruno</bdi>" in body
    kept = drafts(body)
    assert {name: kept[name] for name in ("reply", "note")} == {
        "reply": typed["reply"],
        "note": typed["note"],
    }
    assert Turn.objects.filter(messages__0__role="agent").count() == 0


def test_what_was_typed_elsewhere_survives_a_button_that_did_its_work():
    found, client = case(), signed_in()
    done = press(client, found, "claim", reply="half a rep")
    assert done.status_code == 200
    assert drafts(done.content.decode()) == {"reply": "half a rep"}
    done = press(client, found, "note", note="a note", reply="half a rep")
    assert drafts(done.content.decode()) == {"reply": "half a rep"}


def test_a_reply_whose_button_is_pressed_twice_is_sent_once():
    found, client = case(), signed_in()
    for _ in range(2):
        assert press(client, found, "reply", reply="only once", request_id="the-same").status_code == 302
    assert Turn.objects.filter(messages__0__role="agent").count() == 1
    other = press(client, found, "reply", reply="something else", request_id="the-same")
    assert other.status_code == 409
    assert "An earlier version of this reply was sent." in other.content.decode()
    assert drafts(other.content.decode()) == {"reply": "something else"}


def test_what_cannot_be_done_is_said_and_nothing_changes():
    found, client = case(), signed_in("lea", *LEAD)
    before = CaseEvent.objects.count()
    for act, form in (
        ("reply", {"reply": "  "}),
        ("reply", {"reply": "x\x00y"}),
        ("note", {}),
        ("note", {"note": "x" * 16_001}),
        ("merge", {"into": "x"}),
        ("merge", {"into": str(found.case_id)}),
        ("set_priority", {"priority": "x"}),
        ("transfer", {"queue": "x"}),
        ("assign", {"assignee": ""}),
    ):
        refused = press(client, found, act, **form)
        assert refused.status_code == 422, (act, form)
        assert "Nothing was done" in refused.content.decode()
    assert CaseEvent.objects.count() == before


def test_a_reply_that_is_sent_again_after_its_answer_was_lost_is_sent_once():
    found, client = case(), signed_in()
    seen = str(found.version)
    for _ in range(2):  # the first press also took the case, which moved its version
        again = press(client, found, "reply", reply="only once", request_id="lost", version=seen)
        assert again.status_code == 302
    assert Turn.objects.filter(messages__0__role="agent").count() == 1


def test_a_button_that_does_not_exist_does_nothing():
    found, client = case(), signed_in()
    assert press(client, found, "delete").status_code == 400
    assert client.get(address(found, "act")).status_code == 403


def test_a_lead_assigns_merges_and_cancels_and_an_agent_does_not():
    found, duplicate, third = case(session="a"), case(session="b"), case(session="c")
    client, lead = signed_in("anna"), signed_in("lea", *LEAD)
    assert not buttons(page(client, found)) & {"assign", "merge", "cancel"}
    for act, form in (
        ("assign", {"assignee": "anna"}),
        ("merge", {"into": str(found.case_id)}),
        ("cancel", {}),
    ):
        assert press(client, duplicate, act, **form).status_code == 403, act
    assert {"assign", "merge", "cancel"} <= buttons(page(lead, found))
    assert press(lead, found, "assign", assignee="anna").status_code == 302
    assert press(lead, duplicate, "merge", into=str(found.case_id)).status_code == 302
    assert press(lead, third, "cancel", cancel_note="a test").status_code == 302
    states = dict(SupportCase.objects.values_list("pk", "status"))
    assert states == {found.pk: "in_progress", duplicate.pk: "closed", third.pk: "cancelled"}
    assert f"/admin/handoff/supportcase/{found.pk}/change/" in page(lead, duplicate)


def test_who_may_only_look_has_no_buttons_and_no_power():
    found, client = case(), signed_in("auditor", "handoff.view_supportcase")
    body = page(client, found)
    assert buttons(body) == set()
    assert 'name="reply"' not in body
    assert press(client, found, "claim").status_code == 403


def test_a_case_of_another_domain_does_not_exist():
    found, client = case(domain="secret"), signed_in()
    for part in ("change", "live", "canned"):
        assert client.get(address(found, part)).status_code == 404, part
    assert press(client, found, "claim").status_code == 404


def test_a_case_that_does_not_exist_is_not_found():
    client = signed_in()
    for pk in ("0", "x", "9" * 40, "00000000-0000-0000-0000-000000000000", "%00", "_3C"):
        for part in ("change", "live"):
            assert client.get(f"{QUEUE}{pk}/{part}/").status_code == 404, (pk, part)


def test_the_address_may_hold_the_case_id():
    found = case()
    assert signed_in().get(f"/admin/handoff/supportcase/{found.case_id}/change/").status_code == 200


def test_every_view_of_a_transcript_is_written_down_with_what_was_shown():
    found, client = case(), signed_in("anna")
    page(client, found)
    turn("more")
    again = client.get(address(found, "live"), {"seq": "1", "event": "2"})
    client.get(address(found, "live"), HTTP_IF_NONE_MATCH=again["ETag"])
    readings = TranscriptReading.objects.order_by("id").values_list("username", "page", "from_seq", "to_seq")
    assert list(readings) == [("anna", "case", 1, 1), ("anna", "case", 2, 2)]


def test_a_long_conversation_is_read_in_windows_and_a_citation_leads_to_its_turn():
    for number in range(1, 100):
        turn(f"turn number {number}")
    found, client = case(), signed_in()
    newest = [one for one in entries(page(client, found)) if one.startswith("turn")]
    assert newest == [f"turn-{number}" for number in range(61, 101)]
    middle = [one for one in entries(page(client, found, turn=30)) if one.startswith("turn")]
    assert middle == [f"turn-{number}" for number in range(10, 50)]
    assert 'class="hf-turn hf-asked" id="turn-30"' in page(client, found, turn=30)
    assert "event-1" not in entries(page(client, found, turn=30))
    for nonsense in ("0", "-1", "x", "999999", "9" * 40, "²", ""):
        assert entries(page(client, found, turn=nonsense))
    cited = SupportCase.objects.get().context_snapshot["summary"]["citations"]
    body = page(client, found)
    assert all(f'href="?turn={seq}#turn-{seq}"' in body for seq in cited)


def test_a_conversation_that_lost_its_turns_says_so():
    found, client = case(), signed_in()
    Turn.objects.all().delete()
    CaseEvent.objects.filter(case=found).delete()
    assert "no longer kept" in page(client, found)


def test_a_canned_reply_is_filled_in_and_nothing_in_it_is_evaluated():
    found = case(customer_ref="<b>Ana</b> {{ agent }}")
    text = "Dear {{ customer }}, {{agent}} about {{ case }}: {{ 7|add:7 }} {% now 'Y' %}"
    canned = CannedReply.objects.create(domain="demo", title="<i>Hello</i>", text=text)
    foreign = CannedReply.objects.create(domain="secret", title="secret title", text="no")
    client = signed_in("anna")
    body = page(client, found)
    assert "&lt;i&gt;Hello&lt;/i&gt;" in body and "secret title" not in body
    answer = client.get(address(found, "canned"), {"id": canned.pk})
    assert answer["Content-Type"].startswith("text/plain")
    filled = f"Dear <b>Ana</b> {{{{ agent }}}}, anna about {found.case_id}: {{{{ 7|add:7 }}}} {{% now 'Y' %}}"
    assert answer.content.decode() == filled
    for wrong in (foreign.pk, 0, "x", ""):
        assert client.get(address(found, "canned"), {"id": wrong}).status_code == 404


def test_other_cases_of_the_customer_stand_beside_and_those_of_others_do_not():
    first = case(session="a", customer_ref="Ana")
    same = case(session="b", customer_ref="Ana")
    case(session="c", customer_ref="Bea")
    case(session="d", customer_ref="Ana", domain="secret")
    found = signed_in().get(address(first)).context["others"]
    assert [row.case.pk for row in found] == [same.pk]


def test_the_delivery_log_shows_what_waits_and_a_dead_delivery_is_redriven():
    endpoint = Endpoint.objects.create(
        slug="desk", domain="demo", connector="webhook", url="http://127.0.0.1:1/"
    )
    found = case()
    ExternalLink.objects.create(
        case=found, endpoint=endpoint, external_id="T-1", external_url="javascript:alert(1)"
    )
    client = signed_in()
    body = page(client, found)
    assert "ticket to <bdi>helpdesk:desk</bdi>" in body
    assert "<bdi>T-1</bdi>" in body and "javascript:alert" not in body
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_delivery SET status = 'dead', settled_at = now(), last_error_code = 'no_answer'"
        )
    stuck = Delivery.objects.get(lane__destination="helpdesk:desk")
    assert 'name="redrive"' not in page(client, found)
    assert client.post(address(found, "act"), {"redrive": stuck.pk}).status_code == 403
    operator = signed_in(
        "olga", "handoff.view_supportcase", "handoff.change_supportcase", "outbox.change_delivery"
    )
    assert f'name="redrive" value="{stuck.pk}"' in page(operator, found)
    assert operator.post(address(found, "act"), {"redrive": stuck.pk}).status_code == 302
    stuck.refresh_from_db()
    assert stuck.status == "redriven"
    assert operator.post(address(found, "act"), {"redrive": stuck.pk}).status_code == 409


def test_the_page_runs_as_many_statements_for_a_long_case_as_for_a_short_one():
    Endpoint.objects.create(slug="desk", domain="demo", connector="webhook", url="http://127.0.0.1:1/")
    found = case(customer_ref="Ana")
    client = signed_in("lea", *LEAD)
    press(client, found, "claim")
    pages = [address(found), address(found, "live") + "?seq=1&event=1"]
    before = {one: len(statements(client, one)) for one in pages}
    for number in range(30):
        press(client, found, "reply", reply=f"reply {number}")
        press(client, found, "note", note=f"note {number}")
        case(session=f"other-{number}", customer_ref="Ana")
        CannedReply.objects.create(domain="demo", title=f"canned {number}", text="x")
    assert {one: len(statements(client, one)) for one in pages} == before
    assert max(before.values()) <= 25


def hostile_texts() -> list[str]:
    """The shared sets where they are there, the repository's own sample where they are not; what a browser can send."""
    files = [SHARED / name for name in ("naughty_strings.jsonl", "bad_inputs.jsonl")]
    read = [line for file in files if file.exists() for line in file.read_text("utf-8").splitlines()]
    found = [json.loads(line).get("text") or "" for line in read or SAMPLE.read_text("utf-8").splitlines()]
    return [text for text in [*NAUGHTY, *found] if not any("\ud800" <= sign <= "\udfff" for sign in text)]


@pytest.mark.slow
def test_hostile_text_is_escaped_and_isolated_wherever_it_stands():
    texts = hostile_texts()
    found, client = case(texts[0], text=texts[1], customer_ref=texts[1][:200]), signed_in("lea", *LEAD)
    summary = {"problem": texts[0], "tried": texts[1], "citations": ['"><script>alert(1)']}
    SupportCase.objects.update(context_snapshot={"summary": summary})
    for text in texts:
        for act in ("note", "reply"):
            answer = press(client, found, act, **{act: text})
            assert answer.status_code in (302, 422), (act, text)
        assert client.get(QUEUE, {"q": text}).status_code == 200, text
    for asked in ("", *range(1, Conversation.objects.get().last_seq, 40)):
        body = page(client, found, turn=str(asked))
        assert "<script>alert(1)" not in body
        for override in re.finditer("\u202e", body):
            before = body[: override.start()]
            assert before.rfind("<bdi") > before.rfind("</bdi>")
