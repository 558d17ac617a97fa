#!/usr/bin/env python3
"""Our homeserver and Synapse side by side in one run: `./dev bench server [--json FILE] [--events N] [--rooms N] [--large N] [--missed N] [--only WORDS]`.

Prints a table with the budgets of the design and, when asked, writes the numbers as JSON. Both servers get the same
requests from the same program on the same machine; compare the two columns, not two runs.
"""

import argparse
import http.client
import json
import math
import os
import secrets
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "peers"))
from homes import SECRET, Hearth, Refused, Synapse, User, until  # noqa: E402
from joining import PATIENCE, catch_up, join_of, with_members  # noqa: E402

SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"


# What Element X asks of its room list.
LIKE_A_PHONE = {
    "ranges": [[0, 19]],
    "timeline_limit": 1,
    "required_state": [["m.room.name", ""], ["m.room.avatar", ""], ["m.room.encryption", ""], ["m.room.canonical_alias", ""],
                       ["m.room.create", ""], ["m.room.power_levels", ""], ["m.room.member", "$LAZY"], ["m.room.member", "$ME"]],
}


class FastUser(User):
    """A user with one kept connection for each thread."""

    def call(self, method, path, body=None, raw=None, kind="application/json"):
        local = self.__dict__.setdefault("local", threading.local())
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": kind} if data is not None else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        for attempt in (0, 1):
            connection = getattr(local, "connection", None)
            if connection is None:
                # A Synapse tells nobody a room's members while it fetches them, which takes it minutes.
                connection = local.connection = http.client.HTTPConnection(urlsplit(self.base).netloc, timeout=PATIENCE)
            try:
                connection.request(method, path, data, headers)
                response = connection.getresponse()
                answer = response.read()
                break
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                local.connection = None
                if attempt:
                    raise
        if response.status != 200:
            raise Refused(f"{method} {path[:120]}", response.status, answer[:300])
        return json.loads(answer)


def user(server) -> FastUser:
    return FastUser(server.client_url, SECRET, f"u{secrets.token_hex(4)}")


def sliding(owner: FastUser, rooms: dict, pos: str | None = None) -> dict:
    return owner.call("POST", f"{SLIDING}?timeout=0" + (f"&pos={pos}" if pos else ""), {"lists": {"all": rooms}})


def timed(run) -> float:
    began = time.perf_counter()
    run()
    return (time.perf_counter() - began) * 1000


def median(run, times: int = 5) -> float:
    return statistics.median(timed(lambda n=n: run(n)) for n in range(times))


def resident(pid: int) -> float:
    """Megabytes of memory that the process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no process {pid}")


def start_and_idle(server, rooms: int = 50) -> dict:
    """Restarts a server that has rooms, three times; then looks at its memory while it idles."""
    owner = user(server)
    for n in range(rooms):
        owner.say(owner.make_room(name=f"room {n}"), "hello")
    starts = []
    for _ in range(3):
        server.stop()
        server.start()
        starts.append(server.startup * 1000)
    time.sleep(5)
    return {"start_ms": statistics.median(starts), "idle_mb": resident(server.pid)}


def sends(server, count: int = 300) -> dict:
    sender = user(server)
    room = sender.make_room()
    sender.say(room, "warm up")
    began = time.perf_counter()
    for n in range(count):
        sender.say(room, f"message {n}")
    alone = count / (time.perf_counter() - began)
    with ThreadPoolExecutor(16) as pool:
        began = time.perf_counter()
        list(pool.map(lambda n: sender.say(room, f"parallel {n}"), range(count)))
        together = count / (time.perf_counter() - began)
    return {"sends_per_s": alone, "sends_per_s_16": together}


def first_sync(server, events: int) -> dict:
    owner = user(server)
    rooms = [owner.make_room(name=f"room {n}") for n in range(50)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: owner.say(rooms[n % 50], f"message {n}"), range(50 * events)))

    def v3(n: int) -> None:
        # A filter of its own each time: Synapse answers a repeated first sync from a cache.
        timeline = {"limit": events, "not_senders": [f"@nobody{n}:example.org"]}
        owner.client("GET", "sync", query={"timeout": 0, "filter": json.dumps({"room": {"timeline": timeline}})})

    ask = {"ranges": [[0, 49]], "timeline_limit": events, "required_state": [["m.room.name", ""]]}
    return {"first_sync_v3_ms": median(v3), "first_sync_sliding_ms": median(lambda _: sliding(owner, ask))}


def next_sync(server, times: int = 20) -> dict:
    """What one message costs a client that is up to date: v3 and sliding sync of an account with 50 rooms."""
    owner = user(server)
    rooms = [owner.make_room(name=f"room {n}") for n in range(50)]
    since = owner.sync()["next_batch"]
    pos = sliding(owner, LIKE_A_PHONE)["pos"]
    v3, slid = [], []
    for n in range(times):
        owner.say(rooms[n], f"news {n}")
        began = time.perf_counter()
        since = owner.client("GET", "sync", query={"timeout": 0, "since": since})["next_batch"]
        v3.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        pos = sliding(owner, LIKE_A_PHONE, pos)["pos"]
        slid.append((time.perf_counter() - began) * 1000)
    return {"next_sync_v3_ms": statistics.median(v3), "next_sync_sliding_ms": statistics.median(slid)}


def many_rooms(server, count: int) -> dict:
    """An account with many rooms opens its list as a phone does: the first 20 rooms, then all of them, then one message."""
    owner = user(server)
    with ThreadPoolExecutor(8) as pool:
        rooms = list(pool.map(lambda n: owner.make_room(name=f"room {n}"), range(count)))
    first, every, news = [], [], []
    for n in range(5):
        began = time.perf_counter()
        pos = sliding(owner, LIKE_A_PHONE)["pos"]
        first.append((time.perf_counter() - began) * 1000)
        whole = LIKE_A_PHONE | {"ranges": [[0, count - 1]]}
        began = time.perf_counter()
        pos = sliding(owner, whole, pos)["pos"]
        every.append((time.perf_counter() - began) * 1000)
        owner.say(rooms[n], "news")
        began = time.perf_counter()
        sliding(owner, whole, pos)
        news.append((time.perf_counter() - began) * 1000)
    return {"many_first_ms": statistics.median(first), "many_all_ms": statistics.median(every),
            "many_next_ms": statistics.median(news)}


def paging(server, count: int = 1000, page: int = 100) -> dict:
    """Back through a room's history, a page at a time."""
    owner = user(server)
    room = owner.make_room()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: owner.say(room, f"message {n}"), range(count)))
    times, at = [], None
    for _ in range(count // page):
        query = {"dir": "b", "limit": page} | ({"from": at} if at else {})
        began = time.perf_counter()
        at = owner.client("GET", "rooms", room, "messages", query=query).get("end")
        times.append((time.perf_counter() - began) * 1000)
    return {"page_ms": statistics.median(times)}


def large_room(server, count: int) -> dict:
    """What a message costs in a room of 100 events and in one of many, turn by turn."""
    owner = user(server)
    small, large = owner.make_room(), owner.make_room()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: owner.say(large, f"message {n}"), range(count)))
        list(pool.map(lambda n: owner.say(small, f"message {n}"), range(100)))
    costs = {small: [], large: []}
    for n in range(300):
        for room, cost in costs.items():
            cost.append(timed(lambda room=room: owner.say(room, f"one more {n}")))
    page = timed(lambda: owner.client("GET", "rooms", large, "messages", query={"dir": "f", "limit": 50}))
    return {"large_ratio": statistics.median(costs[large]) / statistics.median(costs[small]), "large_oldest_page_ms": page}


def delivery(one, two, pings: int = 50) -> dict:
    """From the send on one server to the other user's sync, over a real federation."""
    alice, bob = user(one), user(two)
    room = alice.make_room()
    bob.join(room, alice.server_name)
    until("the join", lambda: bob.user_id in alice.members(room))
    seen: dict[str, float] = {}
    news, stop = threading.Condition(), threading.Event()

    def watch() -> None:
        since = bob.sync()["next_batch"]
        while not stop.is_set():
            answer = bob.sync(since, 2000)
            now, since = time.perf_counter(), answer["next_batch"]
            with news:
                for event in answer.get("rooms", {}).get("join", {}).get(room, {}).get("timeline", {}).get("events", []):
                    seen[event["event_id"]] = now
                news.notify_all()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    times = []
    for n in range(pings + 5):
        began = time.perf_counter()
        event = alice.say(room, f"ping {n}")
        with news:
            if not news.wait_for(lambda: event in seen, timeout=30):
                raise AssertionError(f"ping {n} was not seen in 30 s")
        times.append((seen[event] - began) * 1000)
    stop.set()
    watcher.join()
    return {"delivery_p50_ms": statistics.median(times[5:]), "delivery_p95_ms": sorted(times[5:])[int(pings * 0.95) - 1]}


# (key, what, budget in words, whether ours and Synapse's keep it)
ROWS = [
    ("start_ms", "start, warm folder (ms)", "<= 150", lambda o, s: o <= 150),
    ("idle_mb", "idle memory, 50 rooms (MB)", "<= 40", lambda o, s: o <= 40),
    ("sends_per_s", "sends/s, one by one", ">= 10 x", lambda o, s: o >= 10 * s),
    ("sends_per_s_16", "sends/s, 16 in parallel", ">= 10 x", lambda o, s: o >= 10 * s),
    ("first_sync_v3_ms", "first sync of 50 rooms, v3 (ms)", "<= 1/10", lambda o, s: o <= s / 10),
    ("first_sync_sliding_ms", "first sync of 50 rooms, sliding (ms)", "<= 1/10", lambda o, s: o <= s / 10),
    ("next_sync_v3_ms", "next sync, one message, v3 (ms)", "", lambda o, s: True),
    ("next_sync_sliding_ms", "next sync, one message, sliding (ms)", "", lambda o, s: True),
    ("many_first_ms", "many rooms: first 20, sliding (ms)", "<= 1/10", lambda o, s: o <= s / 10),
    ("many_all_ms", "many rooms: all of them, sliding (ms)", "<= 1/10", lambda o, s: o <= s / 10),
    ("many_next_ms", "many rooms: one message, sliding (ms)", "", lambda o, s: True),
    ("page_ms", "/messages, a page of 100 (ms)", "", lambda o, s: True),
    ("large_ratio", "send, large room against one of 100", "<= 1.2", lambda o, s: o <= 1.2),
    ("large_oldest_page_ms", "/messages, the large room's first 50 (ms)", "", lambda o, s: True),
    ("delivery_p50_ms", "delivery A to B, p50 (ms)", "<= 1/3", lambda o, s: o <= s / 3),
    ("delivery_p95_ms", "delivery A to B, p95 (ms)", "", lambda o, s: True),
    ("catch_up_per_s", "events/s after an absence", "", lambda o, s: True),
    *[row for count in (1000, 10_000) for row in (
        (f"join_{count}_s", f"join of {count} members (s)", "<= 1/5" if count == 1000 else "", lambda o, s, count=count: count != 1000 or o <= s / 5),
        (f"join_{count}_spoke_s", "  first message sent (s)", "", lambda o, s: True),
        (f"join_{count}_complete_s", "  all members known (s)", "", lambda o, s: True),
        (f"join_{count}_peak_mb", "  memory meanwhile (MB)", "<= 400", lambda o, s: o <= 400),
    )],
]


def measure(make, a, ours: bool, host) -> dict:
    """All measurements of one kind of server; `make(n)` gives its nth, started, and `host()` one of ours with many people."""
    one, answer = make(1), {}
    steps = {"start": lambda: start_and_idle(one), "sends": lambda: sends(one), "sync": lambda: first_sync(one, a.events),
             "next": lambda: next_sync(one), "many": lambda: many_rooms(one, a.rooms), "paging": lambda: paging(one),
             "large": lambda: large_room(one, a.large), "delivery": lambda: delivery(one, make(2)),
             "absence": lambda: catch_up(user(host()), user(one), one, a.missed),
             "join": lambda: join_of(user(host()), user(one), one.pid, 1000), "large-join": lambda: join_of(user(host()), user(one), one.pid, 10_000)}
    if not ours:
        # Synapse would take most of an hour to fill the large room.
        del steps["large"]
    for name, step in steps.items():
        if a.only and name not in a.only.split(","):
            continue
        print(f"  {name} ...", file=sys.stderr, flush=True)
        answer |= step()
    return answer


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--json", type=Path, help="write the numbers here")
    p.add_argument("--events", type=int, default=100, help="events per room of the first sync (default: %(default)s)")
    p.add_argument("--rooms", type=int, default=1000, help="rooms of the account with many (default: %(default)s)")
    p.add_argument("--large", type=int, default=100_000, help="events of the large room (default: %(default)s)")
    p.add_argument("--only", help="some of start,sends,sync,next,many,paging,large,delivery,absence,join,large-join")
    p.add_argument("--missed", type=int, default=2000, help="messages written during an absence (default: %(default)s)")
    p.add_argument("--profile", default="release", help="which build of ours (default: %(default)s)")
    a = p.parse_args()
    folder, running = Path(tempfile.mkdtemp(prefix="hearth-bench-")), []

    def synapse(n: int) -> Synapse:
        running.append(Synapse(folder, f"127.0.1.{n}"))
        return running[-1].start()

    hosts: list[Hearth] = []

    def host() -> Hearth:
        if not hosts:
            hosts.append(hearth(9, lambda ours: with_members(folder, ours)))
        return hosts[0]

    def hearth(n: int, prepared=lambda ours: ours) -> Hearth:
        ours = prepared(Hearth(folder, f"127.0.2.{n}", a.profile))
        # Synapse's limits are off too: the clients here ask more than people do.
        config = folder / "bench.toml"
        config.write_text("rate_limits = false\n")
        ours.flags += ["--config", str(config)]
        running.append(ours)
        return running[-1].start()

    numbers = {}
    try:
        for name, make in (("synapse", synapse), ("hearth", hearth)):
            print(name, file=sys.stderr, flush=True)
            numbers[name] = measure(make, a, name == "hearth", host)
    finally:
        for server in running:
            server.stop()
    print(f"{'':44}{'Hearth':>10}{'Synapse':>10}   budget")
    for key, what, budget, keeps in ROWS:
        if key in numbers["hearth"]:
            ours, theirs = numbers["hearth"][key], numbers["synapse"].get(key, math.nan)
            verdict = ("kept" if keeps(ours, theirs) else "MISSED") if budget else ""
            print(f"{what:44}{ours:10.1f}{theirs:10.1f}   {budget:8} {verdict}")
    if a.json:
        facts = {"profile": a.profile, "events_per_room": a.events, "rooms": a.rooms, "large": a.large, "cores": os.cpu_count(), "load": os.getloadavg()}
        a.json.write_text(json.dumps(facts | numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
