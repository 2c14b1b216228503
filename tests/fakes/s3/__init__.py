"""A small S3 that really checks digests and signatures, and fails on command.

``with FakeS3() as s3:`` runs it in a thread of this process; ``python -m tests.fakes.s3 --port 0`` runs it as
a process of its own. Both take the same commands (see ``control``): ``s3.control({...})`` or ``POST
/_control``.
"""

from tests.fakes.s3.thread import FakeS3

__all__ = ["FakeS3"]
