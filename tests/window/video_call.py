#!/usr/bin/env python3
"""A video call between two real windows: both see each other and themselves, by cameras of PipeWire; one shares a screen.

`session.sh ../cameras/session.sh ../sound/session.sh python3 video_call.py [--app PROGRAM] [--out DIR]`; pictures of the windows
stay in DIR, light and dark.
"""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

from people import Stage, play
from webdriver import Window, until

HERE = Path(__file__).resolve().parent

# How many pictures were drawn on the canvas of this name, and how unlike its points are.
LOOK = """
const canvas = [...document.querySelectorAll('[role=img]')].find((e) => e.getAttribute('aria-label') === arguments[0])?.querySelector('canvas');
if (!canvas || canvas.width < 16 || canvas.getClientRects().length === 0) return null;
const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
let least = 255, most = 0;
for (let at = 0; at < data.length; at += 4 * 97) { least = Math.min(least, data[at]); most = Math.max(most, data[at]); }
return { drawn: Number(canvas.dataset.drawn ?? 0), spread: most - least, width: canvas.width, height: canvas.height };
"""


def look(window: Window, name: str) -> dict | None:
    return window.do("POST", "/execute/sync", {"script": LOOK, "args": [name]})


def sees(window: Window, name: str, more: int = 20) -> dict:
    """Waits until more pictures are drawn, with shapes in them."""
    began = until(f"a canvas {name!r}", lambda: look(window, name))["drawn"]

    def drawn():
        seen = look(window, name)
        return seen and seen["drawn"] >= began + more and seen["spread"] > 60 and seen

    return until(f"pictures on {name!r}", drawn)


def sees_no_more(window: Window, name: str) -> None:
    until(f"{name!r} to go", lambda: look(window, name) is None)


def says(window: Window, words: str) -> None:
    until(f"the words {words!r}", lambda: window.shows(words))


def theme(window: Window, name: str) -> None:
    window.do("POST", "/execute/sync", {"script": "document.documentElement.dataset.theme = arguments[0]", "args": [name]})


@contextlib.contextmanager
def portal(*more: str):
    """The desktop's dialog about screens."""
    argv = ["/usr/bin/python3", str(HERE.parent / "cameras" / "portal.py"), *more]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline().strip() == "ready"
        yield child
    finally:
        child.stdin.close()
        child.wait(10)


def story(stage: Stage) -> None:
    # GStreamer's cameras serve one program each.
    for name, camera in (("a", "one"), ("b", "two")):
        (stage.folder / name / "app").mkdir(parents=True, mode=0o700)
        (stage.folder / name / "app" / "settings.json").write_text(json.dumps({"camera": camera}))
    ann, bob = stage.acquainted()

    ann.click("button", "Video call")
    bob.click("button", "Accept")
    for window, other in ((ann, "Bob"), (bob, "Ann")):
        seen = sees(window, f"{other}’s picture")
        own = sees(window, "Your picture")
        print(f"{other} is seen at {seen['width']} × {seen['height']}, oneself at {own['width']} × {own['height']}", flush=True)
    stage.give_keyboard("a")
    for name in ("light", "dark"):
        theme(ann, name)
        ann.picture(stage.out / f"1-call-{name}.png")

    full = "return innerWidth === screen.width && innerHeight === screen.height"
    for wanted in (True, False):
        ann.click("button", "Full screen")
        until("the whole screen" if wanted else "a window", lambda: ann.do("POST", "/execute/sync", {"script": full, "args": []}) == wanted)
        if wanted:
            stage.screen("1-call-full")
    print("a call fills the screen, and a window again", flush=True)

    ann.click("button", "Camera")
    sees_no_more(bob, "Ann’s picture")
    bob.picture(stage.out / "2-camera-off.png")
    print("a camera that is off leaves a name", flush=True)

    with portal("screen"):
        ann.click("button", "Share screen")
        says(ann, "You are sharing your screen")
        sees(bob, "Ann’s screen", 5)
        bob.picture(stage.out / "3-shared-screen.png")
        ann.click("button", "Share screen")
        sees_no_more(bob, "Ann’s screen")
    print("a screen was chosen, shared and taken back", flush=True)

    os.kill(int(os.environ["CAMERA_TWO"]), signal.SIGTERM)
    says(bob, "The camera is gone: you are not seen.")
    sees_no_more(ann, "Bob’s picture")
    bob.picture(stage.out / "4-camera-gone.png")
    print("a camera that was pulled out is said to be gone", flush=True)
    ann.click("button", "Hang up")
    says(bob, "Ann hung up")
    for window in (ann, bob):
        window.close()


if __name__ == "__main__":
    play(story, __doc__)
