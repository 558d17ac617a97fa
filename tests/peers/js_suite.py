#!/usr/bin/env python3
"""matrix-js-sdk from npm, with its Rust encryption, against our homeserver; `./dev test --peers` runs it.

Installs the SDK by its lock file into the cache folder when it is missing. The last line says how many cases passed.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from homes import CACHE, HERE, SECRET, Alone, User

FILES = ("package.json", "package-lock.json", "suite.mjs")


def prepared() -> Path:
    """The folder in the cache that holds the SDK and the script that uses it."""
    folder = CACHE / "js-peer"
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "package-lock.json"
    fresh = lock.exists() and lock.read_bytes() == (HERE / "js" / "package-lock.json").read_bytes() and (folder / "node_modules").exists()
    for name in FILES:
        shutil.copyfile(HERE / "js" / name, folder / name)
    if not fresh:
        print("matrix-js-sdk from npm into the cache folder", flush=True)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True)
    return folder


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="hearth-js-"))
    server = Alone(folder).start()
    try:
        people = [User(server.client_url, SECRET, name) for name in ("anna", "boris")]
        words = [word for one in people for word in (one.user_id[1:].split(":")[0], one.password)]
        done = subprocess.run(["node", "suite.mjs", server.client_url, *words, *sys.argv[1:]], cwd=prepared(), check=False)
    finally:
        server.stop()
    if done.returncode == 0:
        shutil.rmtree(folder)
    else:
        print(f"the logs stay in {folder}")
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
