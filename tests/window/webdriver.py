"""The app's real window under WebKitWebDriver; elements are found by role and name, as a screen reader would. Standard library only."""

import base64
import contextlib
import http.client
import json
import os
import socket
import subprocess
import time
from pathlib import Path

CACHE = Path(os.environ.get("HEARTH_CACHE") or Path.home() / ".cache" / "hearth")
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", CACHE / "target"))
APP = TARGET / "debug" / "hearth"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
DEADLINE = float(os.environ.get("DEADLINE", "90"))

# Elements by what a screen reader would call them.
FIND = """
const [role, name] = arguments;
const kinds = {
  textbox: 'input:not([type=checkbox]):not([type=file]), textarea, [role=textbox], [contenteditable=true]',
  button: 'button, [role=button]', heading: 'h1, h2, h3, [role=heading]', tab: '[role=tab]',
  article: 'article, [role=article]', link: 'a[href], [role=link]', alert: '[role=alert]',
};
const called = (e) => [e.getAttribute('aria-label'), ...[...(e.labels ?? [])].map((l) => l.textContent), e.textContent]
  .filter(Boolean).map((text) => text.replace(/\\s+/g, ' ').trim());
return [...document.querySelectorAll(kinds[role])].find((e) => e.getClientRects().length > 0 && !e.disabled
  && called(e).some((text) => ['article', 'link'].includes(role) ? text.includes(name) : text === name)) ?? null;
"""


def until(what: str, look):
    """Looks again until there is something."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.1)
    raise TimeoutError(f"waited for {what} in vain")


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

    def sees(self, role: str, name: str) -> str | None:
        """An element's reference, if it is there now."""
        found = self.do("POST", "/execute/sync", {"script": FIND, "args": [role, name]})
        return found and found[ELEMENT]

    def shows(self, words: str) -> bool:
        return self.do("POST", "/execute/sync", {"script": "return document.body.innerText.includes(arguments[0])", "args": [words]})

    def find(self, role: str, name: str) -> str:
        """Waits for an element; answers its reference."""
        with contextlib.suppress(TimeoutError):
            return until(f"{role} {name!r}", lambda: self.sees(role, name))
        text = self.do("POST", "/execute/sync", {"script": "return document.body.innerText", "args": []})
        raise AssertionError(f"no {role} {name!r}; the window shows:\n{text}")

    def click(self, role: str, name: str) -> None:
        self.do("POST", f"/element/{self.find(role, name)}/click", {})

    def write(self, role: str, name: str, text: str) -> None:
        self.do("POST", f"/element/{self.find(role, name)}/value", {"text": text})

    def value(self, role: str, name: str) -> str:
        """Waits until a field has something in it; answers that."""
        script = "return arguments[0].value"
        return until(f"text in {name!r}", lambda: self.do("POST", "/execute/sync", {"script": script, "args": [{ELEMENT: self.find(role, name)}]}))

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.do("GET", "/screenshot")))

    def close(self) -> None:
        self.do("DELETE", "")


@contextlib.contextmanager
def driver(**more: str):
    """A WebKitWebDriver's port; it starts apps with `more` in their environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # What tauri-driver sets: the webview allows automation.
    env = os.environ | {"TAURI_AUTOMATION": "true", "TAURI_WEBVIEW_AUTOMATION": "true"} | more
    child = subprocess.Popen(["WebKitWebDriver", f"--port={port}"], env=env)
    try:
        end = time.monotonic() + 20
        while socket.socket().connect_ex(("127.0.0.1", port)) and time.monotonic() < end:
            time.sleep(0.05)
        yield port
    finally:
        child.terminate()
        child.wait()
