#!/usr/bin/env python3
"""The real window once: it paints, the first run completes, a message appears, a second start goes straight on.

`session.sh python3 smoke.py [--app PROGRAM] [--out DIR]` drives the app through WebKitWebDriver; standard library only.
"""

import argparse
import base64
import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CACHE = Path(os.environ.get("HEARTH_CACHE") or Path.home() / ".cache" / "hearth")
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", CACHE / "target"))
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
DEADLINE = 90.0

# Elements by what a screen reader would call them.
FIND = """
const [role, name] = arguments;
const kinds = {
  textbox: 'input:not([type=checkbox]):not([type=file]), textarea, [role=textbox], [contenteditable=true]',
  button: 'button, [role=button]', heading: 'h1, h2, h3, [role=heading]', tab: '[role=tab]',
  article: 'article, [role=article]',
};
const called = (e) => [e.getAttribute('aria-label'), ...[...(e.labels ?? [])].map((l) => l.textContent), e.textContent]
  .filter(Boolean).map((text) => text.replace(/\\s+/g, ' ').trim());
return [...document.querySelectorAll(kinds[role])].find((e) => e.getClientRects().length > 0 && !e.disabled
  && called(e).some((text) => role === 'article' ? text.includes(name) : text === name)) ?? null;
"""


class Window:
    """The app under WebKitWebDriver."""

    def __init__(self, port: int, app: Path, data: Path):
        self.port = port
        options = {"binary": str(app), "args": ["--data", str(data)]}
        asked = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        self.session = self.ask("POST", "/session", asked)["sessionId"]

    def ask(self, method: str, path: str, body: dict | None = None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(answer, dict) and "error" in answer:
            raise AssertionError(f"{method} {path}: {answer['error']}: {answer.get('message')}")
        return answer

    def do(self, method: str, path: str, body: dict | None = None):
        return self.ask(method, f"/session/{self.session}{path}", body)

    def find(self, role: str, name: str) -> str:
        """Waits for an element; answers its reference."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            found = self.do("POST", "/execute/sync", {"script": FIND, "args": [role, name]})
            if found:
                return found[ELEMENT]
            time.sleep(0.1)
        text = self.do("POST", "/execute/sync", {"script": "return document.body.innerText", "args": []})
        raise AssertionError(f"no {role} {name!r}; the window shows:\n{text}")

    def click(self, role: str, name: str) -> None:
        self.do("POST", f"/element/{self.find(role, name)}/click", {})

    def write(self, role: str, name: str, text: str) -> None:
        self.do("POST", f"/element/{self.find(role, name)}/value", {"text": text})

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.do("GET", "/screenshot")))

    def close(self) -> None:
        self.do("DELETE", "")


@contextlib.contextmanager
def driver():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # What tauri-driver sets: the webview allows automation.
    env = os.environ | {"TAURI_AUTOMATION": "true", "TAURI_WEBVIEW_AUTOMATION": "true"}
    child = subprocess.Popen(["WebKitWebDriver", f"--port={port}"], env=env)
    try:
        end = time.monotonic() + 20
        while socket.socket().connect_ex(("127.0.0.1", port)) and time.monotonic() < end:
            time.sleep(0.05)
        yield port
    finally:
        child.terminate()
        child.wait()


def story(port: int, app: Path, data: Path, out: Path) -> None:
    began = time.monotonic()
    window = Window(port, app, data)
    window.find("textbox", "Your name")
    print(f"painted after {time.monotonic() - began:.1f} s", flush=True)
    window.write("textbox", "Your name", "Ada")
    window.picture(out / "1-first-run.png")
    window.click("button", "Create")
    window.find("heading", "Save your recovery kit")
    print(f"first run complete after {time.monotonic() - began:.1f} s", flush=True)
    window.picture(out / "2-recovery-kit.png")
    window.click("button", "Later")
    window.find("textbox", "Your invite link")
    window.picture(out / "3-invite.png")
    window.click("button", "New conversation")
    window.click("tab", "A room")
    window.write("textbox", "Name of the room", "Notes")
    window.click("button", "Create room")
    window.write("textbox", "Message", "the first words")
    window.click("button", "Send")
    window.find("article", "the first words")
    window.picture(out / "4-message.png")
    window.close()
    window = Window(port, app, data)
    window.find("button", "New conversation")
    print("the second start goes straight to the conversations", flush=True)
    window.picture(out / "5-second-start.png")
    window.close()


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--app", type=Path, default=TARGET / "debug" / "hearth")
    p.add_argument("--out", type=Path, help="where pictures stay")
    a = p.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hearth-window-"))
    out = a.out or folder
    out.mkdir(parents=True, exist_ok=True)
    with driver() as port:
        story(port, a.app, folder / "data", out)
    shutil.rmtree(folder)
    print("1 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
