"""Search over the transcripts of cases."""

import pytest
from django.db import connection

from handoff import search
from handoff.cases import actions
from handoff.cases.actor import Actor
from handoff.models import SupportCase
from handoff.models.search import CaseText
from persistence.subject.erase import erase
from persistence.subject.find import subject_of_conversation
from tests.admin_support import NAUGHTY
from tests.handoff.admin.support import case, turn

pytestmark = pytest.mark.django_db(transaction=True)


def found(text: str) -> set[int]:
    return {one.pk for one in search.having(SupportCase.objects.all(), text)}


def test_a_case_is_found_by_what_was_said_written_and_given_as_the_reason():
    turn("the parcel never came", session="a")
    wanted, other = case("lost in the post", session="a"), case("something else", session="b")
    actions.note(wanted.case_id, actor=Actor("anna"), text="carrier asked")
    assert found("parcel") == set()  # a little behind
    assert search.refresh() == 2
    for words in ("parcel", "PARCEL came", "carr", "lost post", "One moment", "wanted a parcel"[7:]):
        assert wanted.pk in found(words), words
    assert found("parcel") == {wanted.pk}
    assert found("parcel else") == set()
    assert other.pk in found("something")


def test_what_is_said_later_is_found_after_the_next_round_and_then_nothing_is_behind():
    wanted = case()
    assert search.refresh() == 1
    assert search.refresh() == 0
    turn("zanzibar", None)
    assert search.refresh() == 1
    assert found("zanzibar") == {wanted.pk}
    actions.close(wanted.case_id, actor=Actor("anna"), note="went to timbuktu")
    assert search.refresh() == 1
    assert found("timbuktu zanzibar") == {wanted.pk}
    assert search.refresh() == 0


def test_case_and_accents_do_not_matter_and_scripts_without_spaces_are_searched_too():
    wanted = case(text="Não consigo acessar a Straße, ÉCOLE; 注文番号を確認してください สวัสดี")
    search.refresh()
    for words in ("nao", "NÃO", "strasse", "ecole", "注文", "確認", "番号", "สวัสดี", "ｎａｏ"):
        assert found(words) == {wanted.pk}, words
    assert found("文確") == set()


def test_a_word_that_was_redacted_is_not_to_be_found():
    case(text="my card is 4111 1111 1111 1111")
    search.refresh()
    assert found("4111") == set()


def test_conversations_without_a_case_are_not_kept():
    turn("nothing to see", session="x")
    assert search.refresh() == 0
    assert CaseText.objects.count() == 0


def test_any_text_can_be_kept_and_asked_for():
    wanted = case(text=" ".join(NAUGHTY))
    for number in range(24):  # more different words than one row may hold
        turn(" ".join(f"{number:02}{word:04}{'é' * 30}" for word in range(900))[:60_000], None)
        search.refresh()
    assert search.MOST_KEPT < size_of_words() < 2**20
    CaseText.objects.all().delete()
    while search.refresh():  # and all of it at once
        pass
    assert 0 < size_of_words() <= search.MOST_ADDED
    assert found("000001") == {wanted.pk}
    for text in (*NAUGHTY, "' & | ! ( ) :* <->", "\\", "'", "x" * 5000, " ".join("abc" for _ in range(500))):
        assert found(text) <= {wanted.pk}


def size_of_words() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(octet_length(words::text)) FROM handoff_case_text")
        return int(cursor.fetchone()[0])


def test_two_that_catch_up_at_once_take_nothing_away():
    wanted = case(text="first")
    search.refresh()
    turn("second", None)
    search.refresh()
    search.keep(wanted.pk, wanted.conversation_id, 0, 0, 1, 1, "")  # a slow one, with what it read long ago
    assert found("first second") == {wanted.pk}
    assert search.refresh() == 0


def test_of_a_case_that_is_erased_in_between_nothing_is_kept_and_the_others_go_on(monkeypatch):
    gone, other = case("blue lamp", session="a"), case("red lamp", session="b")
    actions.close(gone.case_id, actor=Actor("anna"))

    def keep(pk, *rest):  # the first that is caught up with waits until the case is gone
        if pk == gone.pk:
            erase(subject_of_conversation("demo", gone.conversation.public_id), by="test")
        kept(pk, *rest)

    kept = search.keep
    monkeypatch.setattr(search, "keep", keep)
    assert search.refresh() == 2
    assert found("lamp") == {other.pk}
    assert not SupportCase.objects.filter(pk=gone.pk).exists()
