"""Two people at two real windows, and the desktop around them: a window manager that decides which window has the keyboard, and
notifyd.py in place of the desktop's notifications."""

import argparse
import contextlib
import json
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from webdriver import APP, DEADLINE, Window, driver, until

HERE = Path(__file__).resolve().parent


class Notifications(contextlib.AbstractContextManager):
    """What the desktop was asked to show."""

    def __init__(self):
        argv = ["/usr/bin/python3", str(HERE / "notifyd.py")]
        self.child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.calls: queue.Queue = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.next("ready")

    def __exit__(self, *_) -> None:
        self.child.stdin.close()
        self.child.wait(10)

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

    def press(self, call: dict, action: str, shown: Callable[[], object]) -> None:
        """Presses as often as it takes: the app listens a moment after the notification is up, people are slower than that."""

        def once() -> object:
            print(f"action {call['id']} {action}", file=self.child.stdin, flush=True)
            time.sleep(0.3)
            return shown()

        until(f"the effect of {action!r} on a notification", once)


@dataclass
class Stage:
    """Where a story happens."""

    app: Path
    ports: list[int]
    # Ann's data is in `a` below it, Bob's in `b`.
    folder: Path
    out: Path

    def ann(self) -> Window:
        return self.first_run(0, "Ann")

    def bob(self) -> Window:
        return self.first_run(1, "Bob")

    def first_run(self, which: int, name: str) -> Window:
        window = Window(self.ports[which], self.app, self.folder / "ab"[which])
        window.write("textbox", "Your name", name)
        window.click("button", "Create")
        window.find("heading", "Save your recovery kit")
        window.click("button", "Later")
        return window

    def invited(self) -> tuple[Window, Window]:
        """Ann and Bob; he pasted her link, and she has not answered yet."""
        ann = self.ann()
        link = ann.value("textbox", "Your invite link")
        ann.click("button", "Later")
        bob = self.bob()
        bob.write("textbox", "Paste an invite link", link)
        bob.click("button", "Start chat")
        return ann, bob

    def acquainted(self) -> tuple[Window, Window]:
        """Ann and Bob, who can talk and call."""
        ann, bob = self.invited()
        ann.click("link", "Bob")
        ann.click("button", "Accept")
        ann.find("textbox", "Message")
        bob.find("button", "Voice call")
        return ann, bob

    def give_keyboard(self, which: str) -> None:
        """Puts the window over this folder (`a`, `b`) in front, as a click on it would."""
        data = self.folder / which
        found = subprocess.run(["pgrep", "-f", f"hearth --data {data}"], stdout=subprocess.PIPE, text=True, check=True)
        process = found.stdout.split()[0]
        subprocess.run(["xdotool", "search", "--sync", "--onlyvisible", "--pid", process, "windowactivate"], check=True)

    def screen(self, name: str) -> None:
        """A picture of the screen: the web view draws no frame for a picture of a window that another one covers."""
        subprocess.run(["import", "-window", "root", str(self.out / f"{name}.png")], check=False)


def play(story: Callable[[Stage], None], words: str) -> None:
    """Plays a story as its program; what it leaves goes when it went well."""
    p = argparse.ArgumentParser(description=words)
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
        ports = [stack.enter_context(driver()) for _ in range(2)]
        stage = Stage(a.app, ports, folder, out)
        try:
            story(stage)
        except BaseException:
            stage.screen("failed")
            raise
    shutil.rmtree(folder)
    print("1 passed, 0 failed")
