"""The Chromium of the tests, which must be in PATH."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright


@contextmanager
def chromium() -> Iterator[Browser]:
    """Starts Chromium, and closes it at the end."""
    with sync_playwright() as playwright:
        sandbox = os.geteuid() != 0  # Chromium's sandbox does not work as root
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), chromium_sandbox=sandbox)
        yield browser
        browser.close()
