"""A bucket as a sink: Amazon S3, Cloudflare R2, MinIO and whoever else speaks S3 with conditional writes.

boto3 builds, signs and parses; its own retries are off, because the row on the outbox is the one retry system
and a retry in the SDK can turn our own lost answer into a refusal. ``s3_transport`` sends, so that the
deadline is one.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    NoCredentialsError,
    PartialCredentialsError,
)

from persistence.archive.sinks.keys import check_key, check_size
from persistence.archive.sinks.port import (
    ObjectDiffers,
    ObjectMissing,
    SinkConfig,
    SinkError,
    StoredObject,
)
from persistence.archive.sinks.s3_errors import is_missing, status_of, translate
from persistence.archive.sinks.s3_transport import Transport

PAGE_SIZE = 1000
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class S3Sink:
    """Objects in ``s3://bucket`` or below ``s3://bucket/prefix``. See the port for the contract."""

    def __init__(self, config: SinkConfig) -> None:
        self._bucket, self._prefix = _bucket_and_prefix(config.url)
        self._transport = Transport(deadline_seconds=config.deadline_seconds, keep=config.concurrency)
        self._client = _client(config)
        self._client.meta.events.register("before-send.s3", self._transport.send)

    @property
    def location(self) -> str:
        """The bucket and its prefix; the endpoint is the operator's business."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store ``body`` unless the key exists, and let the store check its SHA-256 before it says yes.

        On 412 the object is fetched and compared, not trusted: it may be our own, from a put whose answer was
        lost.
        """
        check_key(key)
        check_size(key, body)
        checksum = _checksum(body)
        with self._call(key):
            try:
                answer = self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._prefix + key,
                    Body=body,
                    IfNoneMatch="*",
                    ChecksumSHA256=checksum,
                    ContentType="application/json",
                )
            except ClientError as error:
                if status_of(error) != 412:
                    raise
                self._compare(key, body)
                return False
        if answer.get("ChecksumSHA256", checksum) != checksum:
            raise SinkError(
                f"{self.location} stored {key!r} under another checksum than was sent. Run "
                "`manage.py archive verify`: the stored bytes may be damaged.",
                code="corrupted",
            )
        return True

    def get(self, key: str) -> bytes:
        """Return the object's bytes, compared with the store's checksum where it has one."""
        check_key(key)
        with self._call(key):
            return self._fetch(key)

    def list(self, prefix: str = "", *, start_after: str = "") -> Iterator[StoredObject]:
        """Yield the bucket's listing, a page of 1,000 at a time, each page under its own deadline."""
        wanted: dict[str, Any] = {
            "Bucket": self._bucket,
            "Prefix": self._prefix + prefix,
            "MaxKeys": PAGE_SIZE,
        }
        if start_after:
            wanted["StartAfter"] = self._prefix + start_after
        while True:
            with self._call(prefix):
                page = self._client.list_objects_v2(**wanted)
            for entry in page.get("Contents", []):
                yield StoredObject(entry["Key"][len(self._prefix) :], entry["Size"], entry["LastModified"])
            if not page.get("IsTruncated"):
                return
            wanted["ContinuationToken"] = page["NextContinuationToken"]

    def delete(self, key: str) -> None:
        """Remove the object; in a bucket with versions, older ones stay as the bucket's rules say."""
        check_key(key)
        with self._call(key):
            try:
                self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)
            except ClientError as error:
                if not is_missing(error):
                    raise

    def presigned_get(self, key: str, *, seconds: int) -> str:
        """Return a signed address; one that a role's passing credentials signed ends with them, if that is sooner."""
        check_key(key)
        with self._call(key):
            wanted = {"Bucket": self._bucket, "Key": self._prefix + key}
            return str(self._client.generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
        self._client.close()

    def _compare(self, key: str, body: bytes) -> None:
        try:
            stored = self._fetch(key)
        except ObjectMissing as error:
            raise SinkError(
                f"{key!r} was there and then was not: something deletes from {self.location}. The row "
                "stays and is tried again.",
                code="conflict",
            ) from error
        except SinkError as error:
            if error.code in ("corrupted", "too_large"):
                raise ObjectDiffers(key, self.location) from error
            raise
        if stored != body:
            raise ObjectDiffers(key, self.location)

    def _fetch(self, key: str) -> bytes:
        try:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._prefix + key, ChecksumMode="ENABLED"
            )
        except ClientError as error:
            if is_missing(error):
                raise ObjectMissing(key, self.location) from error
            raise
        # ChecksumMode makes botocore compare the body with whatever checksum the store returned.
        try:
            return bytes(answer["Body"].read())
        except FlexibleChecksumError as error:
            raise SinkError(
                f"{self.location} returned {key!r} with bytes that do not fit its checksum.",
                code="corrupted",
            ) from error

    @contextmanager
    def _call(self, key: str) -> Iterator[None]:
        """Run one call under the deadline, with boto's errors translated."""
        try:
            with self._transport.call():
                yield
        except ClientError as error:
            raise translate(error, key, self.location) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise SinkError(
                f"No credentials for {self.location}. Set the access key and its secret, or give the machine "
                "a role.",
                code="forbidden",
                endpoint_down=True,
            ) from error
        except BotoCoreError as error:
            raise SinkError(
                f"{self.location} could not be asked for {key!r}: {type(error).__name__}. The row stays "
                "and is tried again.",
                code="rejected",
            ) from error


def _bucket_and_prefix(url: str) -> tuple[str, str]:
    """Split ``s3://bucket/some/prefix`` into ``bucket`` and ``some/prefix/``."""
    parts = urlsplit(url)
    prefix = unquote(parts.path).strip("/")
    if not _BUCKET.fullmatch(parts.netloc) or parts.query or parts.fragment:
        raise ValueError(
            "The archive URL is not s3://bucket or s3://bucket/prefix. The endpoint and the credentials have "
            "settings of their own; a bucket's name has 3 to 63 small letters, digits, dots and hyphens."
        )
    if prefix:
        check_key(prefix)
        prefix += "/"
    return parts.netloc, prefix


def _client(config: SinkConfig) -> Any:
    """Build the client: no retries, one checksum (ours), path style wherever an endpoint is given.

    A constant user agent and no parameter validation take a quarter off the Python of each call. Region
    ``auto`` is R2's; without an endpoint it means that boto3 finds the region in the environment.
    """
    anywhere = not config.endpoint and config.region in ("", "auto")
    return boto3.session.Session().client(
        "s3",
        endpoint_url=config.endpoint or None,
        region_name=None if anywhere else config.region or "us-east-1",
        aws_access_key_id=config.access_key or None,
        aws_secret_access_key=config.secret_key or None,
        config=Config(
            signature_version="s3v4",
            retries={"total_max_attempts": 1, "mode": "standard"},
            s3={"addressing_style": "path" if config.endpoint else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            parameter_validation=False,
            user_agent="holdfast-archive",
        ),
    )


def _checksum(body: bytes) -> str:
    return b64encode(hashlib.sha256(body).digest()).decode()
