"""What a store's refusal means for the archive."""

import math
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from botocore.exceptions import ClientError

from persistence.archive.sinks.port import SinkError

LONGEST_RETRY_AFTER = 3600.0
"""A store that asks for more is asked again after an hour."""


class Meaning(NamedTuple):
    """One row of the tables: our code, whether the whole store is out, what to do."""

    code: str
    endpoint_down: bool
    advice: str


_WAIT = "The row stays and is tried again."
_CREDENTIALS = "Check the access key, its secret and the bucket policy (put, get, list; delete to erase)."
_ADDRESS = "Check the endpoint, the region and the bucket name."
_CHECKSUM = Meaning(
    "checksum_rejected", False, "The body changed on its way; look for a proxy that rewrites requests."
)
_NO_SPACE = Meaning("no_space", True, "Give the store more room.")

# The store's own error code says more than the status, where it is one of these.
_BY_CODE = {
    "NoSuchBucket": Meaning("no_bucket", True, _ADDRESS),
    "RequestTimeTooSkewed": Meaning("clock_skew", True, "Set this machine's clock."),
    "BadDigest": _CHECKSUM,
    "InvalidDigest": _CHECKSUM,
    "XAmzContentSHA256Mismatch": _CHECKSUM,
    "XAmzContentChecksumMismatch": _CHECKSUM,
    "RequestTimeout": Meaning("timeout", True, _WAIT),
    "SlowDown": Meaning("throttled", True, _WAIT),
    "AuthorizationHeaderMalformed": Meaning("wrong_endpoint", True, _ADDRESS),
    "PermanentRedirect": Meaning("wrong_endpoint", True, _ADDRESS),
    "InvalidAccessKeyId": Meaning("forbidden", True, _CREDENTIALS),
    "SignatureDoesNotMatch": Meaning("forbidden", True, _CREDENTIALS),
    "ExpiredToken": Meaning("forbidden", True, _CREDENTIALS),
    "EntityTooLarge": Meaning("too_large", False, "The store's own limit for one object is lower than ours."),
    "KeyTooLongError": Meaning("bad_key", False, "Choose a shorter prefix."),
    "QuotaExceeded": _NO_SPACE,
    "XMinioStorageFull": _NO_SPACE,
}

_BY_STATUS = {
    401: Meaning("forbidden", True, _CREDENTIALS),
    403: Meaning("forbidden", True, _CREDENTIALS),
    405: Meaning(
        "unsupported", True, "This store lacks conditional writes, which the archive cannot do without."
    ),
    408: Meaning("timeout", True, _WAIT),
    409: Meaning("conflict", False, _WAIT),
    413: Meaning("too_large", False, "The store's own limit for one object is lower than ours."),
    429: Meaning("throttled", True, _WAIT),
    501: Meaning(
        "unsupported", True, "This store lacks conditional writes, which the archive cannot do without."
    ),
    507: _NO_SPACE,
}


def translate(error: ClientError, key: str, location: str) -> SinkError:
    """Return the SinkError for a refusal. Only the status and the store's code are quoted, never its text.

    A store's text can repeat the signed request, access key included.
    """
    metadata = error.response.get("ResponseMetadata", {})
    status = metadata.get("HTTPStatusCode", 0)
    theirs = str(error.response.get("Error", {}).get("Code", ""))[:60]
    meaning = _BY_CODE.get(theirs) or _BY_STATUS.get(status) or _by_class(status)
    named = f"{status} {theirs}".strip() if theirs != str(status) else theirs
    return SinkError(
        f"{location} refused {key!r} with {named}. {meaning.advice}",
        code=meaning.code,
        endpoint_down=meaning.endpoint_down,
        retry_after=_retry_after(metadata.get("HTTPHeaders", {})),
    )


def is_missing(error: ClientError) -> bool:
    """Tell whether this refusal says that there is no such object, as opposed to no such bucket."""
    theirs = error.response.get("Error", {}).get("Code", "")
    return theirs in ("NoSuchKey", "404", "NotFound")


def status_of(error: ClientError) -> int:
    """Return the HTTP status of a refusal."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _by_class(status: int) -> Meaning:
    if status >= 500:
        return Meaning("server_error", True, _WAIT)
    if 300 <= status < 400:
        return Meaning("wrong_endpoint", True, _ADDRESS)
    return Meaning("rejected", False, "The store does not accept this request; see its own log.")


def _retry_after(headers: dict[str, str]) -> float | None:
    """Read Retry-After: seconds, or a date held against the store's own clock. Nonsense is ignored."""
    wish = headers.get("retry-after", "").strip()
    try:
        seconds = float(wish)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(wish) - parsedate_to_datetime(headers["date"])).total_seconds()
        except (ValueError, TypeError, KeyError):
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER) if math.isfinite(seconds) else None
