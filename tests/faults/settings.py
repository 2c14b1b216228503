"""Holdfast's own settings, with leases and rests short enough for a test to wait for."""

from config import env
from config.settings import *  # noqa: F403
from config.settings import OUTBOX_DESTINATIONS

OUTBOX_DESTINATIONS["archive"] |= {
    "lease": env.number("FAULTS_LEASE_SECONDS", 60, at_least=0.5, at_most=60),
    "max_rescues": env.integer("FAULTS_MAX_RESCUES", 5, at_least=1, at_most=10_000),
}
OUTBOX_DESTINATION_SOURCES = [env.text("FAULTS_SOURCE", "handoff.endpoints.Endpoints")]
FAULTS_HURRIED = {
    "lease": 2,
    "max_rescues": 10_000,
    "schedule": (0, 0.5, 1, 1, 1),
    "breaker": (0.5, 1),
    "on_exhausted": "repeat",
}
