"""What time it is at the server. A write says until when it may be carried out, by the server's own clock.

A frozen server still has in its socket what its clients gave up long ago, and reads that first when it goes on. What
such a write would change has been written elsewhere since, and its version would be the newest of all.
"""

import time

SLACK_MS = 100  # for an error in the time of the server, and for one that is only slow


class ServerClock:
    """The server's time in milliseconds since 1970: this machine's until an answer tells, and then its own."""

    def __init__(self) -> None:
        self._ahead: float | None = None

    def heard(self, milliseconds: int) -> None:
        """Take the time from an answer that has just come."""
        self._ahead = milliseconds - time.monotonic() * 1000

    def last_moment(self, seconds: float) -> int:
        """Return until when a write may be carried out that is waited for so long."""
        now = time.time() * 1000 if self._ahead is None else time.monotonic() * 1000 + self._ahead
        return int(now + seconds * 1000) + SLACK_MS
