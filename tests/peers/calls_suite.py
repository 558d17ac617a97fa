#!/usr/bin/env python3
"""Calls with matrix-js-sdk in a real Chromium: it calls us and is called, over loopback; `./dev test --peers` runs it.

Our side is the program `caller`. Installs matrix-js-sdk by its lock file into the cache folder when it is missing, and saves
what each side saw there, in `call-frames`. The last line says how many cases passed.
"""

import tempfile
from pathlib import Path

from callers import FRAMES, Call, Coturn, Given, WithSynapse
from homes import finish, run_cases

ENCRYPTION = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
CASES = []


def case(run):
    CASES.append(run)
    return run


def counted(ours: dict, theirs: dict, video: bool) -> None:
    """What both sides say of a call that carried sound, and pictures if it had any, both ways."""
    us, them = ours["a"]["stats"], theirs["a"]["stats"]
    assert "audio/opus" in [codec.lower() for codec in us["codecs"]], us
    assert us["local"] and us["remote"] and them["local"]["type"] and them["dtls"]["state"] == "connected", (us, them)
    assert us["received"]["energy"] > 0.1 and us["heard"]["decoded"] > 10 and them["audioIn"]["energy"] > 0.02, (us, them)
    assert them["audioIn"]["codec"] == "audio/opus" and them["audioIn"]["packets"] > 10, them
    if video:
        assert "video/vp8" in [codec.lower() for codec in us["codecs"]] and them["videoIn"]["codec"] == "video/VP8", (us, them)
        assert us["seen"]["frames"] > 30 and us["sent"]["frames"] > 30 and them["videoIn"]["frames"] > 30, (us, them)
    else:
        assert us["seen"]["frames"] == us["sent"]["frames"] == 0 and not (them.get("videoIn") or {}).get("frames"), (us, them)


@case
def they_call_by_voice_and_hang_up(given: Given) -> None:
    with Call(given, "theirs") as call:
        call.talk()
        counted(*call.ended_by_them(), video=False)


@case
def we_call_by_voice_and_hang_up(given: Given) -> None:
    with Call(given, "ours") as call:
        call.talk()
        counted(*call.ended_by_us(), video=False)


@case
def they_call_by_video_and_we_hang_up(given: Given) -> None:
    with Call(given, "theirs", "--video") as call:
        call.talk()
        call.see()
        call.look("they-call")
        counted(*call.ended_by_us(), video=True)


@case
def we_call_by_video_and_they_hang_up(given: Given) -> None:
    with Call(given, "ours", "--video") as call:
        call.talk()
        call.see()
        call.look("we-call")
        counted(*call.ended_by_them(), video=True)


@case
def who_mutes_is_not_heard(given: Given) -> None:
    with Call(given, "theirs") as call:
        call.talk()
        for speaker, listener in ((call.ours, call.theirs), (call.theirs, call.ours)):
            speaker.ask("mute on")
            listener.is_quiet()
            speaker.hears()
            speaker.ask("mute off")
            listener.hears()
        call.ended_by_us()


def holding(given: Given, caller: str) -> None:
    with Call(given, caller, "--video") as call:
        call.talk()
        call.see()
        for one, other in ((call.ours, call.theirs), (call.theirs, call.ours)):
            one.ask("hold on")
            other.until("to be held", lambda s: s["heldByThem"])
            one.is_quiet()
            other.is_quiet()
            one.ask("hold off")
            other.until("to be held no more", lambda s: not s["heldByThem"])
            call.talk()
            call.see()
        call.ended_by_them()


@case
def who_holds_is_not_heard_in_their_call(given: Given) -> None:
    holding(given, "theirs")


@case
def who_holds_is_not_heard_in_our_call(given: Given) -> None:
    holding(given, "ours")


@case
def video_is_added_by_each_side(given: Given) -> None:
    for caller in ("ours", "theirs"):
        with Call(given, caller) as call:
            call.talk()
            call.ours.ask("camera on")
            call.theirs.sees()
            call.theirs.ask("camera on")
            call.ours.sees()
            call.talk()
            call.ended_by_us()


@case
def a_program_that_is_told_to_end_hangs_up(given: Given) -> None:
    with Call(given, "ours") as call:
        call.talk()
        call.ours.child.terminate()
        _, theirs = call.over("HungUp { by: Us }")
        assert any(one["kind"] == "hangup" and one["by"] == "remote" for one in theirs["a"]["log"]), theirs


def through_relays(given: Given, caller: str, ours: bool, theirs: bool) -> None:
    alone = ("--relay-only",)
    with Call(given, caller, "--video", ours=alone if ours else (), theirs=alone if theirs else ()) as call:
        call.talk()
        call.see()
        us, them = call.ended_by_us()
        counted(us, them, video=True)
        paths = us["a"]["stats"]["local"], them["a"]["stats"]["local"]["type"]
        assert (paths[0] == "relay", paths[1] == "relay") == (ours, theirs), paths


@case
def we_use_nothing_but_our_relay(given: Given) -> None:
    through_relays(given, "ours", True, False)


@case
def they_use_nothing_but_our_relay(given: Given) -> None:
    through_relays(given, "theirs", False, True)


@case
def both_use_nothing_but_our_relay(given: Given) -> None:
    through_relays(given, "theirs", True, True)


@case
def both_use_nothing_but_the_owners_coturn(given: Given) -> None:
    coturn = Coturn(given.folder)
    with_coturn = Given(given.folder / "with-coturn", coturn.settings())
    try:
        through_relays(with_coturn, "ours", True, True)
    finally:
        with_coturn.server.stop()
        coturn.stop()


@case
def an_encrypted_room_carries_calls_that_nobody_else_reads(given: Given) -> None:
    for caller in ("ours", "theirs"):
        # Each program is a device of its own: its keys end with it.
        ours, theirs, room = given.two(initial_state=[ENCRYPTION])
        with Call(given, caller, "--video", room=(ours, theirs, room)) as call:
            call.talk()
            call.see()
            call.ended_by_us()
        kinds = {event["type"] for event in ours.history(room)}
        assert "m.room.encrypted" in kinds and not any(kind.startswith("m.call.") for kind in kinds), kinds


@case
def a_call_goes_through_a_synapse(given: Given) -> None:
    with_synapse = WithSynapse(given)
    try:
        for caller in ("ours", "theirs"):
            with Call(with_synapse, caller, "--video") as call:
                call.talk()
                call.see()
                counted(*(call.ended_by_us() if caller == "ours" else call.ended_by_them()), video=True)
    finally:
        with_synapse.stop()


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="hearth-calls-"))
    given = Given(folder)
    try:
        passed, failed = run_cases(CASES, given)
    finally:
        given.server.stop()
    print(f"what was seen is in {FRAMES}")
    finish(folder, passed, failed)


if __name__ == "__main__":
    main()
