"""The two sides of a call as programs: ours, and matrix-js-sdk in Chromium; and a homeserver between them."""

import json
import queue
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

from homes import CACHE, DEADLINE, HERE, SECRET, TARGET, Alone, Hearth, Synapse, User, until

FILES = ("package.json", "package-lock.json", "build.mjs", "drive.mjs", "page.mjs", "page.html")
FRAMES = CACHE / "call-frames"


def prepared() -> Path:
    """The folder in the cache that holds the SDK, the page and the script that drives it."""
    folder = CACHE / "call-peer"
    folder.mkdir(parents=True, exist_ok=True)
    lock, ours = folder / "package-lock.json", HERE / "call_peer"
    fresh = lock.exists() and lock.read_bytes() == (ours / lock.name).read_bytes() and (folder / "node_modules").exists()
    for name in FILES:
        shutil.copyfile(ours / name, folder / name)
    if not fresh:
        print("matrix-js-sdk from npm into the cache folder", flush=True)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True)
    subprocess.run(["npm", "run", "--silent", "build"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder


class Side:
    """One side of a call: a program that takes words and answers each with a line of JSON, and with one more at its end."""

    def __init__(self, argv: list[str], cwd: Path, log: Path):
        self.log = log
        with open(log, "ab") as errors:
            self.child = subprocess.Popen(argv, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        self.lines: queue.Queue[str] = queue.Queue()
        self.synced = False
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        for line in self.child.stdout:
            self.lines.put(line)
        self.lines.put("")

    def line(self):
        line = self.lines.get(timeout=DEADLINE)
        assert line, f"{self} ended without a word; see {self.log}"
        return json.loads(line)

    def ready(self) -> None:
        """Waits for the first sync."""
        if not self.synced:
            assert "synced" in self.line(), f"{self} says something else first"
            self.synced = True

    def ask(self, word: str):
        self.ready()
        self.child.stdin.write(word + "\n")
        self.child.stdin.flush()
        answer = self.line()
        assert not (isinstance(answer, dict) and answer.get("error")), f"{self}, asked to {word}: {answer}"
        return answer

    def until(self, what: str, look):
        """Asks how the call does until `look` finds something in it."""
        last = {}

        def once():
            nonlocal last
            last = self.ask("stats")
            return look(last)

        try:
            return until(f"{what} at {self}", once)
        except AssertionError as error:
            raise AssertionError(f"{error}: {json.dumps(last)[:3000]}") from error

    def connected(self) -> None:
        self.until("the connection", lambda s: s["state"] == "connected")

    def end(self) -> dict:
        """Waits for the end of the call; answers the program's last word."""
        answer = self.line()
        assert self.child.wait(DEADLINE) == 0 and "error" not in answer, f"{self}: {answer}"
        return answer

    def kill(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()


class Ours(Side):
    def __init__(self, given, mode: str, who: User, *more: str):
        program = TARGET / given.profile / "caller"
        super().__init__([str(program), mode, "--a", who.account, "--talk", *more], given.folder, given.folder / "caller.log")

    def __str__(self) -> str:
        return "our side"

    def hears(self) -> None:
        before = self.ask("stats")["received"]["energy"]
        self.until("a tone", lambda s: s["received"]["energy"] > before + 0.2)

    def is_quiet(self) -> None:
        self.until("silence", quiet(lambda s: s["received"]["energy"]))

    def sees(self, more: int = 30) -> None:
        before = self.ask("stats")["seen"]["frames"]
        self.until("pictures", lambda s: s["seen"]["frames"] >= before + more)
        assert self.ask("stats")["seen"]["broken"] == 0, "every frame that is shown can be decoded"


class Theirs(Side):
    def __init__(self, given, mode: str, who: User, *more: str):
        super().__init__(["node", "drive.mjs", mode, "--a", who.account, "--talk", *more], given.peer, given.folder / "chromium.log")

    def __str__(self) -> str:
        return "Chromium"

    def hears(self) -> None:
        before = self.ask("stats")["audioIn"]["energy"]
        self.until("a tone", lambda s: s["audioIn"]["energy"] > before + 0.02)

    def is_quiet(self) -> None:
        self.until("silence", quiet(lambda s: s["audioIn"]["energy"]))

    def sees(self, more: int = 30) -> None:
        before = (self.ask("stats").get("videoIn") or {}).get("frames") or 0
        self.until("pictures", lambda s: ((s.get("videoIn") or {}).get("frames") or 0) >= before + more)


def quiet(energy):
    """True once hardly any energy came for a second."""
    since, level = time.monotonic(), None

    def look(stats) -> bool:
        nonlocal since, level
        now = energy(stats)
        if level is None or now > level + 1e-3:
            since, level = time.monotonic(), now
        return time.monotonic() > since + 1

    return look


class Given:
    """A server, and two people in a room for each case. `turn`: its settings of TURN servers."""

    # Which build of ours.
    profile = "debug"

    def __init__(self, folder: Path, turn: str = 'listen = "127.0.0.1:0"'):
        self.folder, self.peer, self.people = folder, prepared(), 0
        folder.mkdir(exist_ok=True)
        self.server = Alone(folder, self.profile)
        config = folder / "homeserver.toml"
        config.write_text(f"[turn]\n{turn}\n")
        self.server.flags += ["--config", str(config), "--allow-network", "127.0.0.0/8"]
        self.server.start()

    def person(self, base: str) -> User:
        self.people += 1
        who = User(base, SECRET, f"p{self.people}")
        device = who.client("GET", "account", "whoami")["device_id"]
        who.account = ",".join((base, who.user_id, who.token, device))
        return who

    def two(self, **more) -> tuple[User, User, str]:
        """Ours, theirs, and the room that both are in."""
        ours, theirs = self.person(self.server.client_url), self.person(self.server.client_url)
        room = ours.make_room(preset="trusted_private_chat", is_direct=True, invite=[theirs.user_id], **more)
        theirs.join(room)
        return ours, theirs, room


class WithSynapse(Given):
    """A Synapse beside ours: our side is at home here, Chromium there."""

    def __init__(self, given: Given):
        self.folder, self.peer, self.people = given.folder / "with-synapse", given.peer, 0
        self.folder.mkdir()
        self.synapse = Synapse(self.folder, "127.0.0.2").start()
        self.server = Hearth(self.folder, "127.0.0.3").start()

    def two(self, **more) -> tuple[User, User, str]:
        ours, theirs = self.person(self.server.client_url), self.person(self.synapse.client_url)
        room = ours.make_room(preset="trusted_private_chat", is_direct=True, invite=[theirs.user_id], **more)
        until("the join", lambda: theirs.join(room, ours.server_name) or True)
        until("both members", lambda: len(ours.members(room)) == len(theirs.members(room)) == 2)
        return ours, theirs, room

    def stop(self) -> None:
        self.server.stop()
        self.synapse.stop()


class Coturn:
    """An independent TURN server that knows a secret of ours."""

    def __init__(self, folder: Path):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        files = ["--pidfile", str(folder / "coturn.pid"), "--userdb", str(folder / "coturn.db"), "--log-file", "stdout"]
        argv = ["turnserver", "-n", "--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--listening-port", str(self.port),
                "--use-auth-secret", "--static-auth-secret", SECRET, "--realm", "coturn.test", "--allow-loopback-peers",
                "--no-tls", "--no-dtls", "--no-cli", *files]
        self.log = folder / "coturn.log"
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def settings(self) -> str:
        return f'uris = ["turn:127.0.0.1:{self.port}?transport=udp"]\nsecret = "{SECRET}"'

    def stop(self) -> None:
        self.child.terminate()
        self.child.wait(10)


class Call:
    """A call that is connected; whoever is still there at the end of a case is ended."""

    def __init__(self, given: Given, caller: str, *more: str, ours=(), theirs=(), room=None):
        us, them, room = room or given.two()
        if caller == "ours":
            self.theirs = Theirs(given, "answer", them, *more, *theirs)
            self.theirs.ready()
            self.ours = Ours(given, "place", us, "--room", room, *more, *ours)
        else:
            self.ours = Ours(given, "answer", us, *more, *ours)
            self.theirs = Theirs(given, "place", them, "--room", room, *more, *theirs)

    def __enter__(self) -> "Call":
        try:
            self.ours.connected()
            self.theirs.connected()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.ours.kill()
        self.theirs.kill()

    def talk(self) -> None:
        self.ours.hears()
        self.theirs.hears()

    def see(self) -> None:
        self.ours.sees()
        self.theirs.sees()

    def look(self, name: str) -> None:
        """Saves what each side sees, and looks at it: a picture with shapes in it, and another one a moment later."""
        FRAMES.mkdir(parents=True, exist_ok=True)
        for side, who in ((self.ours, "chromium-seen-by-us"), (self.theirs, "us-seen-by-chromium")):
            file = FRAMES / f"{name}-{who}.png"

            def look(side=side, file=file):
                return side.ask(f"look {file}")

            # Chromium's own picture has moments with hardly anything in it.
            first = until(f"shapes in {file}", lambda: (seen := look())["spread"] > 15 and seen)
            until(f"another picture in {file}", lambda: look()["colour"] != first["colour"])
            until(f"shapes in {file}", lambda: look()["spread"] > 15)
            assert file.stat().st_size > 1000, file

    def ended_by_us(self) -> tuple[dict, dict]:
        self.ours.ask("hangup")
        return self.over("HungUp { by: Us }")

    def ended_by_them(self) -> tuple[dict, dict]:
        self.theirs.ask("hangup")
        return self.over("HungUp { by: Them }")

    def over(self, cause: str) -> tuple[dict, dict]:
        ours, theirs = self.ours.end(), self.theirs.end()
        assert ours["cause"] == cause, ours
        return ours, theirs
