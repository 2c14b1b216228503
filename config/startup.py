"""What every long-running process does first: refuse settings that cannot work, in words, before it takes any work."""

from typing import Any

from django.core.checks import ERROR, run_checks
from django.core.exceptions import ImproperlyConfigured


def refuse_what_cannot_work(**_: Any) -> None:
    """Run the system checks. Raises ImproperlyConfigured with every error and its hint."""
    errors = [found for found in run_checks(databases=["default"]) if found.level >= ERROR]
    if errors:
        told = "\n".join(f"  {found}" for found in errors)
        raise ImproperlyConfigured(f"Holdfast does not start with these settings:\n{told}")
