"""One Synapse and one of ours that federate on loopback, users on both, and cases that run with a room of either."""

import contextlib
import tempfile
import time
from pathlib import Path

from homes import SECRET, Hearth, Synapse, User, finish, run_cases, until


class World:
    """One Synapse, one of ours, and a way to make users on either."""

    def __init__(self, folder: Path):
        self.synapse = Synapse(folder, "127.0.0.2")
        self.hearth = Hearth(folder, "127.0.0.3")
        config = folder / "hearth.toml"
        config.write_text("public_rooms_over_federation = true\n")
        self.hearth.flags += ["--config", str(config)]
        self.count = 0

    def pair(self, ours_first: bool) -> tuple[User, User]:
        """A new user on each server, in the order asked for."""
        self.count += 1
        ours = User(self.hearth.client_url, SECRET, f"hilda{self.count}")
        theirs = User(self.synapse.client_url, SECRET, f"simon{self.count}")
        return (ours, theirs) if ours_first else (theirs, ours)


def talk(room: str, one: User, two: User) -> None:
    """Each says something and hears the other."""
    for speaker, listener in ((one, two), (two, one)):
        words = f"{speaker.user_id} says {time.time_ns()}"
        speaker.say(room, words)
        until(words, lambda: words in listener.words(room))


def both_ways(cases: list):
    """A decorator: the case runs once with our server's room and once with Synapse's."""

    def twice(run):
        for ours_first in (True, False):
            def one(world: World, ours_first=ours_first) -> None:
                run(world, *world.pair(ours_first))

            one.__name__ = f"{run.__name__}, a room of {'ours' if ours_first else 'Synapse'}"
            cases.append(one)
        return run

    return twice


def play(cases: list) -> None:
    """Starts both, runs the cases and ends the program."""
    folder = Path(tempfile.mkdtemp(prefix="hearth-synapse-"))
    print(f"Synapse from PyPI in the cache folder, both servers in {folder}", flush=True)
    with contextlib.ExitStack() as stack:
        world = World(folder)
        stack.callback(world.synapse.stop)
        world.synapse.start()
        stack.callback(world.hearth.stop)
        world.hearth.start()
        counts = run_cases(cases, world)
    finish(folder, *counts)
