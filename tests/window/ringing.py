#!/usr/bin/env python3
"""A call rings at a window that nobody looks at: the desktop's notification comes and goes with it, and its buttons answer.

`session.sh ../sound/session.sh python3 ringing.py [--app PROGRAM] [--out DIR]`
"""

from people import Notifications, Stage, play


def rings(notifications: Notifications) -> dict:
    call = notifications.next("notify", summary="Bob", body="Voice call")
    assert {"accept": "Accept", "decline": "Decline"}.items() <= call["actions"].items(), call
    assert "urgency" in call["hints"] and call["timeout"] == 0, call
    return call


def story(stage: Stage) -> None:
    with Notifications() as notifications:
        ann, bob = stage.acquainted()
        bob.find("button", "Voice call")
        stage.give_keyboard("b")

        bob.click("button", "Voice call")
        call = rings(notifications)
        stage.screen("1-rings")
        bob.click("button", "Hang up")
        notifications.next("withdrawn", id=call["id"])
        notifications.next("notify", summary="Bob", body="Missed call")
        print("a notification rang; it went with the call, and another says that it was missed", flush=True)

        bob.click("button", "Voice call")
        notifications.press(rings(notifications), "decline", lambda: bob.shows("Ann declined"))
        stage.screen("2-declined")
        print("Decline on the notification declined", flush=True)

        bob.click("button", "Close")
        bob.click("button", "Voice call")
        notifications.press(rings(notifications), "accept", lambda: ann.sees("button", "Hang up"))
        for window in (ann, bob):
            window.find("button", "Hold")
        stage.screen("3-accepted")
        print("Accept on the notification answered, and the window with the call came to the front", flush=True)

        ann.click("button", "Hang up")
        for window in (ann, bob):
            window.close()


if __name__ == "__main__":
    play(story, __doc__)
