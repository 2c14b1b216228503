"""The Celery app. Messages carry a destination's name and nothing else; the outbox rows are the truth."""

import os
import sys
from typing import Any

import django
from celery import Celery
from celery.signals import beat_init, worker_init, worker_process_shutdown
from django.core.exceptions import ImproperlyConfigured

from config.startup import refuse_what_cannot_work
from persistence.ladder import reporter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("holdfast")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
@beat_init.connect
def check_settings(**_: Any) -> None:
    """End a worker or beat whose settings cannot work before it takes its first task."""
    django.setup()
    try:
        refuse_what_cannot_work()
    except ImproperlyConfigured as error:
        print(error, file=sys.__stderr__)  # beat has put a logger in place of sys.stderr
        raise SystemExit(1) from None  # Celery's signals would log any other exception and go on


@worker_init.connect
def report_figures(**_: Any) -> None:
    """Have the worker, and the processes of its pool, report what they measure for ``manage.py ladder``."""
    reporter.report_as("worker")


@worker_process_shutdown.connect
def report_last(**_: Any) -> None:
    """Report a last time: a process of the pool ends without Python's own farewell."""
    reporter.stop()
