"""Short words for session state by session id, and for turns that are noted in it."""

from persistence.requests import turn_request
from persistence.session import service
from persistence.session.requests import state_request
from persistence.turns import record

S = ("demo", "web", "session/1 of somebody@example.com")


def put(state="active", session=S, **more):
    known = {name: more.pop(name) for name in ("expected_version", "ttl") if name in more}
    return service.put_state(*session, state_request({"state": state} | more), **known)


def turn(session=S, request_id="r-1", confidence=0.75):
    domain, channel, session_id = session
    request = turn_request(
        {
            "channel": channel,
            "session_id": session_id,
            "request_id": request_id,
            "messages": [{"role": "user", "content": "hello"}],
            "confidence": confidence,
        }
    )
    recorded = record(domain, request)
    return recorded, service.after_turn(domain, request, recorded)
