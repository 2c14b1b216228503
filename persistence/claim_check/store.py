"""Where claims lie, and the addresses under which others fetch them."""

from datetime import UTC, datetime
from threading import Lock

from django.conf import settings
from django.core import signing

from persistence.archive.sinks import Deletes, Presigns, SinkConfig, open_sink

DOWNLOADS = "/claims/"  # where config/urls.py mounts the view
_SALT = "holdfast.claim_check"
_stores: dict[SinkConfig, Deletes] = {}
_lock = Lock()


class NoPublicUrl(Exception):
    """The store needs Holdfast itself to hand out its objects, and ``PUBLIC_URL`` does not say where that is."""


def claims_config() -> SinkConfig:
    """Return what the settings say about the store of claims: a place of its own, the archive's credentials."""
    return SinkConfig(
        url=settings.CLAIM_CHECK_URL,
        endpoint=settings.ARCHIVE_S3_ENDPOINT,
        region=settings.ARCHIVE_S3_REGION,
        access_key=settings.ARCHIVE_S3_ACCESS_KEY_ID,
        secret_key=settings.ARCHIVE_S3_SECRET_ACCESS_KEY,
        deadline_seconds=settings.ARCHIVE_CALL_DEADLINE_SECONDS,
    )


def claims_store() -> Deletes:
    """Return the store, opened once per process. Raises ValueError for a setting that cannot work."""
    config = claims_config()
    with _lock:
        if config not in _stores:
            _stores[config] = open_sink(config)
        return _stores[config]


def close_stores() -> None:
    """Let go of their connections; the next use opens them again."""
    with _lock:
        while _stores:
            _stores.popitem()[1].close()


def address(key: str, expires_at: datetime) -> str:
    """Return an address that gives the object to whoever holds it until then: the store's own, or one of ours.

    Raises NoPublicUrl, and SinkError when a store's credentials cannot be had.
    """
    store = claims_store()
    if isinstance(store, Presigns):
        return store.presigned_get(key, seconds=max(1, int((expires_at - datetime.now(UTC)).total_seconds())))
    if not settings.PUBLIC_URL:
        raise NoPublicUrl("PUBLIC_URL is not set, so nobody could fetch a claim from this installation.")
    return f"{settings.PUBLIC_URL.rstrip('/')}{DOWNLOADS}{token_of(key, expires_at)}"


def token_of(key: str, expires_at: datetime) -> str:
    """Return what proves that we handed out this key, and until when."""
    return signing.Signer(salt=_SALT).sign_object([key, int(expires_at.timestamp())])


def key_in(token: str, now: datetime) -> str | None:
    """Return the key that a token of ours still opens, or None for any other text."""
    try:
        key, until = signing.Signer(salt=_SALT).unsign_object(token)
    except (signing.BadSignature, ValueError):
        return None
    return str(key) if now.timestamp() < until else None
