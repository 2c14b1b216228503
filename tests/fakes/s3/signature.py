"""AWS Signature Version 4, checked as a store checks it."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import parse_qsl, quote

LONGEST_ADDRESS = 604_800  # seconds


def trouble_with(
    method: str, path: str, query: str, headers: dict[str, str], *, access_key: str, secret_key: str
) -> str:
    """Return the S3 error code for a request that is not signed with this key, or an empty string.

    ``path`` is the path as it was sent, percent-encoding included; ``headers`` have lower-case names.
    """
    if "X-Amz-Signature=" in query:
        return _trouble_with_address(
            method, path, query, headers, access_key=access_key, secret_key=secret_key
        )
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if scheme != "AWS4-HMAC-SHA256" or not {"Credential", "SignedHeaders", "Signature"} <= fields.keys():
        return "AccessDenied"
    key_id, *scope = fields["Credential"].split("/")
    if key_id != access_key or len(scope) != 4:
        return "InvalidAccessKeyId"
    signed = fields["SignedHeaders"]
    canonical = "\n".join(
        (
            method,
            path,
            _canonical_query(query),
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed.split(";")),
            "",
            signed,
            headers.get("x-amz-content-sha256", ""),
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{headers.get('x-amz-date', '')}\n{'/'.join(scope)}\n{digest}"
    expected = hmac.new(_signing_key(secret_key, *scope), to_sign.encode(), hashlib.sha256).hexdigest()
    return "" if hmac.compare_digest(expected, fields["Signature"]) else "SignatureDoesNotMatch"


def _trouble_with_address(
    method: str, path: str, query: str, headers: dict[str, str], *, access_key: str, secret_key: str
) -> str:
    """Return the S3 error code for an address that was not signed with this key, or whose time is over."""
    fields = dict(parse_qsl(query, keep_blank_values=True))
    key_id, *scope = fields.get("X-Amz-Credential", "").split("/")
    if key_id != access_key or len(scope) != 4:
        return "InvalidAccessKeyId"
    lasts = int(fields.get("X-Amz-Expires", "0"))
    signed_at = datetime.strptime(fields["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if not 0 < lasts <= LONGEST_ADDRESS:
        return "AuthorizationQueryParametersError"
    if datetime.now(UTC) > signed_at + timedelta(seconds=lasts):
        return "AccessDenied"
    signed = fields["X-Amz-SignedHeaders"]
    rest = "&".join(part for part in query.split("&") if not part.startswith("X-Amz-Signature="))
    names = (f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed.split(";"))
    canonical = "\n".join((method, path, _canonical_query(rest), *names, "", signed, "UNSIGNED-PAYLOAD"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{fields['X-Amz-Date']}\n{'/'.join(scope)}\n{digest}"
    expected = hmac.new(_signing_key(secret_key, *scope), to_sign.encode(), hashlib.sha256).hexdigest()
    return "" if hmac.compare_digest(expected, fields["X-Amz-Signature"]) else "SignatureDoesNotMatch"


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = parse_qsl(query, keep_blank_values=True)
    return "&".join(
        sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
    )


@lru_cache(maxsize=64)
def _signing_key(secret: str, *scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
