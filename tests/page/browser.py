"""A real headless Chromium, driven by WebDriver itself: a few calls need no library."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--window-size=1400,1000",
]
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Delete": "\ue017", "Shift": "\ue008"}
KEYS |= {"Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015"}


@dataclass(frozen=True)
class Browser:
    """One session. What it is asked for is waited for."""

    session: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.session + path, data, method=method)  # noqa: S310
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)["value"]

    def open(self, url: str) -> None:
        self.call("POST", "/url", {"url": url})

    def js(self, script: str, *arguments: Any) -> Any:
        """What a function of this body returns in the page."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector: str) -> str:
        found = self.js("return document.querySelector(arguments[0])?.innerText ?? ''", selector)
        return str(found)

    def click(self, selector: str) -> None:
        found = self.call("POST", "/element", {"using": "css selector", "value": selector})
        self.call("POST", f"/element/{found[_ELEMENT]}/click")

    def keys(self, *names: str, holding: str = "") -> None:
        """Press keys on whatever has the focus."""
        strokes = [
            {"type": kind, "value": KEYS[name]} for name in names for kind in ("keyDown", "keyUp")
        ]
        if holding:
            held = KEYS[holding]
            strokes = [
                {"type": "keyDown", "value": held},
                *strokes,
                {"type": "keyUp", "value": held},
            ]
        self._act({"type": "key", "id": "keyboard", "actions": strokes})

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """With the mouse, in pixels of the window."""
        steps: list[dict[str, Any]] = [
            _to(start),
            {"type": "pointerDown", "button": 0},
            _to(((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)),
            _to(end),
            {"type": "pointerUp", "button": 0},
        ]
        self._act({"type": "pointer", "id": "mouse", "actions": steps})

    def _act(self, source: dict[str, Any]) -> None:
        self.call("POST", "/actions", {"actions": [source]})

    def until(self, what: Callable[[], Any], within: float = 30.0) -> Any:
        """Wait for something true, and return it."""
        end = time.monotonic() + within
        while not (found := what()):
            assert time.monotonic() < end, "it did not come"
            time.sleep(0.1)
        return found

    def picture(self, path: Path) -> None:
        """A screenshot."""
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))


def _to(place: tuple[float, float]) -> dict[str, Any]:
    return {"type": "pointerMove", "duration": 50, "x": round(place[0]), "y": round(place[1])}


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start one with an empty profile, and end it."""
    driver = subprocess.Popen(
        [str(DRIVER), "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert driver.stdout is not None
        said = next(line for line in driver.stdout if "successfully on port" in line)
        base = f"http://127.0.0.1:{said.split()[-1].rstrip('.')}"
        options = {"binary": BROWSER, "args": [*_FLAGS, f"--user-data-dir={profile}"]}
        wanted = {
            "capabilities": {
                "alwaysMatch": {
                    "goog:chromeOptions": options,
                    "goog:loggingPrefs": {"browser": "ALL"},
                }
            }
        }
        made = Browser(f"{base}").call("POST", "/session", wanted)
        session = Browser(f"{base}/session/{made['sessionId']}")
        try:
            yield session
        finally:
            session.call("DELETE", "")
    finally:
        driver.terminate()
        driver.communicate(timeout=30)
