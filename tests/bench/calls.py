#!/usr/bin/env python3
"""Calls between two of ours and between two Chromium in one run: `./dev bench calls [--json FILE] [--seconds N] [--only WORDS]`.

How long from accepting to the first sound and the first picture, what a side costs, and what 5 % of lost packets do. Both kinds of
caller get the same homeserver, the same sizes and, where packets are lost, the same lossy way through a TURN server; compare the
columns of one run, not two runs.
"""

import argparse
import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "peers"))
from callers import Coturn, Given, Ours, Side, Theirs  # noqa: E402
from homes import SECRET, until  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
# Between two looks at how a call does.
STEP = 0.1


class LossyWay:
    """Passes datagrams on to a TURN server and back, and loses a part of them."""

    def __init__(self, to: int):
        self.loss, self.to, self.random = 0.0, ("127.0.0.1", to), random.Random(5)
        self.inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.inside.bind(("127.0.0.1", 0))
        self.port = self.inside.getsockname()[1]
        self.clients: dict = {}
        threading.Thread(target=self.outwards, daemon=True).start()

    def outwards(self) -> None:
        while True:
            data, client = self.inside.recvfrom(65536)
            if client not in self.clients:
                beyond = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                beyond.connect(self.to)
                self.clients[client] = beyond
                threading.Thread(target=self.inwards, args=(beyond, client), daemon=True).start()
            if self.random.random() >= self.loss:
                self.clients[client].send(data)

    def inwards(self, beyond: socket.socket, client) -> None:
        while True:
            data = beyond.recv(65536)
            if self.random.random() >= self.loss:
                self.inside.sendto(data, client)


def family(root: int) -> set[int]:
    """A process and all that it started."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rsplit(") ", 1)[1].split()[1])
    found, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found}
        grown = not more <= found
        found |= more
    return found


def processor(root: int) -> float:
    """Seconds of processor time that a program and its children have used."""
    total = 0
    for pid in family(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def frames(side: Side) -> int:
    stats = side.ask("stats")
    if isinstance(side, Ours):
        return stats["seen"]["frames"]
    return (stats.get("videoIn") or {}).get("frames") or 0


def size(side: Side) -> str:
    stats = side.ask("stats")
    return stats["seen"]["size"] if isinstance(side, Ours) else (stats.get("videoIn") or {}).get("size")


def firsts(side: Side, last: dict) -> dict:
    """Milliseconds from accepting to the first sound and picture of the other side."""
    if isinstance(side, Ours):
        marks = last["marks"]
        accepted, sound, picture = marks["answered"], marks.get("firstSound"), marks.get("firstFrame")
    else:
        found = {}
        for entry in last["a"]["log"]:
            found.setdefault(entry["kind"], entry["ms"])
        accepted, sound, picture = found["accepted"], found.get("first sound"), found.get("first picture")
    return {"first_sound_ms": sound and sound - accepted, "first_picture_ms": picture and picture - accepted}


class Pair:
    """A call with pictures between two programs of one kind; the second one accepts."""

    def __init__(self, given: Given, kind: type[Side], asked: str, *more: str):
        caller, callee, room = given.two()
        wanted = ("--video", "--size", asked, *more)
        self.callee = kind(given, "answer", callee, *wanted)
        self.callee.ready()
        self.caller = kind(given, "place", caller, "--room", room, *wanted)

    def __enter__(self) -> "Pair":
        self.caller.connected()
        self.callee.connected()
        until("pictures", lambda: frames(self.callee) > 10 and frames(self.caller) > 10)
        return self

    def __exit__(self, *_) -> None:
        self.caller.kill()
        self.callee.kill()

    def end(self) -> dict:
        self.caller.ask("hangup")
        last = self.callee.end()
        self.caller.end()
        return last


def cost(given: Given, kind: type[Side], asked: str, seconds: float) -> dict:
    """What one side costs while it sends and shows pictures, once the rate has settled."""
    with Pair(given, kind, asked) as pair:
        time.sleep(8)
        began, spent, seen = time.monotonic(), processor(pair.callee.child.pid), frames(pair.callee)
        time.sleep(seconds)
        took = time.monotonic() - began
        rate, share = (frames(pair.callee) - seen) / took, (processor(pair.callee.child.pid) - spent) / took
        shown = size(pair.callee)
        first = firsts(pair.callee, pair.end())
    return {**first, "frames_per_s": round(rate, 1), "size": shown, "processor_percent": round(100 * share)}


def under_loss(folder: Path, kind: type[Side], seconds: float) -> dict:
    """Pictures before, while and after one packet of twenty is lost each way."""
    folder.mkdir()
    coturn = Coturn(folder)
    way = LossyWay(coturn.port)
    given = Given(folder / "server", f'uris = ["turn:127.0.0.1:{way.port}?transport=udp"]\nsecret = "{SECRET}"')
    try:
        with Pair(given, kind, "640x480", "--relay-only") as pair:
            time.sleep(8)
            before, _ = watch(pair.callee, seconds)
            way.loss = 0.05
            meanwhile, frozen = watch(pair.callee, seconds)
            way.loss = 0.0
            lifted, back = time.monotonic(), None
            while back is None and time.monotonic() - lifted < 30:
                rate, _ = watch(pair.callee, 1)
                if rate >= 0.9 * before:
                    back = time.monotonic() - lifted
            pair.end()
    finally:
        given.server.stop()
        coturn.stop()
    return {"clean_per_s": round(before, 1), "lossy_per_s": round(meanwhile, 1), "longest_freeze_s": round(frozen, 2),
            "recovered_s": back and round(back, 1)}


def watch(side: Side, seconds: float) -> tuple[float, float]:
    """Pictures a second, and the longest time without a new one."""
    began = moved = time.monotonic()
    first = last = frames(side)
    frozen = 0.0
    while (now := time.monotonic()) - began < seconds:
        time.sleep(STEP)
        seen = frames(side)
        now = time.monotonic()
        if seen != last:
            last, moved = seen, now
        frozen = max(frozen, now - moved)
    return (last - first) / (now - began), frozen


def table(results: dict) -> None:
    for name, by_kind in results.items():
        print(f"\n{name}")
        fields = list(dict.fromkeys(field for row in by_kind.values() for field in row))
        print("  " + "".join(f"{title:>22}" for title in ("", *by_kind)))
        for field in fields:
            print("  " + f"{field:>22}" + "".join(f"{row.get(field)!s:>22}" for row in by_kind.values()))


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--json", type=Path)
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--only", default="", help="cases whose name has these words")
    p.add_argument("--profile", default="release", help="which build of ours (default: %(default)s)")
    a = p.parse_args()
    Given.profile = a.profile
    folder = Path(tempfile.mkdtemp(prefix="hearth-bench-calls-"))
    results: dict = {}
    kinds = {"ours": Ours, "chromium": Theirs}
    given = Given(folder / "plain")
    try:
        for asked in ("640x480", "1280x720"):
            name = f"a call at {asked}"
            if a.only in name:
                results[name] = {kind: cost(given, side, asked, a.seconds) for kind, side in kinds.items()}
    finally:
        given.server.stop()
    name = "5 % of packets lost each way"
    if a.only in name:
        results[name] = {kind: under_loss(folder / kind, side, a.seconds) for kind, side in kinds.items()}
    table(results)
    if a.json:
        a.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
