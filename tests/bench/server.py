#!/usr/bin/env python3
"""Our homeserver and Synapse side by side in one run: `./dev bench server [--json FILE] [--events N] [--only WORD]`.

Prints a table with the budgets of the design and, when asked, writes the numbers as JSON. Both servers get the same
requests from the same program on the same machine; compare the two columns, not two runs.
"""

import argparse
import http.client
import json
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

SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"


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
                connection = local.connection = http.client.HTTPConnection(urlsplit(self.base).netloc, timeout=120)
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


def timed(run) -> float:
    began = time.perf_counter()
    run()
    return (time.perf_counter() - began) * 1000


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
    limit = {"room": {"timeline": {"limit": events}}}
    query = {"timeout": 0, "filter": json.dumps(limit)}
    v3 = timed(lambda: owner.client("GET", "sync", query=query))
    ask = {"lists": {"all": {"ranges": [[0, 49]], "timeline_limit": events, "required_state": [["m.room.name", ""]]}}}
    sliding = timed(lambda: owner.call("POST", SLIDING + "?timeout=0", ask))
    return {"first_sync_v3_ms": v3, "first_sync_sliding_ms": sliding}


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
    ("delivery_p50_ms", "delivery A to B, p50 (ms)", "<= 1/3", lambda o, s: o <= s / 3),
    ("delivery_p95_ms", "delivery A to B, p95 (ms)", "", lambda o, s: True),
]


def measure(make, events: int, only: str | None) -> dict:
    """All measurements of one kind of server; `make(n)` gives its nth, started."""
    one, answer = make(1), {}
    steps = {"start": lambda: start_and_idle(one), "sends": lambda: sends(one), "sync": lambda: first_sync(one, events),
             "delivery": lambda: delivery(one, make(2))}
    for name, step in steps.items():
        if only and name != only:
            continue
        print(f"  {name} ...", file=sys.stderr, flush=True)
        answer |= step()
    return answer


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--json", type=Path, help="write the numbers here")
    p.add_argument("--events", type=int, default=20, help="events per room of the first sync (default: %(default)s)")
    p.add_argument("--only", choices=["start", "sends", "sync", "delivery"])
    p.add_argument("--profile", default="release", help="which build of ours (default: %(default)s)")
    a = p.parse_args()
    folder, running = Path(tempfile.mkdtemp(prefix="hearth-bench-")), []

    def synapse(n: int) -> Synapse:
        running.append(Synapse(folder, f"127.0.1.{n}"))
        return running[-1].start()

    def hearth(n: int) -> Hearth:
        running.append(Hearth(folder, f"127.0.2.{n}", a.profile))
        return running[-1].start()

    numbers = {}
    try:
        for name, make in (("synapse", synapse), ("hearth", hearth)):
            print(name, file=sys.stderr, flush=True)
            numbers[name] = measure(make, a.events, a.only)
    finally:
        for server in running:
            server.stop()
    print(f"{'':38}{'Hearth':>10}{'Synapse':>10}   budget")
    for key, what, budget, keeps in ROWS:
        if key in numbers["hearth"]:
            ours, theirs = numbers["hearth"][key], numbers["synapse"][key]
            print(f"{what:38}{ours:10.1f}{theirs:10.1f}   {budget:8} {'kept' if keeps(ours, theirs) else 'MISSED'}")
    if a.json:
        facts = {"profile": a.profile, "events_per_room": a.events, "cores": os.cpu_count(), "load": os.getloadavg()}
        a.json.write_text(json.dumps(facts | numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
