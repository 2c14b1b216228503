"""``python -m bench``: measure, print one table, keep the figures."""

import argparse
import json
import sys

from django.utils.module_loading import import_string

from bench.figures import FIGURES
from bench.harness.private import private_services
from bench.harness.report import circumstances, document, keep, show
from bench.harness.result import BenchError, Figure
from bench.harness.sizes import FULL, QUICK, SIZES, SMOKE
from config.services import ServiceError


def main() -> int:
    """Return 0 when everything was measured; with ``--strict``, 1 when a bar was missed."""
    options = arguments().parse_args()
    size = SIZES[options.size]
    figures: list[Figure] = []
    try:
        with private_services():
            before = circumstances()
            for name in options.names or FIGURES:
                say(f"{name} …")
                figures += import_string(FIGURES[name])(size)
            run = document(size, before, figures)
    except (BenchError, ServiceError) as error:
        say(f"Nothing can be said about the figures: {error}")
        return 2
    if options.json:
        print(json.dumps(run, indent=2))
    else:
        show(run, figures)
    if size is not SMOKE:  # its figures mean nothing
        say(f"Kept in {keep(run)}")
    return int(options.strict and not all(figure.held for figure in figures))


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure, each figure beside its limit."
    )
    parser.add_argument(
        "names", nargs="*", choices=[*FIGURES, []], metavar="NAME", help=f"of {', '.join(FIGURES)}"
    )
    parser.add_argument("--size", choices=SIZES, default=FULL.name, help="how much is done (default: full)")
    parser.add_argument(
        "--quick", dest="size", action="store_const", const=QUICK.name, help="the same as --size quick"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a bar is missed")
    return parser


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
