"""Takes a screenshot of the top of a report: `screenshot.py REPORT.html PICTURE.png`. Needs Chromium in PATH."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZE = {"width": 1100, "height": 680}


def main(report: str, picture: str) -> None:
    """Take the screenshot."""
    with sync_playwright() as playwright:
        sandbox = os.geteuid() != 0  # Chromium's sandbox does not work as root
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), chromium_sandbox=sandbox)
        page = browser.new_context(offline=True, viewport=SIZE, color_scheme="light").new_page()
        page.goto(Path(report).resolve().as_uri())
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
