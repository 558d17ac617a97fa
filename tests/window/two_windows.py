#!/usr/bin/env python3
"""Two people at two real windows: one pastes the other's link, they talk, and what comes while nobody looks is a notification to click.

`session.sh python3 two_windows.py [--app PROGRAM] [--out DIR]`
"""

from people import Notifications, Stage, play


def story(stage: Stage) -> None:
    with Notifications() as notifications:
        ann, bob = stage.invited()
        bob.write("textbox", "Message", "Hello <b>Ann</b>")
        bob.click("button", "Send")
        bob.picture(stage.out / "1-bob-waits.png")

        invitation = notifications.next("notify", summary="Bob")
        assert "default" in invitation["actions"], invitation
        notifications.press(invitation, "default", lambda: ann.sees("button", "Accept"))
        ann.click("button", "Accept")
        ann.find("article", "Hello <b>Ann</b>")
        print("an invitation was a notification; the click showed it", flush=True)
        stage.screen("2-accepted")

        ann.click("button", "Settings")
        stage.give_keyboard("b")
        bob.write("textbox", "Message", "Tea at <five>?")
        bob.click("button", "Send")
        message = notifications.next("notify", summary="Bob", body="Tea at &lt;five&gt;?")
        notifications.press(message, "default", lambda: ann.sees("heading", "Bob"))
        ann.find("article", "Tea at <five>?")
        print("a message was a notification; the click opened its room", flush=True)
        stage.screen("3-clicked")

        ann.write("textbox", "Message", "At five.")
        ann.click("button", "Send")
        bob.find("article", "At five.")
        stage.give_keyboard("b")
        stage.screen("4-bob-reads")
        for window in (ann, bob):
            window.close()


if __name__ == "__main__":
    play(story, __doc__)
