"""A real browser for the tests: Debian's Chromium, driven by Playwright. Where there is none, its tests are skipped."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
NO_SANDBOX = ["--no-sandbox"] if os.geteuid() == 0 else []
QUIET = [
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"),
    *("--disable-domain-reliability", "--disable-default-apps", "--no-default-browser-check"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 375, "height": 740}

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the browser once per module. Playwright keeps a loop in this thread; Django may work beside it."""
    if not Path(CHROMIUM).exists():
        if os.environ.get("CI"):
            pytest.fail("CI must have a browser: the console would go untested")
        pytest.skip("no Chromium on this machine (apt install chromium, or name one with CHROMIUM)")
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=[*NO_SANDBOX, *QUIET])
        yield found
        found.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
    else:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def open_page(browser: Browser, live_server) -> Iterator[OpenPage]:
    """Return a function that signs a user in, in a browser window of their own, and opens an address.

    At the end no window may have complained: an error in a script or in its console fails the test.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def heard(told: ConsoleMessage) -> None:
        where = str(told.location.get("url", ""))
        # A refused button (409) is part of the game and shown on the page.
        if told.type == "error" and not where.endswith("/act/") and "/act/?" not in where:
            complaints.append(f"{told.text} {where}")

    def open_(path: str, user: str, password: str, *, width: int = 0) -> Page:
        size = PHONE if width == PHONE["width"] else DESKTOP
        context = browser.new_context(viewport=size, base_url=live_server.url, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"/admin/login/?next={path}")
        page.fill("input[name=username]", user)
        page.fill("input[name=password]", password)
        page.click("button[type=submit]")
        page.wait_for_url(f"**{path}")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not complaints, complaints
