"""The page in a real headless browser: what a person sees and does, with mouse and keyboard."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.page.browser import BROWSER, DRIVER, Browser, browser
from tests.page.conftest import Site
from tests.page.pictures import COLUMNS
from watcher.receiver.app import Running

pytestmark = pytest.mark.skipif(
    BROWSER is None or DRIVER is None,
    reason="no headless browser here (Debian: chromium and chromium-driver)",
)

_BOXES = """return [...document.querySelectorAll('#boxes rect')].map(r =>
    ['x', 'y', 'width', 'height'].map(name => Number(r.getAttribute(name))))"""
_RED = """const c = document.querySelector('#picture'), [x, y] = arguments;
    return c.getContext('2d').getImageData(x, y, 1, 1).data[0]"""


def boxes(page: Browser) -> list[list[float]]:
    found: list[list[float]] = page.js(_BOXES)
    return found


def walk(page: Browser, site: Site) -> None:
    """Overview, then one file reviewed: its boxes taken away, drawn anew, moved, and approved."""
    one, two = site.ids
    page.open(site.url)
    page.until(lambda: "north" in page.text("#customers"))
    assert "2" in page.js("return document.querySelector('#customers tbody tr').cells[8].innerText")
    title = "return document.querySelector('#charts svg title').textContent"
    assert "2 quarantined" in page.js(title)

    page.click("#to-quarantine")
    page.until(lambda: one in page.text("#held"))
    page.click(f"#held-{one}")
    page.until(lambda: "Refused: burned-in" in page.text("#review-why"))
    assert "PatientName" in page.text("#header")
    assert "Zyxcanary" not in page.text("body")
    assert boxes(page)

    page.click("#clear")
    assert boxes(page) == []
    frame = page.js(
        "const r = document.querySelector('#stage').getBoundingClientRect();"
        "return [r.left, r.top, r.width, r.height]"
    )
    scale = frame[2] / COLUMNS
    page.drag((frame[0] + 2, frame[1] + 2), (frame[0] + 300 * scale, frame[1] + 60 * scale))
    ((x, y, width, height),) = boxes(page)
    assert x < 6
    assert y < 6
    assert abs(x + width - 300) < 6
    assert abs(y + height - 60) < 6
    with_keyboard(page)
    page.click("#mask")
    page.until(lambda: page.text("#said") == "")
    assert page.js(_RED, 200, 30) == 0

    page.click("#values")
    page.until(lambda: "Zyxcanary" in page.text("#header"))
    page.click("#approve")
    page.until(lambda: "approved" in page.text("#said"))
    page.until(lambda: one not in page.text("#held"))
    assert two in page.text("#held")
    assert "Zyxcanary" not in page.js("return document.documentElement.outerHTML")


def with_keyboard(page: Browser) -> None:
    """The drawn box has the focus: widened, moved to the edge, another added and removed again."""
    page.keys(*["Right"] * 50, holding="Shift")
    ((x, _, width, _),) = boxes(page)
    assert x + width == COLUMNS
    page.keys("Down")
    assert boxes(page)[0][1] >= 8
    page.keys("Up")
    page.js("document.querySelector('#add').focus()")
    page.keys("Enter")
    assert len(boxes(page)) == 2
    assert page.js("return document.activeElement.getAttribute('aria-label')").startswith("Box 2")
    page.keys("Delete")
    assert len(boxes(page)) == 1
    label = page.js("return document.activeElement.getAttribute('aria-label')")
    assert label.startswith("Box 1")


async def test_a_person_reviews_with_mouse_and_keyboard(
    site: Site, backend: Running, tmp_path: Path
) -> None:
    """No error in the console, nothing asked of any other machine, and it is delivered."""

    def session() -> tuple[list[Any], list[str]]:
        with browser(tmp_path / "profile") as page:
            walk(page, site)
            asked = page.js("return performance.getEntriesByType('resource').map(e => e.name)")
            return page.call("POST", "/se/log", {"type": "browser"}), asked

    console, asked = await asyncio.to_thread(session)
    assert console == []
    assert asked
    assert all(name.startswith(site.url) for name in asked)
    await site.until("delivered", site.ids[0])
    assert [deed for deed, _, _ in site.told()] == ["values-shown", "approved", "delivered"]


async def test_every_tool_can_be_reached_with_the_tab_key(site: Site, tmp_path: Path) -> None:
    """In the order of the page, and the focus can be seen."""

    def session() -> list[str]:
        with browser(tmp_path / "profile") as page:
            page.open(f"{site.url}#quarantine/{site.ids[1]}")
            page.until(lambda: page.text("#review-why"))
            page.js("document.body.focus(); document.querySelector('#to-overview').focus()")
            reached = []
            for _ in range(40):
                page.keys("Tab")
                reached.append(page.js("return document.activeElement.id"))
                if reached[-1] == "values":
                    break
            assert (
                page.js("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
            )
            return reached

    reached = await asyncio.to_thread(session)
    tools = ["approve", "reject", "release", "rule", "add", "clear", "frame", "mask", "under"]
    assert [name for name in reached if name in tools] == tools
    assert f"held-{site.ids[1]}" in reached
