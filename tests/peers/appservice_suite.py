#!/usr/bin/env python3
"""A real bridge (heisenbridge) between our homeserver and a real IRC server (ngircd), both ways; `./dev test --peers` runs it.

Installs heisenbridge from PyPI into the cache folder and ngircd from Debian when they are missing. The last line says how many cases passed.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from homes import CACHE, DEADLINE, SECRET, TARGET, User, finish, run_cases, until

NAME = "bridged.example"
VENV = CACHE / "heisenbridge"
CASES = []


def case(run):
    CASES.append(run)
    return run


def install() -> None:
    if not (VENV / "bin" / "heisenbridge").exists():
        print(f"heisenbridge from PyPI goes into {VENV}", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run([str(VENV / "bin" / "pip"), "install", "--quiet", "heisenbridge"], check=True)
    if not shutil.which("ngircd", path=os.environ["PATH"] + ":/usr/sbin"):
        print("ngircd is missing: apt-get install ngircd", flush=True)
        subprocess.run(["apt-get", "install", "-y", "-q", "ngircd"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["service", "ngircd", "stop"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class World:
    """Our server, the bridge and the IRC server, on ports of their own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.client_port, self.bridge_port, self.irc_port = free_port(), free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.client_port}"
        self.children: dict[str, subprocess.Popen] = {}
        self.as_token, self.hs_token = secrets.token_hex(32), secrets.token_hex(32)
        self.registration = folder / "heisenbridge.yaml"
        self.registration.write_text(f"""
id: heisenbridge
url: http://127.0.0.1:{self.bridge_port}
as_token: {self.as_token}
hs_token: {self.hs_token}
rate_limited: false
sender_localpart: heisenbridge
namespaces:
  users:
    - exclusive: true
      regex: '@irc_.*'
  aliases: []
  rooms: []
""")
        (folder / "ngircd.conf").write_text(f"""
[Global]
Name = irc.bridged.example
Info = an IRC server of the tests
Listen = 127.0.0.1
Ports = {self.irc_port}
MotdPhrase = hello
[Limits]
MaxConnectionsIP = 0
[Options]
DNS = no
Ident = no
PAM = no
""")

    def run(self, name: str, argv: list[str], out=None) -> subprocess.Popen:
        with open(self.folder / f"{name}.log", "ab") as log:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out or log, stderr=log)
        self.children[name] = child
        return child

    def start_irc(self) -> None:
        program = shutil.which("ngircd", path=os.environ["PATH"] + ":/usr/sbin")
        self.run("ngircd", [program, "-n", "-f", str(self.folder / "ngircd.conf")])

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.irc_port)) == 0

        until("the IRC server", listens)

    def start_server(self) -> None:
        program = str(TARGET / "debug" / "homeserver")
        argv = [program, "serve", "--data", str(self.folder / "hearth"), "--server-name", NAME, "--client-listen",
                f"127.0.0.1:{self.client_port}", "--registration-secret", SECRET, "--appservice", str(self.registration)]
        child = self.run("hearth", argv, subprocess.PIPE)
        if not child.stdout.readline():
            raise AssertionError(f"homeserver ended with {child.wait()}; see {self.folder}")

    def start_bridge(self, owner: str) -> None:
        self.run("heisenbridge", [str(VENV / "bin" / "heisenbridge"), "-vv", "-c", str(self.registration), "-o", owner, self.base])

    def end(self, name: str, how: int = signal.SIGTERM) -> None:
        child = self.children.pop(name, None)
        if child:
            child.send_signal(how)
            child.wait(15)

    def stop(self) -> None:
        for name in list(self.children):
            with contextlib.suppress(Exception):
                self.end(name, signal.SIGKILL)


class Irc:
    """Somebody with a small IRC client."""

    def __init__(self, port: int, nick: str):
        self.nick, self.lines = nick, []
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.socket.settimeout(None)
        threading.Thread(target=self.read, daemon=True).start()
        self.write(f"NICK {nick}", f"USER {nick} 0 * :{nick}")
        until(f"{nick}'s welcome", lambda: [line for line in self.lines if f" 001 {nick} " in line])

    def read(self) -> None:
        with contextlib.suppress(OSError):
            for line in self.socket.makefile("r", encoding="utf-8", errors="replace"):
                self.lines.append(line.rstrip("\r\n"))
                if line.startswith("PING"):
                    self.write(line.rstrip("\r\n").replace("PING", "PONG", 1))

    def write(self, *lines: str) -> None:
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def say(self, to: str, words: str) -> None:
        self.write(f"PRIVMSG {to} :{words}")

    def heard(self, to: str, words: str) -> list[str]:
        return [line for line in list(self.lines) if f"PRIVMSG {to} :" in line and words in line]


class Bridged:
    """A Matrix user on the IRC network: rooms that the bridge has invited them to are joined as they come."""

    def __init__(self, world: World, user: User):
        self.world, self.user, self.control, self.network = world, user, None, None

    def invites(self) -> set[str]:
        return set(self.user.sync()["rooms"].get("invite", {}))

    def accept(self, what: str) -> str:
        room = until(f"the invite to {what}", self.invites).copy().pop()
        self.user.join(room)
        return room

    def room_with(self, name: str) -> str:
        """The room, joined by now, that has this name."""

        def find():
            for room in self.invites():
                self.user.join(room)
            for room in self.user.client("GET", "joined_rooms")["joined_rooms"]:
                with contextlib.suppress(Exception):
                    if name in self.user.state(room, "m.room.name")["name"]:
                        return room
            return None

        return until(f"the room {name}", find)

    def order(self, room: str, command: str, answer: str) -> None:
        """Tells the bridge to do something, and waits for its answer."""
        before = len(self.user.words(room))
        self.user.say(room, command)
        until(f"{answer!r} to {command!r}", lambda: [w for w in self.user.words(room)[before:] if answer.lower() in w.lower()])


class Story:
    """What the cases share: Hilda on Matrix, Bob on IRC, a channel."""

    def __init__(self, world: World):
        self.world = world
        self.hilda = User(world.base, SECRET, "hilda")
        self.bridged = Bridged(world, self.hilda)
        self.bob = Irc(world.irc_port, "bob")
        self.bob.write("JOIN #tea")
        self.channel = None


@case
def the_bridge_opens_its_control_room(story: Story) -> None:
    story.world.start_bridge(story.hilda.user_id)
    story.bridged.control = story.bridged.accept("the control room")
    until("the bridge's help", lambda: story.hilda.words(story.bridged.control))
    assert "@heisenbridge:" + NAME in story.hilda.members(story.bridged.control)


@case
def the_network_is_connected(story: Story) -> None:
    control = story.bridged.control
    story.bridged.order(control, "ADDNETWORK local", "network added")
    story.bridged.order(control, f"ADDSERVER local 127.0.0.1 {story.world.irc_port}", "server added")
    story.hilda.say(control, "OPEN local")
    story.bridged.network = story.bridged.room_with("local")
    story.hilda.say(story.bridged.network, "NICK hilda")
    story.bridged.order(story.bridged.network, "CONNECT", "connecting to")


@case
def a_channel_is_joined_with_its_people(story: Story) -> None:
    story.hilda.say(story.bridged.network, "JOIN #tea")
    story.channel = story.bridged.room_with("#tea")
    # The bridge brings people in when they first speak.
    until("Hilda on IRC", lambda: [line for line in story.bob.lines if ":hilda!" in line and "JOIN" in line])


@case
def matrix_is_heard_on_irc(story: Story) -> None:
    for n in range(5):
        story.hilda.say(story.channel, f"to IRC {n}")
    until("Hilda's words", lambda: story.bob.heard("#tea", "to IRC 4"))
    heard = [line.rsplit(" ", 1)[1] for line in story.bob.heard("#tea", "to IRC")]
    assert heard == ["0", "1", "2", "3", "4"], heard


@case
def irc_is_heard_on_matrix(story: Story) -> None:
    for n in range(3):
        story.bob.say("#tea", f"to Matrix {n}")

    def spoken():
        events = [e for e in story.hilda.history(story.channel) if str(e["content"].get("body")).startswith("to Matrix")]
        # The bridge may put lines said in one breath into one message.
        lines = [line for e in reversed(events) for line in e["content"]["body"].splitlines()]
        return lines == [f"to Matrix {n}" for n in range(3)] and events

    events = until("Bob's words", spoken)
    assert {e["sender"] for e in events} == {f"@irc_local_bob:{NAME}"}, events


@case
def private_words_both_ways(story: Story) -> None:
    story.bob.say("hilda", "psst, Hilda")
    room = story.bridged.room_with("bob")
    until("Bob's whisper", lambda: "psst, Hilda" in story.hilda.words(room))
    story.hilda.say(room, "psst, Bob")
    until("Hilda's whisper", lambda: story.bob.heard("hilda", "psst, Bob") or story.bob.heard("bob", "psst, Bob"))


@case
def what_was_under_way_when_the_server_was_killed_comes_once(story: Story) -> None:
    story.world.children["heisenbridge"].send_signal(signal.SIGSTOP)
    story.hilda.say(story.channel, "said to a frozen bridge")
    time.sleep(0.5)
    story.world.end("hearth", signal.SIGKILL)
    story.world.start_server()
    story.hilda.say(story.channel, "said after the fall")
    story.world.children["heisenbridge"].send_signal(signal.SIGCONT)
    until("the words after the fall", lambda: story.bob.heard("#tea", "said after the fall"))
    assert len(story.bob.heard("#tea", "said to a frozen bridge")) == 1, story.bob.lines[-20:]
    story.bob.say("#tea", "heard it")
    until("Bob's answer", lambda: "heard it" in story.hilda.words(story.channel))


@case
def who_leaves_irc_leaves_the_room(story: Story) -> None:
    eve = Irc(story.world.irc_port, "eve")
    eve.write("JOIN #tea")
    puppet = f"@irc_local_eve:{NAME}"
    eve.say("#tea", "hello from Eve")
    until("Eve's words", lambda: "hello from Eve" in story.hilda.words(story.channel))
    assert puppet in story.hilda.members(story.channel)
    eve.write("PART #tea :bye")
    until("Eve's leaving", lambda: puppet not in story.hilda.members(story.channel))


@case
def nobody_takes_a_puppets_name(story: Story) -> None:
    path = "/_matrix/client/v3/register/available?username=irc_local_bob"
    try:
        story.hilda.call("GET", path)
        raise AssertionError("a puppet's name is free")
    except Exception as refused:
        body = json.loads(getattr(refused, "body", b"{}") or b"{}")
        assert body.get("errcode") in ("M_EXCLUSIVE", "M_USER_IN_USE", "M_FORBIDDEN"), refused


def main() -> None:
    install()
    folder = Path(tempfile.mkdtemp(prefix="hearth-bridge-"))
    print(f"heisenbridge from PyPI, ngircd from Debian, logs in {folder}", flush=True)
    with contextlib.ExitStack() as stack:
        world = World(folder)
        stack.callback(world.stop)
        world.start_irc()
        world.start_server()
        counts = run_cases(CASES, Story(world))
    finish(folder, *counts)


if __name__ == "__main__":
    main()
