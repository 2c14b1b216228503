"""Every address that Holdfast answers on."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.generic import RedirectView
from ninja.openapi.views import openapi_view

from config.api import api
from handoff.metrics import CasesCollector
from outbox.metrics import OutboxCollector
from persistence.claim_check.view import claim
from persistence.http.health import healthz, readyz
from persistence.http.metrics import metrics_view
from persistence.session.metrics import StatesCollector
from summarization.metrics import SummariesCollector


def docs(request: HttpRequest) -> HttpResponse:
    """The API's page, from files of our own: it loads nothing from elsewhere."""
    return openapi_view(request, api)


urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("api/docs", docs),
    path("claims/<str:token>", claim),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics_view(OutboxCollector, CasesCollector, SummariesCollector, StatesCollector)),
]
