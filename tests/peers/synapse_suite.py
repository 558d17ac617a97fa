#!/usr/bin/env python3
"""A real Synapse and our homeserver federate on loopback, both ways; `./dev test --peers` runs it.

Installs Synapse from PyPI into the cache folder when it is missing. The last line says how many cases passed.
"""

import time

import neighbours
from homes import Follow, User, until
from neighbours import World, talk

CASES = []
both_ways = neighbours.both_ways(CASES)


@both_ways
def join_and_talk(_world: World, host: User, guest: User) -> None:
    room = host.make_room(name="Tea")
    guest.join(room, host.server_name)
    until("the join", lambda: guest.user_id in host.members(room))
    assert guest.state(room, "m.room.name")["name"] == "Tea"
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
    for version in ("6", "7", "8", "9", "10", "11", "12"):
        room = host.make_room(room_version=version)
        guest.join(room, host.server_name)
        talk(room, host, guest)


@both_ways
def public_directory(_world: World, host: User, guest: User) -> None:
    word = f"orchard{time.time_ns()}"
    room = host.make_room(visibility="public", name=f"The {word}", topic="apples")
    host.make_room(name=f"Not the {word}")
    query = {"server": host.server_name}
    found = guest.client("POST", "publicRooms", query=query, body={"filter": {"generic_search_term": word}, "limit": 10})["chunk"]
    assert [(one["room_id"], one["topic"], one["num_joined_members"]) for one in found] == [(room, "apples", 1)], found
    listed, since = [], None
    while True:
        page = guest.client("GET", "publicRooms", query=query | {"limit": 1} | ({"since": since} if since else {}))
        listed += [one["room_id"] for one in page["chunk"]]
        if not (since := page.get("next_batch")):
            break
    assert room in listed and len(listed) == len(set(listed)), listed


@both_ways
def spaces(_world: World, host: User, guest: User) -> None:
    via = {"via": [host.server_name]}
    space = host.make_room(name="Garden", creation_content={"type": "m.space"})
    beds = [host.make_room(name=f"Bed {n}") for n in range(3)]
    secret = host.make_room(preset="private_chat", name="Shed")
    inner = host.make_room(name="Corner", creation_content={"type": "m.space"})
    for n, child in enumerate([*beds[:2], secret, inner]):
        host.set_state(space, "m.space.child", via | {"order": str(n)}, child)
    host.set_state(inner, "m.space.child", via, beds[2])
    path = f"/_matrix/client/v1/rooms/{space}/hierarchy"

    def hierarchy() -> list[str]:
        rooms, since = [], ""
        while True:
            page = guest.call("GET", f"{path}?limit=2{since}")
            rooms += page["rooms"]
            if not page.get("next_batch"):
                return [room.get("name") for room in rooms]
            since = "&from=" + page["next_batch"]

    guest.join(space, host.server_name)
    until("the space and what a guest may see of it", lambda: hierarchy() == ["Garden", "Bed 0", "Bed 1", "Corner", "Bed 2"])


@both_ways
def device_lists(_world: World, host: User, guest: User) -> None:
    room = host.make_room(initial_state=[{"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}])
    guest.join(room, host.server_name)
    until("the join", lambda: guest.user_id in host.members(room))
    view = Follow(host)

    def changed(sync: dict) -> bool:
        return guest.user_id in sync.get("device_lists", {}).get("changed", [])

    def devices() -> set[str]:
        answer = host.client("POST", "keys", "query", body={"device_keys": {guest.user_id: []}})
        return set(answer["device_keys"].get(guest.user_id, {}))

    def upload(user: User, device: str) -> None:
        keys = {"algorithms": ["m.megolm.v1.aes-sha2"], "device_id": device, "user_id": user.user_id,
                "keys": {f"ed25519:{device}": "A" * 43, f"curve25519:{device}": "B" * 43},
                "signatures": {user.user_id: {f"ed25519:{device}": "C" * 86}}}
        user.client("POST", "keys", "upload", body={"device_keys": keys})

    first = guest.client("GET", "account", "whoami")["device_id"]
    upload(guest, first)
    view.find("the first device", changed)
    until("its keys", lambda: devices() == {first})
    login = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": guest.user_id}, "password": guest.password}
    session = guest.client("POST", "login", body=login)
    kept, guest.token = guest.token, session["access_token"]
    upload(guest, session["device_id"])
    view.find("the second device", changed)
    until("both devices' keys", lambda: devices() == {first, session["device_id"]})
    guest.client("POST", "logout", body={})
    guest.token = kept
    view.find("the logout", changed)
    until("one device again", lambda: devices() == {first})
    guest.leave(room)
    view.find("that nothing is shared any more", lambda sync: guest.user_id in sync.get("device_lists", {}).get("left", []))


@both_ways
def a_moment_before_the_join(world: World, host: User, guest: User) -> None:
    room = host.make_room()
    events = [host.say(room, f"page {n}") for n in range(40)]
    moment = host.client("GET", "rooms", room, "event", events[10])["origin_server_ts"]
    guest.join(room, host.server_name)
    path = f"/_matrix/client/v1/rooms/{room}/timestamp_to_event?dir=f&ts={moment}"
    found = until("the event of the moment", lambda: guest.call("GET", path))
    assert found["event_id"] in events[:11] and found["origin_server_ts"] == moment, found
    around = guest.client("GET", "rooms", room, "context", found["event_id"], query={"limit": 4})
    assert around["event"]["event_id"] == found["event_id"], around
    # Synapse knows the event, not what lies around it.
    if guest.server_name == world.hearth.name:
        assert around["events_before"] and around["events_after"], around


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


@CASES.append
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


@CASES.append
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


if __name__ == "__main__":
    neighbours.play(CASES)
