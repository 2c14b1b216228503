"""Who is meant, and what there is of them before anything is done."""

from uuid import uuid4

import pytest

from persistence.errors import NotFound
from persistence.models import Conversation
from persistence.subject.erase import erase
from persistence.subject.find import domains_knowing, erasures_of, subject_of, subject_of_conversation
from persistence.subject.port import Elsewhere
from persistence.subject.preview import preview
from tests.persistence.subject.support import customer
from tests.persistence.support import say

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_customer_is_found_with_all_conversations_oldest_first_in_their_domain_alone():
    first, second = customer("ann", said="x")
    customer("bob", said="y")
    say(domain="other", customer_ref="ann")
    found = subject_of("demo", "ann")
    assert found.public_ids == [first.conversation_id, second.conversation_id]
    assert found.pks == sorted(found.pks)
    assert domains_knowing(customer_ref="ann") == ["demo", "other"]


def test_a_conversation_stands_for_a_customer_without_a_reference():
    turn = say()
    assert subject_of_conversation("demo", turn.conversation_id).customer_ref is None
    assert subject_of_conversation("demo", turn.conversation_id).public_ids == [turn.conversation_id]
    assert domains_knowing(conversation_id=turn.conversation_id) == ["demo"]


@pytest.mark.parametrize("ref", ["nobody", "", "ANN", "ann "])
def test_nobody_is_found_by_what_is_not_exactly_their_reference(ref):
    say(customer_ref="ann")
    say(session_id="without")
    with pytest.raises(NotFound):
        subject_of("demo", ref)


def test_nothing_is_found_in_another_domain():
    turn = say(customer_ref="ann")
    with pytest.raises(NotFound):
        subject_of("other", "ann")
    with pytest.raises(NotFound):
        subject_of_conversation("other", turn.conversation_id)
    with pytest.raises(NotFound):
        subject_of_conversation("demo", uuid4())


def test_a_preview_counts_what_is_there_and_changes_nothing(owing):
    customer("ann", said="x")
    customer("bob", said="y", sessions=1)
    owing.reasons, owing.copies = ["Pay them first."], [Elsewhere("helpdesk:x", "17")]
    found = preview(subject_of("demo", "ann"))
    assert {name: found.counts[name] for name in ("conversations", "turns", "readings", "debts")} == {
        "conversations": 2,
        "turns": 6,
        "readings": 2,
        "debts": 1,
    }
    assert next(iter(found.counts)) == "conversations"
    assert found.hindrances == ["Pay them first."]
    assert found.elsewhere == [Elsewhere("helpdesk:x", "17")]
    assert Conversation.objects.count() == 3


def test_an_erasure_is_found_again_by_whoever_knows_the_reference_and_by_its_conversations(settings):
    (turn,) = customer("ann", said="x", sessions=1)
    settings.HASH_SECRET = "1:an-old-secret-of-some-length"
    record = erase(subject_of("demo", "ann"), by="user:eve")
    settings.HASH_SECRET = "2:a-new-secret-of-some-length,1:an-old-secret-of-some-length"
    assert erasures_of("demo", customer_ref="ann").get() == record
    assert erasures_of("demo", conversation_id=turn.conversation_id).get() == record
    assert not erasures_of("demo", customer_ref="bob").exists()
    assert not erasures_of("other", customer_ref="ann").exists()
    assert not erasures_of("demo", conversation_id=uuid4()).exists()


def test_the_erasure_of_one_conversation_is_not_that_of_a_customer_with_such_a_name():
    turn = say()
    record = erase(subject_of_conversation("demo", turn.conversation_id), by="user:eve")
    assert erasures_of("demo", conversation_id=turn.conversation_id).get() == record
    assert not erasures_of("demo", customer_ref=str(turn.conversation_id)).exists()
    assert not erasures_of("demo", customer_ref="conversation").exists()
