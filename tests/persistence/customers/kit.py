"""Short words for the pages about a customer's data."""

import contextlib
import io
import zipfile
from html import unescape
from typing import Any

from django.test import Client

from tests.admin_support import signed_in

RECORDS = "/admin/persistence/erasurerecord/"
CUSTOMER, EXPORT, ERASE = f"{RECORDS}customer/", f"{RECORDS}customer/export/", f"{RECORDS}customer/erase/"
MAY_LOOK, MAY_EXPORT, MAY_ERASE = (
    *("persistence.view_erasurerecord", "persistence.export_subject"),
    "persistence.erase_subject",
)
OFFICER = (MAY_LOOK, MAY_EXPORT, MAY_ERASE)
MARTA = {"domain": "demo", "customer": "marta"}


def officer(*permissions: str, domains: tuple[str, ...] = ("demo",)) -> Client:
    return signed_in(*(permissions or OFFICER), domains=domains)


def see(client: Client, **asked: str) -> str:
    response = client.get(CUSTOMER, asked)
    assert response.status_code == 200
    return unescape(response.content.decode())


def exported(client: Client, asked: dict[str, str]) -> zipfile.ZipFile:
    response = client.post(EXPORT, asked)
    assert response.status_code == 200
    return zipfile.ZipFile(io.BytesIO(content(response)))


def content(response: Any) -> bytes:
    """Read a download as a server does, which closes the file in the end."""
    with contextlib.closing(response):
        return b"".join(response.streaming_content)


def erase(client: Client, asked: dict[str, str], confirmation: str, **more: Any) -> Any:
    return client.post(ERASE, asked | {"confirmation": confirmation}, **more)
