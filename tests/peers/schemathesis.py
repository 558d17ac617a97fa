#!/usr/bin/env python3
"""The specification's own OpenAPI files against our homeserver: well-formed and malformed requests of every operation, by schemathesis.

Run by hand: `tests/peers/schemathesis.py …/matrix-spec/data/api/client-server [--examples 50] [--only REGEX]`. Installs schemathesis from PyPI into
the cache folder when it is missing. No answer may be a 5xx, but for a 502 or 504 with an errcode, which tells that another server failed; and no
request may be left without an answer. One line a file; the last says how many operations and requests there were.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# This file has the package's name.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
sys.path.append(str(HERE / "nowhere"))
from importlib import util  # noqa: E402


def beside(name: str):
    spec = util.spec_from_file_location(name, HERE / f"{name}.py")
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


homes = beside("homes")
VENV = homes.CACHE / "schemathesis"
PYTHON = VENV / "bin" / "python"
if Path(sys.prefix).resolve() != VENV.resolve():
    if not PYTHON.exists() or subprocess.run([str(PYTHON), "-P", "-c", "import schemathesis, yaml"], stderr=subprocess.DEVNULL, check=False).returncode:
        print("schemathesis from PyPI into the cache folder", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run([str(PYTHON), "-m", "pip", "install", "--quiet", "schemathesis==4.*", "pyyaml"], check=True)
    os.execv(PYTHON, [str(PYTHON), "-P", *sys.argv])

import requests  # noqa: E402
import schemathesis  # noqa: E402
import yaml  # noqa: E402
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.core.failures import FailureGroup  # noqa: E402
from schemathesis.generation import GenerationMode  # noqa: E402

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
# They may end the session that asks: each has an account of its own, and another when that one is gone.
ENDING = re.compile(r"/logout|/account/deactivate|/account/password$|/delete_devices|/devices/|/refresh|/admin/")
PATIENCE = 30


def prepared(path: Path) -> dict:
    """One file with everything that it refers to in its place, and what only documents taken out."""
    files: dict[Path, object] = {}

    def load(file: Path):
        if file not in files:
            files[file] = yaml.safe_load(file.read_text())
        return files[file]

    def resolve(node, file: Path, within: tuple):
        if isinstance(node, list):
            return [resolve(one, file, within) for one in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            name, _, pointer = node["$ref"].partition("#")
            target = (file.parent / name).resolve() if name else file
            key = (target, pointer)
            # What holds itself may hold anything at that place.
            if key in within:
                return {}
            found = load(target)
            for part in filter(None, pointer.split("/")):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            rest = {field: value for field, value in node.items() if field != "$ref"}
            if isinstance(found, dict) and rest:
                found = {**found, **rest}
            return resolve(found, target, (*within, key))
        return {field: resolve(value, file, within) for field, value in node.items() if field not in ("example", "examples")}

    whole = load(path.resolve())
    base = whole["servers"][0]["variables"]["basePath"]["default"].rstrip("/")
    paths = {}
    for route, item in whole["paths"].items():
        kept = {}
        for method, operation in item.items():
            if method in METHODS:
                kept[method] = {
                    "operationId": operation.get("operationId", f"{method} {route}"),
                    "parameters": resolve(operation.get("parameters", []), path.resolve(), ()),
                    "responses": {"default": {"description": "any"}},
                }
                if "requestBody" in operation:
                    kept[method]["requestBody"] = resolve(operation["requestBody"], path.resolve(), ())
            elif method == "parameters":
                kept[method] = resolve(item, path.resolve(), ())["parameters"]
        paths[base + route] = kept
    return {"openapi": "3.1.0", "info": whole["info"], "paths": paths}


class World:
    """Somebody with a room in which something was said: what paths name now and then."""

    def __init__(self, server: "homes.Alone"):
        self.server, self.count = server, 0
        self.user = self.somebody()
        self.room = self.user.make_room()
        self.event = self.user.send(self.room, "m.room.message", {"msgtype": "m.text", "body": "something to find"})
        self.device = self.user.client("GET", "account", "whoami")["device_id"]
        self.user.client("PUT", "directory", "room", f"#real:{self.user.server_name}", body={"room_id": self.room})

    def somebody(self) -> "homes.User":
        self.count += 1
        return homes.User(self.server.client_url, homes.SECRET, f"user{self.count}", admin=True)

    def real(self, name: str):
        return {
            "roomId": self.room, "roomIdOrAlias": self.room, "eventId": self.event, "threadRoot": self.event,
            "userId": self.user.user_id, "user_id": self.user.user_id, "room_id": self.room, "event_id": self.event,
            "deviceId": self.device, "serverName": self.user.server_name, "roomAlias": f"#real:{self.user.server_name}",
            "eventType": "m.room.message", "receiptType": "m.read", "relType": "m.thread", "kind": "override", "scope": "global",
            "type": "m.direct", "keyName": "displayname", "stateKey": self.user.user_id,
        }.get(name)


class Failure(Exception):
    pass


def run_operation(operation, world: World, examples: int, count: list[int]) -> list[str]:
    """Asks many times; says what went wrong."""
    ends = ENDING.search(operation.path)
    asker = [world.somebody() if ends else world.user]
    session = requests.Session()
    wrong: dict[str, str] = {}

    def ask(case, draw):
        for parameters in (case.path_parameters, case.query):
            for name in list(parameters or {}):
                value = world.real(name)
                if value is not None and draw.draw(st.integers(0, 3)) > 0:
                    parameters[name] = value
                # Nothing waits long here.
                if name in ("timeout", "timeout_ms") and str(parameters[name]).isdigit():
                    parameters[name] = min(int(parameters[name]), 50)
        headers = {"Authorization": f"Bearer {asker[0].token}"}
        count[0] += 1
        try:
            response = case.call(base_url=world.server.client_url, session=session, headers=headers, timeout=PATIENCE)
        except requests.RequestException as error:
            wrong.setdefault(type(error).__name__, f"{case.as_curl_command()}\n    {error}")
            return
        if response.status_code in (502, 504) and "errcode" in response.text:
            count[1] += 1
            return
        try:
            case.validate_response(response, checks=[not_a_server_error])
        except FailureGroup:
            wrong.setdefault(str(response.status_code), f"{case.as_curl_command()[:2000]}\n    {response.text[:300]}")
        if ends and response.status_code in (200, 401, 403):
            who = {"Authorization": f"Bearer {asker[0].token}"}
            alive = requests.get(f"{world.server.client_url}/_matrix/client/v3/account/whoami", headers=who, timeout=PATIENCE)
            if alive.status_code != 200:
                asker[0] = world.somebody()

    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        try:
            strategy = operation.as_strategy(generation_mode=mode)
            checks = settings(
                max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate],
            )
            seed(20_240_601)(checks(given(case=strategy, draw=st.data())(ask)))()
        except Exception as error:  # noqa: BLE001
            # Of some operations nothing malformed can be made.
            if type(error).__name__ not in ("Unsatisfiable", "SkipTest", "Skipped"):
                wrong.setdefault(type(error).__name__, repr(error)[:500])
    return [f"{kind}: {text}" for kind, text in wrong.items()]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("spec", type=Path, help="the folder data/api/client-server of matrix-org/matrix-spec")
    parser.add_argument("--examples", type=int, default=50, help="of each kind, well-formed and malformed, for each operation")
    parser.add_argument("--only", help="only operations whose METHOD and path fit")
    parser.add_argument("--keep", action="store_true", help="leave the server's folder behind")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hearth-schemathesis-"))
    config = folder / "homeserver.toml"
    config.write_text('rate_limits = false\nurl_previews = true\nguest_access = true\nregistration = "open"\n')
    server = homes.Alone(folder)
    server.flags += ["--config", str(config)]
    server.start()
    operations, count, wrong = 0, [0, 0], 0
    try:
        world = World(server)
        for file in sorted(asked.spec.glob("*.yaml")):
            before, failed, of_file, began = count[0], 0, 0, time.monotonic()
            for found in schemathesis.openapi.from_dict(prepared(file)).get_all_operations():
                operation = found.ok()
                label = f"{operation.method.upper()} {operation.path}"
                if asked.only and not re.search(asked.only, label):
                    continue
                of_file += 1
                for text in run_operation(operation, world, asked.examples, count):
                    failed += 1
                    print(f"  {label}\n    {text}", flush=True)
            if of_file:
                seconds = time.monotonic() - began
                print(f"{file.name}: {of_file} operations, {count[0] - before} requests, {failed} wrong, {seconds:.0f} s", flush=True)
            operations, wrong = operations + of_file, wrong + failed
            if server.child.poll() is not None:
                raise AssertionError(f"the server ended with {server.child.returncode}")
        panics = [line for line in server.log.read_text(errors="replace").splitlines() if "panicked at" in line]
        for line in panics:
            print(line)
        wrong += len(panics)
    finally:
        server.stop()
        if not asked.keep:
            subprocess.run(["rm", "-rf", str(folder)], check=False)
    print(f"{operations} operations, {count[0]} requests, {count[1]} answers that another server failed, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
