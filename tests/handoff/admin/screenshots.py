"""Take the pictures that docs/images keeps: ``python -m tests.handoff.admin.screenshots [DIRECTORY]``."""

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    os.environ["HOLDFAST_SCREENSHOTS"] = sys.argv[1] if len(sys.argv) > 1 else "docs/images"
    sys.exit(pytest.main([str(Path(__file__).with_name("pictures.py")), "-p", "no:randomly"]))
