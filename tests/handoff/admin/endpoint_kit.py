"""Short words for what an operator does on an endpoint's pages."""

import re
from html import unescape
from typing import Any

from django.test import Client

from handoff.models import Endpoint
from handoff.secrets import seal
from tests.fakes.desk.webhook import SECRET

LIST = "/admin/handoff/endpoint/"
ADD = f"{LIST}add/?connector="


def form(**given: str) -> dict[str, str]:
    filled = {
        "slug": "desk",
        "purpose": "helpdesk",
        "domain": "demo",
        "url": "https://desk.example.com/hook",
        "max_in_flight": "4",
        "active": "on",
    } | given
    return {name: value for name, value in filled.items() if value}


def made(client: Client, connector: str = "webhook", **given: str) -> Any:
    return client.post(ADD + connector, form(**given))


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200, "the form was taken"
    return dict(response.context["adminform"].form.errors)


def page(endpoint: Endpoint, name: str = "change") -> str:
    return f"{LIST}{endpoint.pk}/{name}/"


def existing(**given: Any) -> Endpoint:
    facts = {"slug": "desk", "domain": "demo", "connector": "webhook", "url": "https://desk.example.com/hook"}
    secrets = given.pop("secrets", {"signing": (SECRET,)})
    return Endpoint.objects.create(**facts | given, sealed_secrets=seal(secrets))


def changed(endpoint: Endpoint, **given: str) -> dict[str, str]:
    filled = {"url": endpoint.url, "max_in_flight": "4", "active": "on"} | given
    return {name: value for name, value in filled.items() if value}


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def secret_on(response: Any) -> str:
    found = re.search(r'<output id="hf-secret"[^>]*>([^<]+)</output>', response.content.decode())
    return unescape(found[1]) if found else ""
