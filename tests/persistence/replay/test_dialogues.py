"""How a recorded conversation becomes turns."""

from hypothesis import given
from hypothesis import strategies as st

from persistence.replay.dialogues import ANSWERS, ROLES, Dialogue, exchanges, split
from persistence.requests import MAX_MESSAGES, turn_request

roles = st.lists(st.sampled_from(ROLES), min_size=1, max_size=160)
names = st.tuples(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=300),
    st.text("abc-._09", max_size=5),
    st.integers(1, 30),
)


def said(*speakers: str) -> list[dict[str, str]]:
    return [{"role": role, "content": f"line {number}"} for number, role in enumerate(speakers)]


def as_roles(messages: list[dict[str, str]]) -> list[list[str]]:
    return [[message["role"] for message in exchange] for exchange in split(messages)]


@given(roles)
def test_splitting_loses_nothing_and_keeps_the_order(speakers: list[str]) -> None:
    messages = said(*speakers)

    assert [message for exchange in split(messages) for message in exchange] == messages


@given(roles)
def test_an_exchange_is_neither_empty_nor_longer_than_a_turn_may_be(speakers: list[str]) -> None:
    assert all(1 <= len(exchange) <= MAX_MESSAGES for exchange in split(said(*speakers)))


@given(roles)
def test_nobody_asks_again_after_an_answer_within_an_exchange(speakers: list[str]) -> None:
    for exchange in as_roles(said(*speakers)):
        answered = [role in ANSWERS for role in exchange]
        assert not any(
            role == "user" and any(answered[:place]) for place, role in enumerate(exchange) if role == "user"
        )


def test_several_questions_and_several_answers_are_one_exchange() -> None:
    speakers = ["user", "user", "assistant", "tool", "assistant", "user", "agent"]

    assert as_roles(said(*speakers)) == [speakers[:5], speakers[5:]]


def test_a_greeting_before_the_first_question_is_a_turn_of_its_own() -> None:
    assert as_roles(said("agent", "agent", "user", "agent")) == [["agent", "agent"], ["user", "agent"]]


def test_instructions_before_the_first_question_belong_to_it() -> None:
    assert as_roles(said("system", "user", "assistant")) == [["system", "user", "assistant"]]


def test_a_meeting_in_which_everybody_is_user_goes_on_in_the_next_turn() -> None:
    assert [len(turn) for turn in as_roles(said(*["user"] * 120))] == [50, 50, 20]


@given(names, names)
def test_ids_are_equal_exactly_when_conversation_run_and_repetition_are(
    one: tuple[str, str, int], other: tuple[str, str, int]
) -> None:
    def ids(identifier: str, run: str, repeat: int) -> set[str]:
        dialogue = Dialogue(identifier, "web", said("user", "agent", "user"), "somewhere")
        return {exchange.request_id for exchange in exchanges(dialogue, run=run, repeat=repeat)}

    assert len(ids(*one)) == 2
    assert ids(*one) == ids(*one)
    assert ids(*one).isdisjoint(ids(*other)) == (one != other)


@given(names)
def test_every_id_is_one_that_a_turn_may_have(name: tuple[str, str, int]) -> None:
    identifier, run, repeat = name
    identifier = identifier.replace("\x00", "?")
    for exchange in exchanges(Dialogue(identifier, "web", said("user"), "here"), run=run * 8, repeat=repeat):
        turn_request(
            {
                "channel": exchange.channel,
                "session_id": exchange.session_id,
                "request_id": exchange.request_id,
                "messages": exchange.messages,
            }
        )
