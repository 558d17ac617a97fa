#!/usr/bin/env python3
"""A real Synapse and our homeserver federate on loopback, both ways; `./dev test --peers` runs it.

Installs Synapse from PyPI into the cache folder when it is missing. The last line says how many cases passed.
"""

import contextlib
import tempfile
import time
from pathlib import Path

from homes import SECRET, Follow, Hearth, Refused, Synapse, User, finish, run_cases, until

CASES = []


def case(run):
    CASES.append(run)
    return run


class World:
    """One Synapse, one of ours, and a way to make users on either."""

    def __init__(self, folder: Path):
        self.synapse = Synapse(folder, "127.0.0.2")
        self.hearth = Hearth(folder, "127.0.0.3")
        self.count = 0

    def pair(self, ours_first: bool) -> tuple[User, User]:
        """A new user on each server, in the order asked for."""
        self.count += 1
        ours = User(self.hearth.client_url, SECRET, f"hilda{self.count}")
        theirs = User(self.synapse.client_url, SECRET, f"simon{self.count}")
        return (ours, theirs) if ours_first else (theirs, ours)


def talk(room: str, one: User, two: User) -> None:
    """Each says something and hears the other."""
    for speaker, listener in ((one, two), (two, one)):
        words = f"{speaker.user_id} says {time.time_ns()}"
        speaker.say(room, words)
        until(words, lambda: words in listener.words(room))


def both_ways(run):
    """The case once with our server's room and once with Synapse's."""
    for ours_first in (True, False):
        def one(world: World, ours_first=ours_first) -> None:
            run(world, *world.pair(ours_first))

        one.__name__ = f"{run.__name__}, a room of {'ours' if ours_first else 'Synapse'}"
        CASES.append(one)
    return run


@both_ways
def join_and_talk(_world: World, host: User, guest: User) -> None:
    room = host.make_room(name="Tea")
    guest.join(room, host.server_name)
    until("the join", lambda: guest.user_id in host.members(room))
    assert guest.state(room, "m.room.name")["name"] == "Tea"
    talk(room, host, guest)


@both_ways
def invite_and_accept(_world: World, host: User, guest: User) -> None:
    room = host.make_room(preset="private_chat", is_direct=True, invite=[guest.user_id])
    until("the invite", lambda: room in guest.sync()["rooms"].get("invite", {}))
    guest.join(room, host.server_name)
    until("the join", lambda: guest.user_id in host.members(room))
    talk(room, host, guest)


@both_ways
def invite_and_decline(_world: World, host: User, guest: User) -> None:
    room = host.make_room(preset="private_chat", invite=[guest.user_id])
    until("the invite", lambda: room in guest.sync()["rooms"].get("invite", {}))
    guest.leave(room)
    until("the refusal", lambda: host.state(room, "m.room.member", guest.user_id)["membership"] == "leave")


@both_ways
def leave_and_rejoin(_world: World, host: User, guest: User) -> None:
    room = host.make_room()
    guest.join(room, host.server_name)
    talk(room, host, guest)
    guest.leave(room)
    until("the leave", lambda: guest.user_id not in host.members(room))
    host.say(room, "while you were away")
    guest.join(room, host.server_name)
    until("the second join", lambda: guest.user_id in host.members(room))
    talk(room, host, guest)


@both_ways
def history_from_before(_world: World, host: User, guest: User) -> None:
    room = host.make_room()
    for n in range(15):
        host.say(room, f"old {n}")
    guest.join(room, host.server_name)
    until("old messages", lambda: [w for w in guest.words(room) if w.startswith("old")] == [f"old {n}" for n in range(15)])


@both_ways
def older_room_versions(_world: World, host: User, guest: User) -> None:
    for version in ("6", "9", "10", "11"):
        room = host.make_room(room_version=version)
        guest.join(room, host.server_name)
        talk(room, host, guest)


@both_ways
def state_power_and_ban(_world: World, host: User, guest: User) -> None:
    room = host.make_room()
    guest.join(room, host.server_name)
    try:
        guest.set_state(room, "m.room.topic", {"topic": "mine"})
        raise AssertionError("a guest set the topic")
    except Refused as refused:
        assert refused.status == 403, refused
    host.set_state(room, "m.room.topic", {"topic": "ours"})
    until("the topic", lambda: guest.state(room, "m.room.topic")["topic"] == "ours")
    host.client("POST", "rooms", room, "ban", body={"user_id": guest.user_id})
    until("the ban", lambda: room not in guest.client("GET", "joined_rooms")["joined_rooms"])


@both_ways
def redaction(_world: World, host: User, guest: User) -> None:
    room = host.make_room()
    guest.join(room, host.server_name)
    event = host.say(room, "take this back")
    until("the words", lambda: "take this back" in guest.words(room))
    host.client("PUT", "rooms", room, "redact", event, "1", body={"reason": "typo"})
    until("the redaction", lambda: guest.client("GET", "rooms", room, "event", event)["content"] == {})


@both_ways
def profile_and_alias(_world: World, host: User, guest: User) -> None:
    host.client("PUT", "profile", host.user_id, "displayname", body={"displayname": "The Host"})
    assert guest.client("GET", "profile", host.user_id)["displayname"] == "The Host"
    name = host.user_id[1:].split(":")[0]
    room = host.make_room(room_alias_name=f"tea-{name}")
    guest.join(f"#tea-{name}:{host.server_name}")
    until("the join", lambda: guest.user_id in host.members(room))


@both_ways
def typing_and_receipts(_world: World, host: User, guest: User) -> None:
    room = host.make_room()
    guest.join(room, host.server_name)
    event = host.say(room, "read me")
    until("the words", lambda: "read me" in guest.words(room))

    view = Follow(host)

    def ephemeral(sync: dict, kind: str) -> list[dict]:
        events = sync["rooms"]["join"][room]["ephemeral"]["events"]
        return [e["content"] for e in events if e["type"] == kind]

    guest.client("PUT", "rooms", room, "typing", guest.user_id, body={"typing": True, "timeout": 60000})
    view.find("typing", lambda sync: any(guest.user_id in content["user_ids"] for content in ephemeral(sync, "m.typing")))
    guest.client("POST", "rooms", room, "receipt", "m.read", event, body={})
    view.find("the receipt", lambda sync: any(guest.user_id in content[event]["m.read"] for content in ephemeral(sync, "m.receipt")))


@both_ways
def device_keys_and_to_device(_world: World, host: User, guest: User) -> None:
    room = host.make_room()
    guest.join(room, host.server_name)
    device = host.client("GET", "account", "whoami")["device_id"]
    algorithms = ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"]
    keys = {"algorithms": algorithms, "device_id": device, "user_id": host.user_id,
            "keys": {f"ed25519:{device}": "A" * 43, f"curve25519:{device}": "B" * 43},
            "signatures": {host.user_id: {f"ed25519:{device}": "C" * 86}}}
    one_time = {f"signed_curve25519:AAAA{n}": {"key": "D" * 43, "signatures": keys["signatures"]} for n in range(2)}
    host.client("POST", "keys", "upload", body={"device_keys": keys, "one_time_keys": one_time})

    def queried() -> bool:
        answer = guest.client("POST", "keys", "query", body={"device_keys": {host.user_id: []}})
        return answer["device_keys"][host.user_id][device]["keys"] == keys["keys"]

    until("the device's keys", queried)
    ask = {"one_time_keys": {host.user_id: {device: "signed_curve25519"}}}
    claimed = [guest.client("POST", "keys", "claim", body=ask)["one_time_keys"][host.user_id][device] for _ in range(2)]
    assert len({name for answer in claimed for name in answer}) == 2, claimed
    view = Follow(host)
    message = {"messages": {host.user_id: {device: {"hello": "device"}}}}
    guest.client("PUT", "sendToDevice", "test.hello", f"t{time.time_ns()}", body=message)
    view.find("the to-device message",
              lambda sync: any(e["content"] == {"hello": "device"} for e in sync.get("to_device", {}).get("events", [])))


@both_ways
def media(_world: World, host: User, guest: User) -> None:
    words = b"some bytes " * 100
    mxc = host.call("POST", "/_matrix/media/v3/upload?filename=a.txt", raw=words, kind="text/plain")["content_uri"]
    got = guest.call("GET", f"/_matrix/client/v1/media/download/{mxc.removeprefix('mxc://')}")
    assert got == words, got[:100]


@case
def ours_is_killed_and_catches_up(world: World) -> None:
    ours, theirs = world.pair(True)
    room = theirs.make_room()
    ours.join(room, theirs.server_name)
    talk(room, theirs, ours)
    world.hearth.kill()
    for n in range(10):
        theirs.say(room, f"missed {n}")
    ours.base = world.hearth.start().client_url
    until("what was missed", lambda: [w for w in ours.words(room) if w.startswith("missed")] == [f"missed {n}" for n in range(10)])
    talk(room, ours, theirs)


@case
def synapse_stops_and_hears_what_we_kept(world: World) -> None:
    ours, theirs = world.pair(True)
    room = ours.make_room()
    theirs.join(room, ours.server_name)
    talk(room, ours, theirs)
    world.synapse.stop()
    for n in range(5):
        ours.say(room, f"kept {n}")
    world.synapse.start()
    until("what was kept", lambda: [w for w in theirs.words(room) if w.startswith("kept")] == [f"kept {n}" for n in range(5)], 120)
    talk(room, ours, theirs)


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="hearth-synapse-"))
    print(f"Synapse from PyPI in the cache folder, both servers in {folder}", flush=True)
    with contextlib.ExitStack() as stack:
        world = World(folder)
        stack.callback(world.synapse.stop)
        world.synapse.start()
        stack.callback(world.hearth.stop)
        world.hearth.start()
        counts = run_cases(CASES, world)
    finish(folder, *counts)


if __name__ == "__main__":
    main()
