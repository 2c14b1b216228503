"""``python -m tests.fakes.s3 --port 0``: print the URL as the first line, then serve until told to stop."""

import argparse
import asyncio
import signal
from pathlib import Path

from tests.fakes.s3.server import Server
from tests.fakes.s3.thread import ACCESS_KEY, BUCKET, SECRET_KEY


async def serve(options: argparse.Namespace) -> None:
    """Listen until SIGTERM or SIGINT."""
    server = Server(access_key=options.access_key, secret_key=options.secret_key, directory=options.directory)
    server.service.store.create(options.bucket)
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    port = await server.start(options.port)
    print(f"http://127.0.0.1:{port}", flush=True)
    await done.wait()
    await server.stop()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.s3", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--bucket", default=BUCKET)
    parser.add_argument("--access-key", default=ACCESS_KEY)
    parser.add_argument("--secret-key", default=SECRET_KEY)
    parser.add_argument("--directory", type=Path, help="keep objects here, so that they survive the process")
    asyncio.run(serve(parser.parse_args()))


main()
