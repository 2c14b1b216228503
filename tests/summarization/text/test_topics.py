"""What a conversation was about, one matter after the other."""

from summarization.draft import Statement
from summarization.text.salience import read
from summarization.text.topics import MOST_TOPICS, ONLY_TOPIC_WORDS, TOPIC_WORDS, distinct, topics

MATTERS = (
    ("parcel", "customs"),
    ("invoice", "accounting"),
    ("password", "account"),
    ("insurance", "contract"),
)


def about(*matters: tuple[str, str], times: int = 10):
    """Return a conversation in which each matter is talked about so many times."""
    said = [
        one
        for matter, other in matters
        for n in range(times)
        for one in (
            ("user", f"What about the {matter}, step {n}?"),
            ("agent", f"The {other} of your {matter} is checked."),
        )
    ]
    return read(((seq, role, text) for seq, (role, text) in enumerate(said, 1)), "en")


def test_eighty_turns_about_four_matters_keep_four_topics():
    found = topics(about(*MATTERS), "en")
    for at, (matter, _) in enumerate(MATTERS):
        naming = [topic for topic in found if matter in topic.text]
        assert naming
        assert all(20 * at < seq <= 20 * (at + 1) for topic in naming for seq in topic.citations)


def test_topics_come_in_order_and_there_are_never_too_many():
    found = topics(about(*((f"matter{n}", f"thing{n}") for n in range(40))), "en")
    assert len(found) <= MOST_TOPICS
    assert [topic.citations for topic in found] == sorted(topic.citations for topic in found)


def test_a_short_conversation_has_one_topic_of_few_words():
    (only,) = topics(about(MATTERS[0], times=2), "en")
    assert "parcel" in only.text
    assert len(only.text.split()) <= ONLY_TOPIC_WORDS


def test_a_matter_that_is_spoken_of_all_the_time_is_one_topic():
    every = read(
        ((n, "user", f"The refund of order 4711 is missing, number {n}") for n in range(1, 40)), "en"
    )
    assert len(topics(every, "en")) == 1


def test_a_topic_is_a_run_of_words_as_they_were_said():
    said = "Well, since Monday the blue washing machine in my kitchen leaks water over the floor and I am angry about it."
    every = read([(1, "user", said)] * 12, "en")
    for topic in topics(every, "en"):
        assert topic.text in said
        assert len(topic.text.split()) <= TOPIC_WORDS


def test_a_topic_is_a_name_and_keeps_no_question_mark():
    (only,) = topics(read([(1, "user", "Where is my order?")], "en"), "en")
    assert only.text == "order"


def test_where_the_user_says_nothing_the_other_side_names_the_topic():
    (only,) = topics(read([(3, "agent", "We called about the invoice.")], "en"), "en")
    assert "invoice" in only.text
    assert only.citations == (3,)


def test_nothing_said_has_no_topics():
    assert topics([], "en") == []
    assert topics(read([(1, "user", "Hi! 😀")], "en"), "en") == []


def test_of_too_many_topics_those_are_kept_that_stand_apart():
    crowd = [Statement(f"crowd{n}", (n,)) for n in range(1, 9)]
    apart = [Statement(f"apart{n}", (n,)) for n in (50, 90, 130)]
    kept = distinct([*crowd, *apart], "en")
    assert len(kept) == MOST_TOPICS
    assert kept[0] == crowd[0]
    assert kept[-3:] == apart


def test_of_two_sentences_that_say_as_much_the_first_names_it_whatever_their_words():
    for at in range(200):
        one, other = ([f"{letter}{at}{n}" for n in range(9)] for letter in "xy")
        repeated = [("agent", " ".join(one[n:] + other[n:])) for n in range(1, 9)]
        every = read(
            [(1, "user", f"{' '.join(one)}. {' '.join(other)}."), *((2, *said) for said in repeated)], "en"
        )
        (only,) = topics(every, "en")
        assert "x" in only.text
