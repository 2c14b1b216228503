"""What the fake store holds: buckets of objects, in memory and, if asked, in a directory as well."""

import hashlib
import json
from base64 import b64encode
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stored:
    """One object. ``checksum`` (base64 SHA-256) is what the store reports of it, right or wrong."""

    body: bytes
    checksum: str
    modified: datetime
    content_type: str = "binary/octet-stream"

    @property
    def etag(self) -> str:
        """The MD5 of the body, quoted, as S3 gives it for single puts."""
        return f'"{hashlib.md5(self.body).hexdigest()}"'


def stored(body: bytes, checksum: str = "", content_type: str = "binary/octet-stream") -> Stored:
    """Return an object written now."""
    now = datetime.now(UTC).replace(microsecond=0)
    return Stored(body, checksum or sha256_base64(body), now, content_type)


def sha256_base64(body: bytes) -> str:
    """Return the checksum in the shape of the S3 headers."""
    return b64encode(hashlib.sha256(body).digest()).decode()


class Store:
    """Buckets by name. With a directory, everything survives the process."""

    def __init__(self, directory: Path | None = None) -> None:
        self.buckets: dict[str, Bucket] = {}
        self._directory = directory
        for path in sorted(directory.iterdir()) if directory and directory.is_dir() else []:
            self.create(path.name)

    def create(self, name: str) -> bool:
        """Make a bucket; False when it exists."""
        if name in self.buckets:
            return False
        self.buckets[name] = Bucket(self._directory / name if self._directory else None)
        return True


class Bucket:
    """Objects by key, listed in key order (code points, which is the order of their UTF-8)."""

    def __init__(self, directory: Path | None = None) -> None:
        self.objects: dict[str, Stored] = {}
        self._keys: list[str] = []
        self._directory = directory
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
            self._load(directory)

    def put(self, key: str, found: Stored) -> None:
        """Store or replace."""
        if key not in self.objects:
            insort(self._keys, key)
        self.objects[key] = found
        if self._directory:
            facts = {"key": key, "checksum": found.checksum, "modified": found.modified.isoformat()}
            head = json.dumps(facts | {"content_type": found.content_type})
            path = self._path(key)
            path.with_suffix(".new").write_bytes(head.encode() + b"\n" + found.body)
            path.with_suffix(".new").replace(path)

    def delete(self, key: str) -> bool:
        """Forget; False when there was nothing."""
        if self.objects.pop(key, None) is None:
            return False
        del self._keys[bisect_left(self._keys, key)]
        if self._directory:
            self._path(key).unlink(missing_ok=True)
        return True

    def listing(self, prefix: str, after: str) -> Iterator[tuple[str, Stored]]:
        """Yield what starts with ``prefix`` and lies above ``after``."""
        start = max(bisect_left(self._keys, prefix), bisect_right(self._keys, after) if after else 0)
        for position in range(start, len(self._keys)):
            key = self._keys[position]
            if not key.startswith(prefix):
                return
            yield key, self.objects[key]

    def _load(self, directory: Path) -> None:
        for path in directory.glob("*.object"):
            head, _, body = path.read_bytes().partition(b"\n")
            facts = json.loads(head)
            self.objects[facts["key"]] = Stored(
                body, facts["checksum"], datetime.fromisoformat(facts["modified"]), facts["content_type"]
            )
        self._keys = sorted(self.objects)

    def _path(self, key: str) -> Path:
        assert self._directory
        return self._directory / f"{hashlib.sha256(key.encode()).hexdigest()}.object"
