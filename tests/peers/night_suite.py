#!/usr/bin/env python3
"""A laptop's night beside a Synapse that talks on and gives up asking us for ten minutes; `./dev test --peers` runs it.

People write with matrix-nio in an encrypted room. The last line says how many cases passed.
"""

import asyncio
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from homes import SECRET, Hearth, Synapse, User, finish, until
from nio_people import ENCRYPTION, Person, answered, nio, room_of

# What a person waits for after opening the lid.
SOON = 10.0
CASES = []


def case(run):
    CASES.append(run)
    return run


class World:
    def __init__(self, folder: Path):
        self.folder = folder
        # Each try that fails is followed by ten minutes without one.
        self.synapse = Synapse(folder, "127.0.0.2", "--retry-interval-ms", "600000").start()
        self.hearth = Hearth(folder, "127.0.0.3").start()
        self.admin = User(self.synapse.client_url, SECRET, "warden", admin=True)
        self.people: list[Person] = []

    async def person(self, server, name: str) -> Person:
        one = Person(server, name, self.folder / f"nio-{name}")
        self.people.append(one)
        return await one.sign_in()

    def given_up(self) -> bool:
        """Whether Synapse asks us nothing for the next minutes."""
        told = self.admin.call("GET", f"/_synapse/admin/v1/federation/destinations/{self.hearth.name}")
        return told["retry_interval"] >= 600_000

    async def close(self) -> None:
        for one in self.people:
            await one.client.close()
        self.hearth.stop()
        self.synapse.stop()


async def join_in(host: Person, guest: Person, room: str) -> None:
    answered(await host.client.room_invite(room, guest.client.user_id))
    await guest.until("the invite", lambda: room in guest.client.invited_rooms)
    answered(await guest.client.join(room))


async def a_night(world: World, name: str, fall_asleep, wake) -> None:
    ann = await world.person(world.hearth, f"ann{name}")
    sam = await world.person(world.synapse, f"sam{name}")
    sue = await world.person(world.synapse, f"sue{name}")
    room = await room_of(sam, ann, initial_state=[ENCRYPTION])
    await join_in(sam, sue, room)
    for one in (ann, sam, sue):
        await one.until("all members", lambda: room in one.client.rooms and one.client.rooms[room].member_count == 3)
        await one.until("their devices", lambda: not one.client.should_query_keys)
    for speaker in (ann, sam, sue):
        await speaker.say(room, f"good night, says {speaker.client.user_id}")
        for listener in {ann, sam, sue} - {speaker}:
            assert (await listener.hears(f"good night, says {speaker.client.user_id}")).decrypted

    fall_asleep()
    said = []

    async def talk(speaker: Person, count: int) -> None:
        for _ in range(count):
            said.append(f"{len(said)} of the night")
            await speaker.say(room, said[-1])

    # New sessions: their keys go to Ann's server before the words, when it is there again.
    for speaker in (sam, sue):
        speaker.client.invalidate_outbound_session(room)
    await talk(sam, 5)
    await talk(sue, 5)
    await asyncio.to_thread(until, "Synapse to give up", world.given_up, 120)
    await talk(sam, 15)
    await talk(sue, 15)
    answered(await sam.client.room_put_state(room, "m.room.topic", {"topic": "of the night"}))

    began = time.monotonic()
    wake(ann)
    before = len(ann.heard)
    told = {}
    while set(told) != set(said):
        assert time.monotonic() - began < 6 * SOON, f"missing: {[words for words in said if words not in told]}"
        await ann.sync()
        history = answered(await ann.client.room_messages(room, ann.client.next_batch, limit=100)).chunk
        told = {event.body: event for event in reversed(history) if isinstance(event, nio.RoomMessageText) and event.body.endswith("of the night")}
    took = time.monotonic() - began
    print(f"        {took:6.1f} s  after the wake everything was there", flush=True)
    assert took < SOON, took
    assert list(told) == said, list(told)
    assert all(event.decrypted for event in told.values())
    await ann.until("the topic", lambda: ann.client.rooms[room].topic == "of the night")
    heard = [event.body for event in ann.heard[before:] if getattr(event, "body", "").endswith("of the night")]
    # A sync may leave some out and say so; what it tells is in order and told once.
    assert heard == [words for words in said if words in heard], heard
    await ann.until("the others' devices", lambda: not ann.client.should_query_keys)
    await ann.say(room, f"good morning {name}")
    for listener in (sam, sue):
        assert (await listener.hears(f"good morning {name}")).decrypted
    await talk(sam, 1)
    assert (await ann.hears(said[-1])).decrypted


@case
async def ours_was_off(world: World) -> None:
    def wake(ann: Person) -> None:
        ann.client.homeserver = ann.account.base = world.hearth.start().client_url

    await a_night(world, "off", world.hearth.stop, wake)


@case
async def ours_slept(world: World) -> None:
    """The process stands still, its connections stay open, and the clock has jumped when it goes on."""
    pid = world.hearth.pid
    fell_asleep = time.monotonic()

    def fall_asleep() -> None:
        nonlocal fell_asleep
        fell_asleep = time.monotonic()
        os.kill(pid, signal.SIGSTOP)

    def wake(_ann: Person) -> None:
        print(f"        {time.monotonic() - fell_asleep:6.1f} s  asleep", flush=True)
        os.kill(pid, signal.SIGCONT)

    try:
        await a_night(world, "asleep", fall_asleep, wake)
    finally:
        os.kill(pid, signal.SIGCONT)


async def play(folder: Path, wanted: list[str]) -> tuple[int, int]:
    world = World(folder)
    passed = failed = 0
    try:
        for run in CASES:
            if wanted and not any(word in run.__name__ for word in wanted):
                continue
            began = time.monotonic()
            try:
                await run(world)
                passed += 1
                print(f"ok      {time.monotonic() - began:6.1f} s  {run.__name__}", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED  {time.monotonic() - began:6.1f} s  {run.__name__}\n{traceback.format_exc()}", flush=True)
    finally:
        await world.close()
    return passed, failed


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="hearth-night-"))
    print(f"Synapse and ours in {folder}", flush=True)
    finish(folder, *asyncio.run(play(folder, sys.argv[1:])))


if __name__ == "__main__":
    main()
