#!/usr/bin/env python3
"""Two people at two real windows: one pastes the other's link, they talk, and what comes while nobody looks is a notification to click.

`session.sh python3 two_windows.py [--app PROGRAM] [--out DIR]`; a window manager (openbox) decides which window has the keyboard, and
notifyd.py stands in for the desktop's notifications.
"""

import argparse
import contextlib
import json
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from webdriver import APP, DEADLINE, Window, driver, until

HERE = Path(__file__).resolve().parent


class Notifications:
    """What the desktop was asked to show."""

    def __init__(self):
        argv = ["/usr/bin/python3", str(HERE / "notifyd.py")]
        self.child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.calls: queue.Queue = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.next("ready")

    def read(self) -> None:
        for line in self.child.stdout:
            self.calls.put(json.loads(line))

    def next(self, event: str, **wanted) -> dict:
        """The next call of this kind with these fields; others before it are passed over."""
        end = time.monotonic() + DEADLINE
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                call = self.calls.get(timeout=left)
                if call["event"] == event and all(call.get(key) == value for key, value in wanted.items()):
                    return call
        raise AssertionError(f"no {event} with {wanted}")

    def click(self, call: dict, shown) -> None:
        """Clicks as often as it takes: the app listens for clicks a moment after the notification is up, people are slower than that."""

        def once() -> bool:
            print(f"action {call['id']} default", file=self.child.stdin, flush=True)
            time.sleep(0.3)
            return shown()

        until("the effect of a click on a notification", once)

    def end(self) -> None:
        self.child.stdin.close()
        self.child.wait(10)


def first_run(port: int, app: Path, data: Path, name: str) -> Window:
    window = Window(port, app, data)
    window.write("textbox", "Your name", name)
    window.click("button", "Create")
    window.find("heading", "Save your recovery kit")
    window.click("button", "Later")
    return window


def give_keyboard(data: Path) -> None:
    """Puts the window over this data folder in front, as a click on it would."""
    found = subprocess.run(["pgrep", "-f", f"hearth --data {data}"], stdout=subprocess.PIPE, text=True, check=True)
    process = found.stdout.split()[0]
    subprocess.run(["xdotool", "search", "--sync", "--onlyvisible", "--pid", process, "windowactivate"], check=True)


def story(ports: list[int], app: Path, folder: Path, out: Path, notifications: Notifications) -> None:
    def screen(name: str) -> None:
        # Of the screen, since the web view draws no frame for a picture of a window that another one covers.
        subprocess.run(["import", "-window", "root", str(out / f"{name}.png")], check=False)

    ann = first_run(ports[0], app, folder / "a", "Ann")
    link = ann.value("textbox", "Your invite link")
    ann.click("button", "Later")
    bob = first_run(ports[1], app, folder / "b", "Bob")
    bob.write("textbox", "Paste an invite link", link)
    bob.click("button", "Start chat")
    bob.write("textbox", "Message", "Hello <b>Ann</b>")
    bob.click("button", "Send")
    bob.picture(out / "1-bob-waits.png")

    invitation = notifications.next("notify", summary="Bob")
    assert "default" in invitation["actions"], invitation
    notifications.click(invitation, lambda: ann.sees("button", "Accept"))
    ann.click("button", "Accept")
    ann.find("article", "Hello <b>Ann</b>")
    print("an invitation was a notification; the click showed it", flush=True)
    screen("2-accepted")

    ann.click("button", "Settings")
    give_keyboard(folder / "b")
    bob.write("textbox", "Message", "Tea at <five>?")
    bob.click("button", "Send")
    message = notifications.next("notify", summary="Bob", body="Tea at &lt;five&gt;?")
    notifications.click(message, lambda: ann.sees("heading", "Bob"))
    ann.find("article", "Tea at <five>?")
    print("a message was a notification; the click opened its room", flush=True)
    screen("3-clicked")

    ann.write("textbox", "Message", "At five.")
    ann.click("button", "Send")
    bob.find("article", "At five.")
    give_keyboard(folder / "b")
    screen("4-bob-reads")
    for window in (ann, bob):
        window.close()


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--app", type=Path, default=APP)
    p.add_argument("--out", type=Path, help="where pictures stay")
    a = p.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hearth-windows-"))
    out = a.out or folder
    out.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        manager = subprocess.Popen(["openbox"])
        stack.callback(manager.wait)
        stack.callback(manager.terminate)
        notifications = Notifications()
        stack.callback(notifications.end)
        ports = [stack.enter_context(driver()) for _ in range(2)]
        story(ports, a.app, folder, out, notifications)
    shutil.rmtree(folder)
    print("1 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
