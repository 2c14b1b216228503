"""Conversations, turns and API keys in the admin: what a support agent reads, and what it costs."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client

from outbox.models import Delivery, OutboxEvent
from persistence import apikeys
from persistence.models import ApiKey, Conversation, Turn
from tests.admin_support import NAUGHTY, most_rows_read, run_action, signed_in, statements
from tests.persistence.support import say

CONVERSATIONS, TURNS = "/admin/persistence/conversation/", "/admin/persistence/turn/"
KEYS = "/admin/persistence/apikey/"
# record_turn() opens its own transaction; the tests that only read large tables need none of their own.
recorded = pytest.mark.django_db(transaction=True)


def transcript(client: Client, conversation: Conversation, **place) -> str:
    response = client.get(f"{CONVERSATIONS}{conversation.pk}/change/", place)
    assert response.status_code == 200
    return response.content.decode()


def turns_shown(body: str) -> list[int]:
    return [int(seq) for seq in re.findall(r'id="turn-(\d+)"', body)]


def texts(body: str) -> list[str]:
    found = re.findall(r'<div class="hf-text"[^>]*><bdi>(.*?)</bdi></div>', body, re.DOTALL)
    return [unescape(re.sub(r"</?mark[^>]*>", "", text)) for text in found]


@recorded
def test_a_transcript_shows_who_said_what_and_keeps_every_character(admin_client: Client):
    roles = ["user", "assistant", "agent", "system", "tool"]
    messages = [{"role": role, "content": f"{role} {text}"} for text in NAUGHTY for role in roles]
    say(messages=messages)
    body = transcript(admin_client, Conversation.objects.get())
    # HTML itself turns \r\n into \n wherever it is read; nothing else may differ.
    assert [text.replace("\r", "") for text in texts(body)] == [
        m["content"].replace("\r", "") for m in messages
    ]
    shown = re.findall(r'<article class="hf-said hf-(\w+)">\s*<h3><bdi>([^<]+)', body)
    labels = {
        "user": "Customer",
        "assistant": "Assistant",
        "agent": "Human agent",
        "system": "System",
        "tool": "Tool",
    }
    assert shown == [(message["role"], labels[message["role"]]) for message in messages]


@recorded
def test_hostile_text_is_escaped_and_isolated_wherever_it_stands(admin_client: Client):
    for number, text in enumerate(NAUGHTY):
        say(
            text,
            request_id=f"{number} {text}"[:200],
            customer_ref=text[:200],
            metadata={text: [text]},
            references=[text],
            reason_codes=[text],
            error_code=text[:100],
            model=text,
        )
    apikeys.create_key("demo", NAUGHTY[0])
    pages = [f"{TURNS}{pk}/change/" for pk in Turn.objects.values_list("pk", flat=True)]
    pages += [f"{CONVERSATIONS}{Conversation.objects.get().pk}/change/", CONVERSATIONS, KEYS]
    pages += [f"{KEYS}{ApiKey.objects.get().pk}/change/", f"{TURNS}?q={Turn.objects.first().pk}"]
    for address in pages:
        body = admin_client.get(address).content.decode()
        assert "<script>alert(1)" not in body, address
        for override in re.finditer("\u202e", body):
            before = body[: override.start()]
            assert before.rfind("<bdi") > before.rfind("</bdi>"), address


@recorded
def test_a_redaction_is_marked_and_what_the_customer_typed_is_not(admin_client: Client):
    say("my card is 4111 1111 1111 1111, I mean [OTHER]")
    body = transcript(admin_client, Conversation.objects.get())
    assert re.findall(r"<mark[^>]*>([^<]+)</mark>", body) == ["[CARD]"]
    assert "4111" not in body


@recorded
def test_a_message_without_words_says_so(admin_client: Client):
    say("", "")
    assert transcript(admin_client, Conversation.objects.get()).count("said nothing") == 2


@recorded
def test_metadata_and_digests_stay_folded_in_a_transcript(admin_client: Client):
    say(metadata={"colour": "grün"})
    body = transcript(admin_client, Conversation.objects.get())
    folded = "".join(re.findall(r"<details>(.*?)</details>", body, re.DOTALL))
    assert "grün" in folded
    assert bytes(Turn.objects.get().digest).hex() in folded
    assert "<details open" not in body


@recorded
def test_a_long_conversation_is_read_in_pages_of_fifty_turns(admin_client: Client):
    for number in range(1, 121):
        say(f"turn number {number}")
    conversation = Conversation.objects.get()
    pages = {
        place: turns_shown(transcript(admin_client, conversation, turn=place))
        for place in (1, 50, 51, 77, 120)
    }
    assert pages[1] == pages[50] == list(range(1, 51))
    assert pages[51] == pages[77] == list(range(51, 101))
    assert pages[120] == list(range(101, 121))
    middle = transcript(admin_client, conversation, turn=60)
    assert {"?turn=1", "?turn=101"} <= set(re.findall(r'href="(\?turn=\d+)"', middle))
    for nonsense in ("0", "-1", "x", "999999", "9" * 40, "²", ""):
        assert turns_shown(transcript(admin_client, conversation, turn=nonsense))


@recorded
def test_a_conversation_without_turns_and_one_that_lost_them_say_so(admin_client: Client):
    say()
    Turn.objects.all().delete()
    conversation = Conversation.objects.get()
    assert "no longer here" in transcript(admin_client, conversation)
    conversation.last_seq = 0
    conversation.save()
    assert "Nothing was said" in transcript(admin_client, conversation)


@recorded
def test_a_conversation_is_found_by_whatever_a_person_has_in_hand(admin_client: Client):
    wanted = say(session_id="a", request_id="request-a", customer_ref="customer-a")
    say(session_id="b", request_id="request-ab", customer_ref="customer-ab")
    for term in (wanted.conversation_id, wanted.turn_id, "request-a", " customer-a "):
        found = admin_client.get(CONVERSATIONS, {"q": str(term)}).context["cl"].result_list
        assert [row.public_id for row in found] == [wanted.conversation_id], term
    assert "There is no conversation" in admin_client.get(CONVERSATIONS, {"q": "customer-"}).content.decode()


@recorded
def test_a_turn_is_found_by_its_id_or_request_id_and_never_listed(admin_client: Client):
    wanted = say(request_id="request-a")
    for term in (str(wanted.turn_id), "request-a"):
        assert [row.pk for row in admin_client.get(TURNS, {"q": term}).context["cl"].result_list] == [
            wanted.turn_id
        ]
    assert admin_client.get(TURNS).context["cl"].result_list == []
    assert not any(
        "persistence_turn" in sql for sql in statements(admin_client, TURNS) if "pg_class" not in sql
    )


@recorded
@pytest.mark.parametrize("text", [*NAUGHTY, "\x00", "%", "0" * 5000])
def test_search_takes_any_text(admin_client: Client, text):
    say()
    for address in (CONVERSATIONS, TURNS):
        assert admin_client.get(address, {"q": text}).status_code == 200


@recorded
def test_a_turn_leads_to_its_deliveries_and_its_event_leads_back(admin_client: Client):
    for number in range(3):
        turn = say(session_id=f"s{number}")
        say(session_id=f"s{number}")
    event = OutboxEvent.objects.get(payload__turn_id=str(turn.turn_id))
    body = admin_client.get(f"{TURNS}{turn.turn_id}/change/").content.decode()
    assert f"/admin/outbox/delivery/{Delivery.objects.get(event=event).pk}/change/" in body
    assert f"/admin/outbox/outboxevent/{event.pk}/change/" in body
    back = admin_client.get(f"/admin/outbox/outboxevent/{event.pk}/change/").content.decode()
    assert f"{TURNS}{turn.turn_id}/change/" in back


@recorded
def test_a_turn_whose_outbox_rows_were_pruned_says_that_it_is_archived(admin_client: Client):
    turn = say()
    Delivery.objects.all().delete()
    OutboxEvent.objects.all().delete()
    assert "No outbox rows are kept" in admin_client.get(f"{TURNS}{turn.turn_id}/change/").content.decode()
    Conversation.objects.update(archived_through_seq=1)
    assert "Archived." in admin_client.get(f"{TURNS}{turn.turn_id}/change/").content.decode()


@recorded
def test_pages_run_as_many_statements_for_thirty_rows_as_for_one(admin_client: Client):
    turn = say(session_id="first")
    conversation = Conversation.objects.get()
    apikeys.create_key("demo")
    pages = [
        CONVERSATIONS,
        KEYS,
        f"{CONVERSATIONS}{conversation.pk}/change/",
        f"{TURNS}{turn.turn_id}/change/",
    ]
    before = {address: len(statements(admin_client, address)) for address in pages}
    for number in range(29):
        say(session_id=f"s{number}")
        say(session_id="first")
        apikeys.create_key("demo")
    assert {address: len(statements(admin_client, address)) for address in pages} == before


@recorded
@pytest.mark.parametrize("model", ["conversation", "turn", "apikey"])
def test_nothing_can_be_added_changed_or_deleted_even_by_a_superuser(admin_client: Client, model):
    say()
    apikeys.create_key("demo", "kept")
    pk = {"conversation": Conversation, "turn": Turn, "apikey": ApiKey}[model].objects.get().pk
    base = f"/admin/persistence/{model}/"
    for address in (f"{base}add/", f"{base}{pk}/change/", f"{base}{pk}/delete/"):
        assert admin_client.post(address, {"post": "yes", "domain": "x"}).status_code == 403
    assert admin_client.get(f"{base}add/").status_code == 403
    admin_client.post(base, {"action": "delete_selected", "_selected_action": str(pk), "post": "yes"})
    assert (Turn.objects.count(), Conversation.objects.count(), ApiKey.objects.count()) == (1, 1, 1)


@recorded
def test_who_is_not_allowed_reads_no_transcript():
    turn = say()
    pages = [
        CONVERSATIONS,
        f"{CONVERSATIONS}{Conversation.objects.get().pk}/change/",
        f"{TURNS}{turn.turn_id}/change/",
    ]
    permissions = ("persistence.view_conversation", "persistence.view_turn")
    for address in pages:
        assert Client().get(address).status_code == 302
        assert signed_in(*permissions, staff=False, domains=("demo",)).get(address).status_code == 302
        assert signed_in("outbox.view_lane", domains=("demo",)).get(address).status_code == 403
        assert signed_in(*permissions, domains=("demo",)).get(address).status_code == 200


@recorded
@pytest.mark.parametrize("pk", ["0", "x", "9" * 40, "00000000-0000-0000-0000-000000000000", "%00", "_3C"])
def test_a_page_that_does_not_exist_is_not_found(admin_client: Client, pk):
    for base in (CONVERSATIONS, TURNS):
        assert admin_client.get(f"{base}{pk}/change/").status_code == 404


@recorded
def test_a_key_is_revoked_through_its_list_and_its_hash_is_never_shown(admin_client: Client, settings):
    settings.API_KEY_CACHE_SECONDS = 0
    new = apikeys.create_key("demo", "the shop")
    row = ApiKey.objects.get()
    for address in (KEYS, f"{KEYS}{row.pk}/change/"):
        body = admin_client.get(address).content.decode()
        assert f"hf_{row.prefix}_…" in body
        assert bytes(row.key_hash).hex() not in body
    assert run_action(admin_client, KEYS, "revoke", [row.pk]).startswith("1 API key revoked for good")
    assert apikeys.verify(new.key) is None
    assert "Nothing was revoked" in run_action(admin_client, KEYS, "revoke", [row.pk])


@recorded
def test_who_may_only_view_keys_cannot_revoke_them():
    apikeys.create_key("demo")
    key_id = ApiKey.objects.get().pk
    may_view, may_change = "persistence.view_apikey", "persistence.change_apikey"
    run_action(signed_in(may_view, domains=("demo",)), KEYS, "revoke", [key_id])
    assert ApiKey.objects.get().revoked_at is None
    run_action(signed_in(may_view, may_change, domains=("other",)), KEYS, "revoke", [key_id])
    assert ApiKey.objects.get().revoked_at is None
    run_action(signed_in(may_view, may_change, domains=("demo",)), KEYS, "revoke", [key_id])
    assert ApiKey.objects.get().revoked_at is not None


@pytest.mark.django_db
def test_users_and_groups_can_still_be_looked_after(admin_client: Client):
    user = User.objects.create_user("ana", password="a-long-password")
    group = Group.objects.create(name="operators")
    for address in ("user/", "user/add/", f"user/{user.pk}/change/", f"user/{user.pk}/password/"):
        assert admin_client.get(f"/admin/auth/{address}").status_code == 200
    assert admin_client.get(f"/admin/auth/group/{group.pk}/change/").status_code == 200


@pytest.fixture
def large_tables():
    """20,000 conversations of one turn each in one domain, and one conversation of 5,000 turns."""
    turn = (
        "INSERT INTO persistence_turn SELECT {id}, {seq}, 'demo', 'r-' || {id}, '', NULL, '[]', NULL, false, '[]', '[]',"
        " NULL, NULL, NULL, NULL, NULL, '{{}}', 1, 'bot', 0, '', '', '', '', now(), {conversation} FROM {source}"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO persistence_conversation (public_id, domain, channel, session_hash, hash_version, customer_ref,"
            " control, control_epoch, last_seq, chain_head, archived_through_seq)"
            " SELECT gen_random_uuid(), 'demo', 'web', convert_to(n::text, 'UTF8'), 1, 'c-' || n, 'bot', 0, 5000, '', 0"
            " FROM generate_series(1, 20000) AS n"
        )
        id_ = "gen_random_uuid()"
        cursor.execute(turn.format(id=id_, seq=1, conversation="id", source="persistence_conversation"))
        longest = "(SELECT max(id) AS id FROM persistence_conversation) AS c, generate_series(2, 5000) AS n"
        cursor.execute(turn.format(id=id_, seq="n", conversation="c.id", source=longest))
        cursor.execute("ANALYZE persistence_conversation, persistence_turn")


@pytest.mark.slow
@pytest.mark.django_db
def test_no_page_of_a_large_table_reads_more_than_its_own_rows(admin_client: Client, large_tables):
    long = Conversation.objects.latest("pk")
    turn = Turn.objects.filter(conversation=long, seq=2500).get()
    pages = [
        CONVERSATIONS,
        f'{CONVERSATIONS}?after=["{long.pk - 9000}"]',
        f'{CONVERSATIONS}?before=["{long.pk - 9000}"]',
    ]
    terms = (long.public_id, turn.pk, turn.request_id, "c-777", "nothing")
    pages += [f"{CONVERSATIONS}?q={term}" for term in terms]
    pages += [f"{TURNS}?q={term}" for term in (turn.pk, turn.request_id, "nothing")]
    pages += [f"{CONVERSATIONS}{long.pk}/change/?turn=2500", f"{TURNS}{turn.pk}/change/"]
    read = {address: most_rows_read(admin_client, address) for address in pages}
    assert {address: rows for address, rows in read.items() if rows > 1_000} == {}
