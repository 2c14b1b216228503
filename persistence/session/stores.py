"""Which store a domain's session state is kept in: by settings, which may change at any time."""

from django.conf import settings

from persistence.ladder import measure
from persistence.session.fallback import FailOpen
from persistence.session.heal import healing_hot
from persistence.session.levels import is_redis_first
from persistence.session.memory import MemoryStore
from persistence.session.port import SessionStateStore
from persistence.session.postgres import PostgresStore
from persistence.session.redis import RedisStore
from persistence.session.redis_first import RedisFirst

MEMORY = MemoryStore()  # this process' own: what is in it dies with it
measure.holds(MEMORY.held)


def store_for(domain: str) -> SessionStateStore:
    """Return the store that ``SESSION_STATE_BACKEND`` names for this domain."""
    match settings.SESSION_STATE_BACKEND:
        case "memory":
            return MEMORY
        case "postgres":
            return PostgresStore()
    standby = PostgresStore(lenient=True)
    if is_redis_first(domain):
        return RedisFirst(RedisStore(healing_hot(), stream=True), standby)
    primary = RedisStore(healing_hot())
    store = FailOpen(primary, standby)
    primary.read = store.get  # a subscriber hears of what Postgres is told while Redis is out
    return store
