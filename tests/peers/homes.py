"""Ours and Synapse on loopback, trusting one authority, and users who speak the client API in plain JSON."""

import hashlib
import hmac
import http.client
import itertools
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("HEARTH_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "hearth")
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", CACHE / "target"))
DEADLINE = 60.0
SECRET = "a secret of the tests"


class Refused(Exception):
    def __init__(self, asked: str, status: int, body):
        super().__init__(f"{asked} answered {status}: {body}")
        self.status, self.body = status, body


class User:
    """A user registered by the shared secret, which both kinds of server understand."""

    def __init__(self, base: str, secret: str, name: str, admin: bool = False):
        self.base, self.token, self.user_id, self.password = base, None, None, secrets.token_urlsafe(9)
        self.transactions = itertools.count()
        path = "/_synapse/admin/v1/register"
        nonce = self.call("GET", path)["nonce"]
        signed = (nonce, name, self.password, "admin" if admin else "notadmin")
        mac = hmac.new(secret.encode(), "\0".join(signed).encode(), hashlib.sha1)
        body = {"nonce": nonce, "username": name, "password": self.password, "admin": admin, "mac": mac.hexdigest()}
        account = self.call("POST", path, body)
        self.token, self.user_id = account["access_token"], account["user_id"]
        self.server_name = self.user_id.split(":", 1)[1]

    def call(self, method: str, path: str, body=None, raw: bytes | None = None, kind: str = "application/json"):
        connection = http.client.HTTPConnection(urlsplit(self.base).netloc, timeout=DEADLINE)
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": kind} if data is not None else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise Refused(f"{method} {path[:120]}", response.status, answer[:500])
        return json.loads(answer) if response.headers.get_content_type() == "application/json" else answer

    def client(self, method: str, *path: str, body=None, query: dict | list | None = None):
        at = "/_matrix/client/v3/" + "/".join(quote(part, safe="") for part in path)
        return self.call(method, at + ("?" + urlencode(query) if query else ""), body)

    def make_room(self, **ask) -> str:
        return self.client("POST", "createRoom", body={"preset": "public_chat", **ask})["room_id"]

    def join(self, room: str, *via: str) -> None:
        query = [("via", v) for v in via] + [("server_name", v) for v in via]
        self.client("POST", "join", room, body={}, query=query)

    def leave(self, room: str) -> None:
        self.client("POST", "rooms", room, "leave", body={})

    def invite(self, room: str, who: "User") -> None:
        self.client("POST", "rooms", room, "invite", body={"user_id": who.user_id})

    def send(self, room: str, kind: str, content: dict) -> str:
        transaction = f"{time.time_ns()}-{next(self.transactions)}"
        return self.client("PUT", "rooms", room, "send", kind, transaction, body=content)["event_id"]

    def say(self, room: str, words: str) -> str:
        return self.send(room, "m.room.message", {"msgtype": "m.text", "body": words})

    def set_state(self, room: str, kind: str, content: dict, key: str = "") -> str:
        return self.client("PUT", "rooms", room, "state", kind, key, body=content)["event_id"]

    def state(self, room: str, kind: str, key: str = "") -> dict:
        return self.client("GET", "rooms", room, "state", kind, key)

    def history(self, room: str, limit: int = 100) -> list[dict]:
        return self.client("GET", "rooms", room, "messages", query={"dir": "b", "limit": limit})["chunk"]

    def words(self, room: str, limit: int = 100) -> list[str]:
        """What was said in the room, the oldest first, as far as this server knows."""
        said = [e["content"].get("body") for e in self.history(room, limit) if e["type"] == "m.room.message"]
        return [body for body in reversed(said) if body]

    def members(self, room: str) -> set[str]:
        return set(self.client("GET", "rooms", room, "joined_members")["joined"])

    def sync(self, since: str | None = None, timeout: int = 0) -> dict:
        return self.client("GET", "sync", query={"timeout": timeout} | ({"since": since} if since else {}))

    def rooms(self, membership: str) -> dict:
        """What a first sync tells of rooms with this membership. Synapse answers a repeated first sync from a cache, so each has a filter of its own."""
        only = {"room": {"timeline": {"limit": 1, "not_senders": [f"@nobody{next(self.transactions)}:example.org"]}}}
        answer = self.client("GET", "sync", query={"timeout": 0, "filter": json.dumps(only)})
        return answer.get("rooms", {}).get(membership, {})


class Follow:
    """A user's syncs, one after the other: Synapse answers a repeated first sync from a cache."""

    def __init__(self, user: User):
        self.user, self.since = user, user.sync()["next_batch"]

    def find(self, what: str, look):
        """Syncs until `look` finds something in an answer."""

        def next_sync():
            answer = self.user.sync(self.since, 2000)
            self.since = answer["next_batch"]
            return look(answer)

        return until(what, next_sync)


def until(what: str, find, deadline: float = DEADLINE):
    """Asks again until `find` answers something true; refusals and missing things count as not yet."""
    end, last = time.monotonic() + deadline, None
    while time.monotonic() < end:
        try:
            if found := find():
                return found
            last = found
        except (Refused, KeyError) as error:
            last = error
        time.sleep(0.1)
    raise AssertionError(f"waited for {what} in vain; the last answer was {last!r}")


class Synapse:
    """A Synapse from PyPI; `ca.pem` of the folder is made with the first one."""

    def __init__(self, folder: Path, address: str, *more: str, inside: tuple[str, ...] = ()):
        """`inside` is put before the command, to start it in a network of its own."""
        self.folder, self.inside = folder / f"synapse-{address}", inside
        self.name = f"{address}:18448"
        self.tool("setup", "--server-name", self.name, "--client-port", "18008", "--venv", str(CACHE / "synapse"),
                  "--ca-cert", str(folder / "ca.pem"), "--registration-shared-secret", SECRET, *more)

    def tool(self, command: str, *arguments: str) -> dict:
        argv = [*self.inside, sys.executable, str(HERE / "synapse_peer.py"), command, "--dir", str(self.folder), *arguments]
        done = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    def start(self) -> "Synapse":
        ready = self.tool("start")
        self.client_url, self.pid, self.startup = ready["client_url"], ready["pid"], ready["startup_seconds"]
        return self

    def stop(self) -> None:
        self.tool("stop")


class Hearth:
    """Ours, on an address of its own, with a certificate signed by the folder's authority."""

    def __init__(self, folder: Path, address: str, profile: str = "debug", name: str | None = None, inside: tuple[str, ...] = (),
                 network: str = "127.0.0.0/8"):
        self.data, self.address, self.profile, self.inside = folder / f"hearth-{address}", address, profile, inside
        self.name, self.log = name or f"{address}:8448", folder / f"hearth-{address}.log"
        self.child = None
        cert, key = folder / f"hearth-{address}.pem", folder / f"hearth-{address}.key"
        if not cert.exists():
            issue = [str(CACHE / "synapse" / "bin" / "python"), str(HERE / "synapse_peer.py"), "_issue-cert", "--ca-cert",
                     str(folder / "ca.pem"), "--ca-key", str(folder / "ca.key"), "--cert", str(cert), "--key", str(key)]
            subprocess.run([*issue, "--san", address], check=True)
        self.flags = ["--server-name", self.name, "--client-listen", f"{address}:0", "--federation-listen", f"{address}:8448",
                      "--tls-cert", str(cert), "--tls-key", str(key), "--trusted-ca", str(folder / "ca.pem"),
                      "--allow-network", network, "--registration-secret", SECRET]

    def start(self) -> "Hearth":
        program = TARGET / self.profile / "homeserver"
        began = time.monotonic()
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen([*self.inside, str(program), "serve", "--data", str(self.data), *self.flags],
                                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        line = self.child.stdout.readline()
        if not line:
            raise AssertionError(f"homeserver ended with {self.child.wait()}; see {self.log}")
        self.startup = round(time.monotonic() - began, 3)
        self.client_url, self.pid = json.loads(line)["client"], self.child.pid
        return self

    def stop(self) -> None:
        if self.child:
            self.child.terminate()
            self.child.wait(10)
            self.child = None

    def kill(self) -> None:
        self.child.kill()
        self.child.wait(10)
        self.child = None


class Alone(Hearth):
    """Ours for clients alone: no certificate, no other server."""

    def __init__(self, folder: Path, profile: str = "debug", name: str = "hearth.test"):
        self.data, self.profile, self.name, self.inside = folder / "hearth", profile, name, ()
        self.log, self.child = folder / "hearth.log", None
        self.flags = ["--server-name", name, "--client-listen", "127.0.0.1:0", "--federation-listen", "off",
                      "--registration-secret", SECRET]


def run_cases(cases: list, given) -> tuple[int, int]:
    """Runs the cases that the command line names, or all, and says how each fared; answers how many passed and failed."""
    wanted = sys.argv[1:]
    passed = failed = 0
    for run in cases:
        if wanted and not any(word in run.__name__ for word in wanted):
            continue
        began = time.monotonic()
        try:
            run(given)
            passed += 1
            print(f"ok      {time.monotonic() - began:6.1f} s  {run.__name__}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {time.monotonic() - began:6.1f} s  {run.__name__}\n{traceback.format_exc()}", flush=True)
    return passed, failed


def finish(folder: Path, passed: int, failed: int) -> None:
    """Ends the program: the folder with the logs stays when a case failed, and the last line says how many."""
    if failed:
        print(f"the logs stay in {folder}")
    else:
        shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed")
    sys.exit(bool(failed))
