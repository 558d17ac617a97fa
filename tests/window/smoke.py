#!/usr/bin/env python3
"""The real window once: it paints, the first run completes, a message appears, a second start goes straight on.

`session.sh python3 smoke.py [--app PROGRAM] [--out DIR]` drives the app through WebKitWebDriver; standard library only.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from webdriver import APP, Window, driver


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
    window.click("button", "Later")
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
    p.add_argument("--app", type=Path, default=APP)
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
