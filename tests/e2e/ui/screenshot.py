"""Takes a screenshot of the top of a report: `screenshot.py REPORT.html PICTURE.png`. Needs Chromium in PATH."""

from __future__ import annotations

import sys
from pathlib import Path

from e2e.ui.chromium import chromium

SIZE = {"width": 1100, "height": 640}


def main(report: str, picture: str) -> None:
    """Take the screenshot."""
    with chromium() as browser:
        page = browser.new_context(offline=True, viewport=SIZE, color_scheme="light").new_page()
        page.goto(Path(report).resolve().as_uri())
        page.screenshot(path=picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
