"""What the fake store answers: S3's operations, as far as the archive uses them, without any HTTP."""

import hashlib
import re
import time
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections import deque
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, quote, unquote
from xml.sax.saxutils import escape

from tests.fakes.s3.faults import CODES, Fault, Faults
from tests.fakes.s3.signature import trouble_with
from tests.fakes.s3.store import Bucket, Store, Stored, stored

LONGEST_LOG = 200_000
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Request:
    """One request, complete; ``headers`` have lower-case names."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; a HEAD is answered with ``body`` counted but not sent."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Service:
    """Buckets behind one access key, with a log of what was asked and faults in between."""

    def __init__(self, store: Store, *, access_key: str, secret_key: str) -> None:
        self.store = store
        self.faults = Faults()
        self.log: deque[dict[str, Any]] = deque(maxlen=LONGEST_LOG)
        self._access_key = access_key
        self._secret_key = secret_key

    def serve(self, request: Request) -> tuple[Answer, Fault | None]:
        """Answer one request, with the fault that the connection has yet to commit."""
        name, _, key = unquote(request.path[1:]).partition("/")
        fault = self.faults.next(request.method, key)
        answer = self._answer(request, name, key, fault)
        self.log.append(
            {
                "at": time.time(),
                "method": request.method,
                "bucket": name,
                "key": key,
                "status": answer.status,
                "fault": fault.kind if fault else None,
                "bytes": len(request.body),
                "sha256": request.headers.get("x-amz-content-sha256"),
                "checksum": request.headers.get("x-amz-checksum-sha256"),
                "if_none_match": request.headers.get("if-none-match"),
            }
        )
        return answer, fault

    def _answer(self, request: Request, name: str, key: str, fault: Fault | None) -> Answer:
        if fault and fault.kind in ("refuse", "black_hole"):
            return Answer(0)
        if fault and fault.kind == "status":
            wish = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            return _error(fault.status, fault.code or CODES.get(fault.status, "Unknown"), headers=wish)
        if trouble := trouble_with(
            request.method,
            request.path,
            request.query,
            request.headers,
            access_key=self._access_key,
            secret_key=self._secret_key,
        ):
            return _error(403, trouble)
        if not key:
            return self._bucket(request, name)
        bucket = self.store.buckets.get(name)
        if bucket is None:
            return _error(404, "NoSuchBucket")
        if request.method == "PUT":
            return _put(bucket, key, request, fault)
        if request.method == "DELETE":
            bucket.delete(key)
            return Answer(204)
        if request.method in ("GET", "HEAD"):
            return _get(bucket, key, request)
        return _error(405, "MethodNotAllowed")

    def _bucket(self, request: Request, name: str) -> Answer:
        if request.method == "PUT":
            made = self.store.create(name)
            return Answer(200) if made else _error(409, "BucketAlreadyOwnedByYou")
        bucket = self.store.buckets.get(name)
        if bucket is None:
            return _error(404, "NoSuchBucket")
        if request.method == "GET" and "list-type=2" in request.query:
            return _list(bucket, name, request.query)
        return Answer(200) if request.method == "HEAD" else _error(501, "NotImplemented")


def _put(bucket: Bucket, key: str, request: Request, fault: Fault | None) -> Answer:
    if trouble := _digest_trouble(request):
        return _error(400, trouble)
    if len(key.encode()) > 1024:
        return _error(400, "KeyTooLongError")
    if request.headers.get("if-none-match") == "*" and key in bucket.objects:
        return _error(412, "PreconditionFailed")
    body, checksum = request.body, request.headers.get("x-amz-checksum-sha256", "")
    sort = request.headers.get("content-type", "binary/octet-stream")
    sent = stored(body, checksum, sort)
    if fault and fault.kind == "truncate":
        body = body[: len(body) // 2]
    if fault and fault.kind == "corrupt":
        body = bytes([body[0] ^ 1]) + body[1:] if body else b"\0"
    visible = bool(fault and fault.visible)
    kept = sent if body is request.body else stored(body, sent.checksum if visible else "", sort)
    bucket.put(key, kept)
    honest = bool(fault and fault.honest)
    reported = {"x-amz-checksum-sha256": kept.checksum if honest else checksum} if checksum else {}
    return Answer(200, headers={"ETag": sent.etag} | reported)


def _digest_trouble(request: Request) -> str:
    """Compare every digest that came along with the body that came along."""
    headers, digest = request.headers, hashlib.sha256(request.body)
    payload = headers.get("x-amz-content-sha256", "")
    if payload.startswith("STREAMING-"):
        return "NotImplemented"
    if _HEX_DIGEST.fullmatch(payload) and payload != digest.hexdigest():
        return "XAmzContentSHA256Mismatch"
    if (sent := headers.get("x-amz-checksum-sha256")) is not None:
        if not _is_digest(sent, 32):
            return "InvalidRequest"
        if sent != b64encode(digest.digest()).decode():
            return "BadDigest"
    if (sent := headers.get("content-md5")) is not None:
        if not _is_digest(sent, 16):
            return "InvalidDigest"
        if sent != b64encode(hashlib.md5(request.body).digest()).decode():
            return "BadDigest"
    return ""


def _is_digest(text: str, size: int) -> bool:
    try:
        return len(b64decode(text, validate=True)) == size
    except NotBase64:
        return False


def _get(bucket: Bucket, key: str, request: Request) -> Answer:
    found = bucket.objects.get(key)
    if found is None:
        return _error(404, "NoSuchKey")
    headers = {
        "ETag": found.etag,
        "Last-Modified": format_datetime(found.modified, usegmt=True),
        "Content-Type": found.content_type,
    }
    if request.headers.get("x-amz-checksum-mode") == "ENABLED":
        headers["x-amz-checksum-sha256"] = found.checksum
    return Answer(200, found.body, headers)


def _list(bucket: Bucket, name: str, query: str) -> Answer:
    asked = {field: values[0] for field, values in parse_qs(query, keep_blank_values=True).items()}
    prefix, limit = asked.get("prefix", ""), min(int(asked.get("max-keys", 1000)), 1000)
    after = (
        unquote(asked["continuation-token"])
        if "continuation-token" in asked
        else asked.get("start-after", "")
    )
    write = quote if asked.get("encoding-type") == "url" else escape
    page: list[tuple[str, Stored]] = []
    more = False
    for key, found in bucket.listing(prefix, after):
        if len(page) == limit:
            more = True
            break
        page.append((key, found))
    rows = "".join(
        f"<Contents><Key>{write(key)}</Key><LastModified>{found.modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
        f"<ETag>{escape(found.etag)}</ETag><Size>{len(found.body)}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
        for key, found in page
    )
    token = f"<NextContinuationToken>{quote(page[-1][0])}</NextContinuationToken>" if more else ""
    encoding = "<EncodingType>url</EncodingType>" if write is quote else ""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{escape(name)}</Name><Prefix>{write(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount>"
        f"<MaxKeys>{limit}</MaxKeys>{encoding}<IsTruncated>{str(more).lower()}</IsTruncated>{rows}{token}"
        "</ListBucketResult>"
    )
    return Answer(200, text.encode(), {"Content-Type": "application/xml"})


def _error(status: int, code: str, *, headers: dict[str, str] | None = None) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>fake</Message></Error>'
    return Answer(status, text.encode(), {"Content-Type": "application/xml"} | (headers or {}))
