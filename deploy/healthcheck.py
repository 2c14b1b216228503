"""Exit 0 when the address answers 200, else 1 with the reason. For HEALTHCHECK, in an image without curl.

python deploy/healthcheck.py http://127.0.0.1:8000/readyz
"""

import os
import sys
import urllib.error
import urllib.request

SECONDS = 4


def host() -> str:
    """Return a name that Django accepts in the Host header: the first of ALLOWED_HOSTS."""
    first = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".")
    return first if first not in ("", "*") else "localhost"


class Stay(urllib.request.HTTPRedirectHandler):
    """Follow nothing: a redirect leads away from the process that is asked about."""

    def redirect_request(self, *_: object) -> None:
        """Leave the answer as the error that it is."""


def main(url: str) -> int:
    """Ask once, never through a proxy."""
    request = urllib.request.Request(url, headers={"Host": host()})  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay)
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, OSError) as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
