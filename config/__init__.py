"""Composition root: settings, URLs, the Celery app, the beat schedule, destinations. Imported by nobody below.

The Celery app is loaded here because Celery's ``shared_task`` needs it before the first task is called.
"""

from config.celery import app as celery_app

__all__ = ["celery_app"]
