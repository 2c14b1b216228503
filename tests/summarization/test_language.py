"""The language of a conversation, told by its function words."""

import pytest

from summarization.language import language_of


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "My parcel has not arrived and I would like to know where it is."),
        ("pt", "A minha encomenda não chegou e gostava de saber onde está."),
        ("pt", "Oi, o meu pedido ainda nao chegou, voce pode me ajudar?"),
        ("es", "Mi pedido no ha llegado y quiero saber dónde está."),
        ("fr", "Ma commande n'est pas arrivée et je voudrais savoir où elle est."),
        ("de", "Meine Bestellung ist nicht angekommen und ich möchte wissen, wo sie ist."),
        ("it", "Il mio ordine non è arrivato e vorrei sapere quando arriva."),
        ("nl", "Mijn bestelling is niet aangekomen en ik wil weten waar het pakket is."),
    ],
)
def test_one_sentence_tells_the_language(language, text):
    assert language_of([text]) == language


@pytest.mark.parametrize(
    "text", ["", "4711", "ok", "😀😀", "Москва далеко", "退款订单没有收到", "iPhone 12 Pro Max", "\x00\udc80"]
)
def test_what_does_not_tell_is_undetermined(text):
    assert language_of([text]) == "und"


def test_nothing_said_is_undetermined():
    assert language_of([]) == "und"


def test_loan_words_do_not_change_the_language():
    said = [
        "O meu login não funciona, o e-mail de reset não chega e o help desk não responde.",
        "Do you copy?",
    ]
    assert language_of(said) == "pt"


def test_the_language_that_most_is_said_in_wins():
    portuguese = "onde está a minha encomenda e quando é que chega"
    assert language_of([portuguese, portuguese, "where is my parcel"]) == "pt"


def test_as_much_of_one_language_as_of_another_is_undetermined():
    assert language_of(["the parcel and the invoice", "não é minha"]) == "und"


def test_english_that_was_stripped_of_its_apostrophes_is_english():
    assert language_of(["Ive had no signal, cant call, dont know why"]) == "en"
