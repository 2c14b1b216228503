"""Is the process alive; can it take a turn."""

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse


def healthz(_: HttpRequest) -> HttpResponse:
    """200 as long as the process answers at all; it asks nobody."""
    return JsonResponse({"status": "ok"})


def readyz(_: HttpRequest) -> HttpResponse:
    """200 when Postgres answers, which is all that a turn needs; 503 otherwise."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        connection.close()
        return JsonResponse({"status": "unavailable", "postgres": False}, status=503)
    return JsonResponse({"status": "ok", "postgres": True})
