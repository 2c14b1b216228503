"""A case's life as a state machine: two agents, a customer, the assistant and the clock, in any order.

What an action answers is tested elsewhere. Here every refusal is welcome, as long as what is stored stays true.
"""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from handoff.cases import actions
from handoff.cases.actor import Actor
from handoff.cases.merge import merge
from handoff.cases.sweep import sweep
from handoff.gate import record_turn
from handoff.models import Endpoint, Handoff, Queue, SupportCase
from handoff.models.cases import LIVE, LIVE_ATTEMPT
from outbox.models import OutboxEvent
from persistence.errors import HoldfastError
from persistence.models import Conversation, Turn
from tests.handoff.support import ANNA, ask, control_of, kinds

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

AGENTS = st.sampled_from([Actor("anna"), Actor("ben")])
DESK = Actor("hook:ana", "desk")
SESSIONS = st.sampled_from(["one", "two"])
QUEUES = st.sampled_from(["general", "general", "closed-days"])
_numbers = itertools.count(1)
T = TypeVar("T")


class CaseLife(RuleBasedStateMachine):
    """Two conversations of one domain, with a help desk and a reply webhook that are told of everything."""

    def __init__(self) -> None:
        super().__init__()
        self.domain = f"life-{next(_numbers)}"
        self.now = timezone.now()
        self.epochs: dict[int, int] = {}
        self.versions: dict[int, int] = {}
        self.present: dict[str, UUID] = {}
        for purpose in Endpoint.Purpose.values:
            given = {"purpose": purpose, "connector": "webhook", "url": "http://127.0.0.1"}
            Endpoint.objects.create(slug=f"{self.domain}-{purpose}", domain=self.domain, **given)
        Queue.objects.create(domain=self.domain, name="general")
        Queue.objects.create(domain=self.domain, name="closed-days", hours="Jan 1 03:00-03:01")

    def teardown(self) -> None:
        """Let the sweeps of later lives not find this one."""
        SupportCase.objects.update(warn_at=None)
        Handoff.objects.update(accept_due_at=None)

    @initialize(consent=st.booleans())
    def both_customers_ask_for_a_human(self, consent: bool) -> None:
        for session in ("one", "two"):
            self.the_customer_asks_for_a_human(session, "general", consent and session == "two")

    # --- what happens ------------------------------------------------------------------------------------

    @rule(session=SESSIONS, with_answer=st.booleans(), epoch=st.sampled_from(["none", "present", "older"]))
    def the_customer_speaks(self, session: str, with_answer: bool, epoch: str) -> None:
        self.turn(session, with_answer=with_answer, **self.epoch_of(session, epoch))

    @rule(session=SESSIONS, queue=QUEUES, consent=st.booleans())
    def the_customer_asks_for_a_human(self, session: str, queue: str, consent: bool) -> None:
        wish = {"reason_code": "user_request", "queue": queue, "consent_required": consent}
        self.turn(session, with_answer=True, handoff=wish)

    @rule(
        session=SESSIONS,
        agent=AGENTS,
        name=st.sampled_from(["claim", "release", "wait", "return_to_bot", "close", "cancel"]),
        stale=st.sampled_from([False, False, False, True]),
    )
    def an_agent_decides(self, session: str, agent: Actor, name: str, stale: bool) -> None:
        self.act(session, name, actor=agent, stale=stale)

    @rule(session=SESSIONS, agent=AGENTS, wait=st.booleans(), again=st.booleans())
    def an_agent_replies(self, session: str, agent: Actor, wait: bool, again: bool) -> None:
        request_id = "the same" if again else f"reply-{next(_numbers)}"
        self.act(session, "reply", actor=agent, text="Hello", request_id=request_id, wait=wait)

    @rule(session=SESSIONS)
    def an_agent_of_the_help_desk_replies(self, session: str) -> None:
        self.act(session, "reply", actor=DESK, text="Hello from the desk")

    @rule(session=SESSIONS, agent=AGENTS)
    def an_agent_notes(self, session: str, agent: Actor) -> None:
        self.act(session, "note", actor=agent, text="look at order 7")

    @rule(session=SESSIONS, agent=AGENTS, to=st.sampled_from(["anna", "ben"]))
    def a_lead_assigns(self, session: str, agent: Actor, to: str) -> None:
        self.act(session, "assign", actor=agent, assignee=to)

    @rule(session=SESSIONS, agent=AGENTS, name=st.sampled_from(["reopen", "give_consent", "user_ended"]))
    def an_agent_is_told(self, session: str, agent: Actor, name: str) -> None:
        self.act(session, name, actor=agent)

    @rule(session=SESSIONS, agent=AGENTS)
    def the_conversation_is_ended(self, session: str, agent: Actor) -> None:
        self.act(session, "close", actor=agent, end_conversation=True)

    @rule(session=SESSIONS, agent=AGENTS, priority=st.sampled_from(SupportCase.Priority.values))
    def the_priority_changes(self, session: str, agent: Actor, priority: str) -> None:
        self.act(session, "set_priority", actor=agent, priority=priority)

    @rule(session=SESSIONS, agent=AGENTS, queue=QUEUES)
    def the_case_is_transferred(self, session: str, agent: Actor, queue: str) -> None:
        self.act(session, "transfer", actor=agent, queue=queue)

    @rule(agent=AGENTS)
    def the_two_are_merged(self, agent: Actor) -> None:
        one, two = self.case("one"), self.case("two")
        if one and two:
            self.attempt(lambda: merge(one.case_id, into=two.case_id, actor=agent))

    @rule(minutes=st.sampled_from([1, 16, 300, 3000]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        sweep(now=self.now)

    # --- what stays true ---------------------------------------------------------------------------------

    @invariant()
    def a_conversation_has_at_most_one_live_case_and_one_live_attempt(self) -> None:
        for conversation in self.conversations():
            assert self.cases().filter(conversation=conversation, status__in=LIVE).count() <= 1
            live = Handoff.objects.filter(conversation=conversation, state__in=LIVE_ATTEMPT)
            assert live.count() <= 1
            for attempt in live:
                assert attempt.case.status in LIVE, "an attempt outlives its case"

    @invariant()
    def control_follows_from_the_live_attempt(self) -> None:
        for conversation in self.conversations():
            live = Handoff.objects.filter(conversation=conversation, state__in=LIVE_ATTEMPT).first()
            state = live.state if live else ""
            assert (conversation.control == "human") == (state in ("accepted", "active")), state
            assert (conversation.control == "queued") == (state == "queued"), state
            if live and state == "requested":
                assert live.case.status == "pending_consent"

    @invariant()
    def epochs_and_versions_never_fall(self) -> None:
        for known, found in (
            (self.epochs, self.conversations().values_list("pk", "control_epoch")),
            (self.versions, self.cases().values_list("pk", "version")),
        ):
            for pk, number in found:
                assert number >= known.get(pk, 0)
                known[pk] = number

    @invariant()
    def a_case_has_an_end_exactly_when_it_has_ended_and_a_due_time_exactly_when_it_is_our_turn(self) -> None:
        for case in self.cases():
            assert (case.closed_at is None) == case.live
            ours = case.status in ("open", "in_progress")
            assert (case.attention_at is not None) == ours, (case.status, case.attention_at)
            assert (case.paused_at is not None) == (case.status == "waiting_customer"), case.status
            if not ours:
                assert case.warn_at is None

    @invariant()
    def whoever_waits_for_the_customer_has_the_conversation(self) -> None:
        for case in self.cases().filter(status="waiting_customer").select_related("conversation"):
            assert case.conversation.control == "human", (
                "the assistant would answer, and the clocks stand still"
            )

    @invariant()
    def events_have_no_gap(self) -> None:
        for case in self.cases():
            numbers = list(case.events.order_by("seq").values_list("seq", flat=True))
            assert numbers == list(range(1, case.event_seq + 1))

    @invariant()
    def the_assistant_says_nothing_while_a_human_has_the_conversation(self) -> None:
        for turn in Turn.objects.filter(conversation__domain=self.domain, control="human"):
            assert "assistant" not in {message["role"] for message in turn.messages}

    @invariant()
    def the_team_was_called_once_for_each_case_that_needs_no_consent(self) -> None:
        for case in self.cases():
            called = OutboxEvent.objects.filter(
                event_type="handoff.requested", ordering_key=str(case.case_id)
            )
            consented = not case.events.filter(data__handoff_status="handoff_pending_consent", seq=1).exists()
            consented = consented or case.events.filter(kind="consent_given").exists()
            assert called.count() == int(consented)

    # --- short words -------------------------------------------------------------------------------------

    def turn(self, session: str, *, with_answer: bool, **more: Any) -> None:
        messages = [{"role": "user", "content": "Where is my order?"}]
        if with_answer:
            messages.append({"role": "assistant", "content": "On its way."})
        given = {"domain": self.domain, "channel": "web", "session_id": f"{self.domain}-{session}"}
        request_id = f"life-{next(_numbers)}"
        recorded = self.attempt(
            lambda: record_turn(**given, request_id=request_id, messages=messages, **more)
        )
        if recorded is not None:
            self.present[session] = recorded.turn.conversation_id

    def act(self, session: str, name: str, *, stale: bool = False, **given: Any) -> None:
        case = self.case(session)
        if case is not None:
            version = {"version": max(1, case.version - 1)} if stale else {}
            self.attempt(lambda: getattr(actions, name)(case.case_id, **given, **version))

    def attempt(self, work: Callable[[], T]) -> T | None:
        """Do it, or be refused; anything else that is raised is a failure."""
        try:
            return work()
        except HoldfastError:
            return None

    def epoch_of(self, session: str, which: str) -> dict[str, int]:
        case = self.case(session)
        if case is None or which == "none":
            return {}
        epoch = case.conversation.control_epoch
        return {"control_epoch": epoch if which == "present" else max(0, epoch - 1)}

    def case(self, session: str) -> SupportCase | None:
        """Return the newest case of a session's present conversation."""
        found = self.cases().filter(conversation__public_id=self.present.get(session))
        return found.select_related("conversation").order_by("-id").first()

    def conversations(self) -> Any:
        return Conversation.objects.filter(domain=self.domain)

    def cases(self) -> Any:
        return SupportCase.objects.filter(domain=self.domain)


# Without the phase that explains: it traces every line, which takes ten times as long.
SEARCH = settings(
    max_examples=25,
    stateful_step_count=35,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


def test_whatever_agents_customers_and_the_clock_do_what_is_stored_stays_true():
    run_state_machine_as_test(CaseLife, settings=SEARCH)


def test_a_case_taken_up_after_its_conversation_ended_has_an_owner_but_no_attempt():
    found = ask()
    actions.user_ended(found.case_id, actor=ANNA)
    actions.reopen(found.case_id, actor=ANNA)
    for _ in range(2):
        case = actions.claim(found.case_id, actor=ANNA)
    assert (case.assignee, kinds(found).count("claimed")) == ("anna", 1)
    assert control_of(found)[0] == "closed"
    assert not Handoff.objects.filter(state__in=LIVE_ATTEMPT).exists()
    assert actions.release(found.case_id, actor=ANNA).assignee == ""
