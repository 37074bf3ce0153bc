"""What tests of several rooms share: a real browser, and a real Valkey (tests/conftest_valkey.py)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

pytest_plugins = ["tests.conftest_valkey"]

FLAGS = (
    "--no-sandbox",  # Chromium refuses its own sandbox to root, which CI is
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium: $CHROMIUM, or the one on PATH. Without one the page cannot be tested, which in CI is a failure."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        reason = (
            "Chromium is neither in $CHROMIUM nor on PATH (Debian: apt-get install chromium), so no page was opened"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()
