"""What server.py asks of two servers that federate: joins of rooms with thousands of members, and coming back after an absence."""

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

from homes import Hearth, Refused, User, until

TOKEN = secrets.token_hex(16)
# A join of many members takes a Synapse minutes.
PATIENCE = 1800.0


def with_members(folder: Path, server: Hearth) -> Hearth:
    """Lets a bridge without an address make thousands of people on a server of ours that is not started yet."""
    registration = folder / "members.yaml"
    registration.write_text(
        f"id: members\nurl: null\nas_token: {TOKEN}\nhs_token: {secrets.token_hex(16)}\nrate_limited: false\nsender_localpart: members\n"
        "namespaces:\n  users:\n    - exclusive: true\n      regex: '@member_.*'\n  aliases: []\n  rooms: []\n")
    server.flags += ["--appservice", str(registration)]
    return server


def fill(owner: User, room: str, count: int) -> None:
    """Has so many people of the owner's server join a room."""

    def join(n: int) -> None:
        name = f"member_{n}"
        query = urlencode({"user_id": f"@{name}:{owner.server_name}"})
        bridge = object.__new__(type(owner))
        bridge.base, bridge.token = owner.base, TOKEN
        try:
            bridge.call("POST", "/_matrix/client/v3/register", {"type": "m.login.application_service", "username": name, "inhibit_login": True})
        except Refused as refused:
            if b"M_USER_IN_USE" not in refused.body:
                raise
        bridge.call("POST", f"/_matrix/client/v3/join/{room}?{query}", {})

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(join, range(count)))


class Peak:
    """The most memory that a process holds meanwhile, in megabytes."""

    def __init__(self, pid: int):
        self.pid, self.most, self.done = pid, 0.0, threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)

    def watch(self) -> None:
        while not self.done.wait(0.05):
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    self.most = max(self.most, int(line.split()[1]) / 1024)

    def __enter__(self) -> "Peak":
        self.watcher.start()
        return self

    def __exit__(self, *_) -> None:
        self.done.set()
        self.watcher.join()


def join_of(host: User, guest: User, pid: int, count: int) -> dict:
    """From the join to its answer, to the first message sent, and to the last member known."""
    room = host.make_room(name=f"{count} members")
    fill(host, room, count)
    with Peak(pid) as peak:
        began = time.perf_counter()
        guest.join(room, host.server_name)
        joined = time.perf_counter() - began
        guest.say(room, "hello")
        spoke = time.perf_counter() - began
        until("all members", lambda: len(guest.members(room)) >= count + 2, PATIENCE)
        complete = time.perf_counter() - began
    return {f"join_{count}_s": joined, f"join_{count}_spoke_s": spoke, f"join_{count}_complete_s": complete, f"join_{count}_peak_mb": peak.most}


def catch_up(host: User, guest: User, server, count: int) -> dict:
    """Messages in a second that a server takes in which was off while they were written, from its start to the last one."""
    room = host.make_room()
    guest.join(room, host.server_name)
    until("the join", lambda: guest.user_id in host.members(room))
    server.stop()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: host.say(room, f"missed {n}"), range(count)))
    host.say(room, "the last")
    began = time.perf_counter()
    guest.base = server.start().client_url

    def all_there() -> bool:
        told, token = 0, None
        while True:
            page = guest.client("GET", "rooms", room, "messages", query={"dir": "b", "limit": 1000} | ({"from": token} if token else {}))
            told += sum(event["type"] == "m.room.message" for event in page["chunk"])
            token = page.get("end")
            if not token:
                return told == count + 1

    until("what was missed", all_there, PATIENCE)
    return {"catch_up_per_s": count / (time.perf_counter() - began)}
