#!/usr/bin/env python3
"""Three of ours and a Synapse in one room, each in a network of its own, through a random schedule of partitions, slow lines,
SIGKILLs and restarts: what a server acknowledged is on all of them in the end, and all hold the same state; `./dev test --peers` runs it.

    partitions_suite.py [--seed N] [--steps N]

Runs itself in fresh network and mount namespaces (as root, or where users may make them). The last line says how many cases passed.
"""

import argparse
import contextlib
import http.client
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INSIDE = "HEARTH_IN_A_NETWORK_OF_ITS_OWN"
if INSIDE not in os.environ:
    users = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    os.execvpe("unshare", ["unshare", *users, "--net", "--mount", sys.executable, *sys.argv], os.environ | {INSIDE: "1"})

from homes import SECRET, Hearth, Refused, Synapse, User, finish, run_cases, until  # noqa: E402

OURS = 3
NAMES = [f"h{n}" for n in range(OURS)] + ["synapse"]
CONVERGED = 180.0


def address(n: int) -> str:
    return f"10.99.0.{n + 1}"


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


# What a slow line lets through, and how long a packet waits at most before it is lost.
SLOW = ["tbf", "rate", "256kbit", "burst", "4kb", "latency", "900ms"]


class Net:
    """A bridge, and a namespace for each server; the test itself stands on the bridge and reaches all, always."""

    def __init__(self):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        ip("link", "set", "lo", "up")
        ip("link", "add", "hub", "type", "bridge")
        ip("address", "add", "10.99.0.254/24", "dev", "hub")
        ip("link", "set", "hub", "up")
        for n, name in enumerate(NAMES):
            ip("netns", "add", name)
            ip("link", "add", f"to{n}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", f"to{n}", "master", "hub", "up")
            ip("-n", name, "address", "add", f"{address(n)}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "route", "add", "default", "via", "10.99.0.254")
        self.cut: set[tuple[int, int]] = set()
        self.slow: set[int] = set()

    def partition(self, sides: list[set[int]]) -> None:
        """Nobody of one side hears anybody of another; packets vanish, as they do behind a router that lost its way."""
        side = {n: k for k, members in enumerate(sides) for n in members}
        wanted = {(a, b) for a in side for b in side if side[a] != side[b]}
        for a, b in wanted - self.cut:
            ip("-n", NAMES[a], "route", "add", "blackhole", f"{address(b)}/32")
        for a, b in self.cut - wanted:
            ip("-n", NAMES[a], "route", "del", "blackhole", f"{address(b)}/32")
        self.cut = wanted

    def slow_down(self, n: int) -> None:
        """A server's line becomes slow in both directions: packets queue, come late, and some are lost."""
        if n not in self.slow:
            self.slow.add(n)
            self.queues("add", n, *SLOW)

    def heal(self) -> None:
        self.partition([set(range(len(NAMES)))])
        for n in self.slow:
            self.queues("del", n)
        self.slow = set()

    def queues(self, verb: str, n: int, *kind: str) -> None:
        for where in (["dev", f"to{n}"], ["-n", NAMES[n], "dev", "eth0"]):
            namespace, device = where[:-2], where[-2:]
            subprocess.run(["tc", *namespace, "qdisc", verb, *device, "root", *kind], check=True)


class World:
    def __init__(self, folder: Path, stack: contextlib.ExitStack):
        self.net = Net()
        inside = [("ip", "netns", "exec", name) for name in NAMES]
        self.synapse = Synapse(folder, address(OURS), "--allow-any-bind", inside=inside[OURS])
        stack.callback(self.synapse.stop)
        self.synapse.start()
        self.ours = [Hearth(folder, address(n), inside=inside[n], network="10.99.0.0/24") for n in range(OURS)]
        for one in self.ours:
            stack.callback(one.stop)
            one.start()
        self.users = [User(server.client_url, SECRET, f"user{n}") for n, server in enumerate([*self.ours, self.synapse])]

    def up(self) -> list[int]:
        return [n for n in range(len(NAMES)) if n == OURS or self.ours[n].child]

    def start(self, n: int) -> None:
        self.users[n].base = self.ours[n].start().client_url

    def room(self) -> str:
        levels = {"state_default": 0, "events": {}, "users_default": 0}
        room = self.users[0].make_room(power_level_content_override=levels, initial_state=[
            {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "world_readable"}}])
        for user in self.users[1:]:
            user.join(room, self.users[0].server_name)
        for user in self.users:
            until("all members", lambda: len(user.members(room)) == len(self.users))
        return room


def whole_history(user: User, room: str) -> list[dict]:
    """Every event that the server gives, the oldest first."""
    events, token = [], None
    while True:
        page = user.client("GET", "rooms", room, "messages", query={"dir": "b", "limit": 500} | ({"from": token} if token else {}))
        events += page["chunk"]
        token = page.get("end")
        if not token or not page["chunk"] and not token:
            return events[::-1]


def state_ids(user: User, room: str) -> dict[tuple[str, str], str]:
    return {(e["type"], e["state_key"]): e["event_id"] for e in user.client("GET", "rooms", room, "state")}


class Schedule:
    """What happens, drawn from one seed; what was acknowledged is remembered."""

    def __init__(self, world: World, seed: int):
        self.world, self.random = world, random.Random(seed)
        self.room = world.room()
        self.said: list[tuple[int, str, str]] = []
        self.count = 0

    def attempt(self, act) -> str | None:
        """What a server answers, or nothing when it is killed meanwhile or cannot."""
        try:
            return act()
        except (Refused, OSError, http.client.HTTPException) as error:
            print(f"        not acknowledged: {error!r}"[:150], flush=True)
            return None

    def step(self) -> None:
        world, dice = self.world, self.random
        who = dice.choice(world.up())
        user = world.users[who]
        what = dice.choices(["say", "state", "part", "heal", "kill", "stop", "start", "slow", "wait"], [50, 14, 8, 5, 5, 3, 8, 4, 7])[0]
        self.count += 1
        if what == "say":
            words = f"{self.count}"
            if event := self.attempt(lambda: user.say(self.room, words)):
                self.said.append((who, words, event))
        elif what == "state":
            key = f"k{dice.randrange(4)}"
            self.attempt(lambda: user.set_state(self.room, "test.note", {"by": who, "n": self.count}, key))
        elif what == "part":
            nodes = list(range(len(NAMES)))
            dice.shuffle(nodes)
            cuts = sorted(dice.sample(range(1, len(nodes)), dice.choice([1, 1, 2])))
            sides = [set(nodes[a:b]) for a, b in zip([0, *cuts], [*cuts, len(nodes)])]
            print(f"        {self.count:4} {' | '.join(','.join(NAMES[n] for n in sorted(side)) for side in sides)}", flush=True)
            world.net.partition(sides)
        elif what == "slow":
            print(f"        {self.count:4} a slow line to {NAMES[who]}", flush=True)
            world.net.slow_down(who)
        elif what == "heal":
            print(f"        {self.count:4} healed", flush=True)
            world.net.heal()
        elif what in ("kill", "stop"):
            if who != OURS and len(world.up()) > 2:
                print(f"        {self.count:4} {what} {NAMES[who]}", flush=True)
                getattr(world.ours[who], what)()
        elif what == "start":
            down = [n for n in range(OURS) if not world.ours[n].child]
            if down:
                n = dice.choice(down)
                print(f"        {self.count:4} start {NAMES[n]}", flush=True)
                world.start(n)
        else:
            time.sleep(dice.random())

    def end(self) -> None:
        world = self.world
        world.net.heal()
        for n in range(OURS):
            if not world.ours[n].child:
                world.start(n)
        began = time.monotonic()
        for who, user in enumerate(world.users):
            self.said.append((who, f"end {who}", user.say(self.room, f"end {who}")))
        wanted = {event for _, _, event in self.said}
        print(f"        {len(wanted)} messages were acknowledged", flush=True)
        last = {}

        def complete() -> bool:
            for name, user in zip(NAMES, world.users):
                history = whole_history(user, self.room)
                told = [e["event_id"] for e in history if e["type"] == "m.room.message"]
                last[name] = sorted(wanted - set(told))
                if last[name]:
                    return False
                assert len(told) == len(set(told)), f"{name} tells an event twice"
                for who in range(len(NAMES)):
                    mine = [event for sender, _, event in self.said if sender == who]
                    order = [event for event in told if event in mine]
                    assert order == mine, f"{name} has the messages of {NAMES[who]} in another order"
            return True

        try:
            until("every message on every server", complete, CONVERGED)
        except AssertionError as error:
            raise AssertionError(f"{error}; missing: {last}") from None
        states: dict[str, dict] = {}

        def agree() -> bool:
            states.update({name: state_ids(user, self.room) for name, user in zip(NAMES, world.users)})
            return all(state == states["synapse"] for state in states.values())

        try:
            until("the same state on every server", agree, CONVERGED)
        except AssertionError:
            keys = {key for state in states.values() for key in state}
            differ = {key: {name: states[name].get(key) for name in NAMES} for key in keys if len({s.get(key) for s in states.values()}) > 1}
            raise AssertionError(f"states differ: {differ}") from None
        print(f"        {time.monotonic() - began:6.1f} s  after the last repair all agree", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--steps", type=int, default=120)
    options = parser.parse_args()
    sys.argv = sys.argv[:1]
    folder = Path(tempfile.mkdtemp(prefix="hearth-partitions-"))
    print(f"seed {options.seed}, {options.steps} steps, four servers in {folder}", flush=True)

    def all_converge(world: World) -> None:
        schedule = Schedule(world, options.seed)
        for _ in range(options.steps):
            schedule.step()
        schedule.end()

    with contextlib.ExitStack() as stack:
        counts = run_cases([all_converge], World(folder, stack))
    finish(folder, *counts)


if __name__ == "__main__":
    main()
