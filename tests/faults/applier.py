"""A worker that does nothing but write behind: what Celery's task does each second, without the pauses."""

import logging
import time

import django

django.setup()

from persistence.session.behind.apply import keep_up  # noqa: E402

logging.disable(logging.CRITICAL)
while True:
    keep_up(budget=5)
    time.sleep(0.02)
