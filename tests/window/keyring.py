#!/usr/bin/env python3
"""The keys of a start: in the keyring, behind a locked one, and behind a passphrase where there is no keyring.

`session.sh python3 keyring.py [--app PROGRAM] [--out DIR]`: a locked keyring is said in words and costs nothing; a wrong passphrase too.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from webdriver import APP, Window, driver

SECRETS = "/org/freedesktop/secrets"


def lock() -> None:
    """Locks the session's keyring, as a screen lock may."""
    call = ["--dest=org.freedesktop.secrets", SECRETS, "org.freedesktop.Secret.Service.Lock"]
    path = f"array:objpath:{SECRETS}/collection/login"
    subprocess.run(["dbus-send", "--session", "--print-reply", *call, path], check=True, stdout=subprocess.DEVNULL)


def unlock() -> None:
    daemon = ["gnome-keyring-daemon", "--replace", "--unlock", "--components=secrets", "--daemonize"]
    subprocess.run(daemon, input=b"pw", check=True, stdout=subprocess.DEVNULL)


def first_run(window: Window, name: str, passphrase: str | None = None) -> None:
    window.write("textbox", "Your name", name)
    if passphrase:
        window.write("textbox", "Passphrase", passphrase)
    window.click("button", "Create")
    window.find("heading", "Save your recovery kit")
    window.click("button", "Later")
    window.find("textbox", "Your invite link")
    window.click("button", "Later")
    window.find("button", "New conversation")


def locked(port: int, app: Path, data: Path, out: Path) -> None:
    window = Window(port, app, data)
    first_run(window, "Ada")
    window.close()
    lock()
    window = Window(port, app, data)
    # Nothing here shows the keyring's own question, so it stays open until the keyring is another.
    window.find("heading", "Waiting for your keyring")
    window.picture(out / "1-locked.png")
    unlock()
    window.find("button", "New conversation")
    window.close()
    print("a locked keyring was said, and after it was unlocked all was there", flush=True)


def passphrase(port: int, app: Path, data: Path, out: Path) -> None:
    window = Window(port, app, data)
    window.find("textbox", "Passphrase")
    window.picture(out / "2-no-keyring.png")
    first_run(window, "Bo", "correct horse")
    window.close()
    window = Window(port, app, data)
    window.write("textbox", "Passphrase", "wrong horse")
    window.click("button", "Open")
    window.find("alert", "That is not the passphrase. Try again.")
    window.picture(out / "3-wrong-passphrase.png")
    window.write("textbox", "Passphrase", "correct horse")
    window.click("button", "Open")
    window.find("button", "New conversation")
    window.close()
    print("without a keyring a passphrase opened what it had closed", flush=True)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--app", type=Path, default=APP)
    p.add_argument("--out", type=Path, help="where pictures stay")
    a = p.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hearth-keyring-"))
    out = a.out or folder
    out.mkdir(parents=True, exist_ok=True)
    with driver() as port:
        locked(port, a.app, folder / "a", out)
    with driver(DBUS_SESSION_BUS_ADDRESS=f"unix:path={folder / 'nobody'}") as port:
        passphrase(port, a.app, folder / "b", out)
    shutil.rmtree(folder)
    print("2 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
