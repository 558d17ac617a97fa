#!/usr/bin/env python3
"""Who comes into rooms that Synapse and our homeserver share, who leaves, and by which rules; `./dev test --peers` runs it.

Installs Synapse from PyPI into the cache folder when it is missing. The last line says how many cases passed.
"""

import neighbours
from homes import Refused, User, until
from neighbours import World, talk

CASES = []
both_ways = neighbours.both_ways(CASES)


@both_ways
def invite_and_accept(_world: World, host: User, guest: User) -> None:
    room = host.make_room(preset="private_chat", is_direct=True, invite=[guest.user_id])
    until("the invite", lambda: room in guest.rooms("invite"))
    guest.join(room, host.server_name)
    until("the join", lambda: guest.user_id in host.members(room))
    talk(room, host, guest)


@both_ways
def invite_and_decline(_world: World, host: User, guest: User) -> None:
    room = host.make_room(preset="private_chat", invite=[guest.user_id])
    until("the invite", lambda: room in guest.rooms("invite"))
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


def membership(viewer: User, room: str, of: User) -> str:
    return viewer.state(room, "m.room.member", of.user_id)["membership"]


@both_ways
def every_change_of_membership(_world: World, host: User, guest: User) -> None:
    room = host.make_room(preset="private_chat")

    def act(what: str, **more) -> None:
        host.client("POST", "rooms", room, what, body={"user_id": guest.user_id} | more)

    def invited() -> bool:
        return room in guest.rooms("invite")

    def joined() -> bool:
        return room in guest.client("GET", "joined_rooms")["joined_rooms"]

    act("invite", reason="tea")
    until("the invite", invited)
    act("kick", reason="no tea")
    until("the invite to be withdrawn", lambda: not invited())
    act("invite")
    until("the second invite", invited)
    # Synapse tells an invited user's server of no ban, and hears of none.
    act("ban")
    act("unban")
    act("invite")
    guest.join(room, host.server_name)
    until("the join", lambda: membership(host, room, guest) == "join")
    talk(room, host, guest)
    act("kick", reason="late")
    until("the kick", lambda: not joined())
    act("invite")
    until("the invite after the kick", invited)
    guest.join(room, host.server_name)
    until("the second join", lambda: membership(host, room, guest) == "join")
    guest.client("PUT", "profile", guest.user_id, "displayname", body={"displayname": "Another Name"})
    until("the name", lambda: host.state(room, "m.room.member", guest.user_id)["displayname"] == "Another Name")
    host.set_state(room, "m.room.power_levels", host.state(room, "m.room.power_levels") | {"users": powers(host, room) | {guest.user_id: 60}})
    until("the power", lambda: powers(guest, room).get(guest.user_id) == 60)
    guest.set_state(room, "m.room.topic", {"topic": "of the guest"})
    until("the topic", lambda: host.state(room, "m.room.topic")["topic"] == "of the guest")
    guest.leave(room)
    until("the leave", lambda: membership(host, room, guest) == "leave")


def powers(user: User, room: str) -> dict:
    return user.state(room, "m.room.power_levels").get("users", {})


@both_ways
def knocking(world: World, host: User, guest: User) -> None:
    knock = [{"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}]
    room = host.make_room(preset="private_chat", name="Behind a door", initial_state=knock)

    def knocks(reason: str) -> None:
        query = [("via", host.server_name), ("server_name", host.server_name)]
        guest.client("POST", "knock", room, body={"reason": reason}, query=query)
        until("the knock", lambda: membership(host, room, guest) == "knock")

    knocks("tea?")
    assert host.state(room, "m.room.member", guest.user_id)["reason"] == "tea?"
    shown = until("the knock in the guest's list", lambda: guest.rooms("knock").get(room))
    names = [e["content"]["name"] for e in shown["knock_state"]["events"] if e["type"] == "m.room.name"]
    assert names == ["Behind a door"], shown
    guest.leave(room)
    until("the knock to be gone from the list", lambda: room not in guest.rooms("knock"))
    if guest.server_name == world.hearth.name:
        # Synapse takes a knock back for itself alone.
        until("the knock to be taken back", lambda: membership(host, room, guest) == "leave")
    knocks("again")
    # Of a refusal Synapse tells nobody, and hears nothing.
    host.client("POST", "rooms", room, "kick", body={"user_id": guest.user_id})
    knocks("please")
    host.invite(room, guest)
    until("the invite", lambda: room in guest.rooms("invite"))
    guest.join(room, host.server_name)
    until("the join", lambda: membership(host, room, guest) == "join")
    talk(room, host, guest)


@both_ways
def restricted_rooms(_world: World, host: User, guest: User) -> None:
    guild = host.make_room(name="Guild")
    for version, rule in (("8", "restricted"), ("10", "knock_restricted"), ("12", "restricted")):
        allow = [{"type": "m.room_membership", "room_id": guild}]
        rules = [{"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": rule, "allow": allow}}]
        room = host.make_room(preset="private_chat", room_version=version, initial_state=rules)
        try:
            guest.join(room, host.server_name)
            raise AssertionError("a stranger came in")
        except Refused as refused:
            assert refused.status == 403, refused
        guest.join(guild, host.server_name)
        until("the guild to know", lambda: guest.user_id in host.members(guild))
        guest.join(room, host.server_name)
        until("the join", lambda: membership(host, room, guest) == "join")
        member = host.state(room, "m.room.member", guest.user_id)
        assert member["join_authorised_via_users_server"] == host.user_id, member
        talk(room, host, guest)
        guest.leave(guild)
        until("the guild to know of the leave", lambda: guest.user_id not in host.members(guild))


@both_ways
def upgrade(_world: World, host: User, guest: User) -> None:
    name = f"moving-{host.user_id[1:].split(':')[0]}"
    old = host.make_room(room_version="9", name="Old house", topic="dust", room_alias_name=name)
    guest.join(old, host.server_name)
    talk(old, host, guest)
    new = host.client("POST", "rooms", old, "upgrade", body={"new_version": "12"})["replacement_room"]
    until("the tombstone", lambda: guest.state(old, "m.room.tombstone")["replacement_room"] == new)
    guest.join(new, host.server_name)
    until("the join", lambda: guest.user_id in host.members(new))
    assert guest.state(new, "m.room.create")["predecessor"]["room_id"] == old
    assert guest.state(new, "m.room.topic")["topic"] == "dust"
    assert guest.client("GET", "directory", "room", f"#{name}:{host.server_name}")["room_id"] == new
    talk(new, host, guest)


@both_ways
def server_acl(_world: World, host: User, guest: User) -> None:
    room = host.make_room()
    guest.join(room, host.server_name)
    talk(room, host, guest)
    # An access list names hosts without ports.
    denied = {"allow": ["*"], "deny": [guest.server_name.split(":")[0]], "allow_ip_literals": True}
    host.set_state(room, "m.room.server_acl", denied)
    until("the list", lambda: guest.state(room, "m.room.server_acl") == denied)
    try:
        guest.say(room, "from behind the fence")
    except Refused:
        pass
    other = guest.make_room()
    host.join(other, guest.server_name)
    talk(other, guest, host)
    assert "from behind the fence" not in host.words(room)
    host.set_state(room, "m.room.server_acl", {"allow": ["*"]})
    until("the list to be lifted", lambda: not guest.state(room, "m.room.server_acl").get("deny"))
    talk(room, host, guest)


if __name__ == "__main__":
    neighbours.play(CASES)
