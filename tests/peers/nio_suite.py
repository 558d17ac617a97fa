#!/usr/bin/env python3
"""matrix-nio, a client that others wrote, with its own encryption, against our homeserver; `./dev test --peers` runs it.

Installs matrix-nio from PyPI into the cache folder when it is missing. The last line says how many cases passed.
"""

import asyncio
import io
import os
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from homes import CACHE, DEADLINE, SECRET, Alone, User, finish

VENV = CACHE / "nio"
PYTHON = VENV / "bin" / "python"
if Path(sys.prefix).resolve() != VENV.resolve():
    if subprocess.run([str(PYTHON), "-c", "import nio.crypto"], stderr=subprocess.DEVNULL, check=False).returncode if PYTHON.exists() else True:
        print("matrix-nio from PyPI into the cache folder", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run([str(PYTHON), "-m", "pip", "install", "--quiet", "matrix-nio[e2e]==0.26.*"], check=True)
    os.execv(PYTHON, [str(PYTHON), *sys.argv])

import nio  # noqa: E402
from nio.crypto import SasState, decrypt_attachment  # noqa: E402

CASES = []
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc0f01f00050001ff56c72f0d0000000049454e44ae426082"
)


def case(run):
    CASES.append(run)
    return run


class Person:
    """A nio client that is signed in, and what it has heard."""

    def __init__(self, server: Alone, name: str, folder: Path):
        self.account = User(server.client_url, SECRET, name)
        config = nio.AsyncClientConfig(store_sync_tokens=True, encryption_enabled=True)
        folder.mkdir(parents=True)
        self.client = nio.AsyncClient(server.client_url, self.account.user_id, store_path=str(folder), config=config)
        self.heard: list[nio.Event] = []
        self.client.add_event_callback(lambda _room, event: self.heard.append(event), nio.Event)

    async def sign_in(self) -> "Person":
        answered(await self.client.login(self.account.password, device_name="nio"))
        await self.sync()
        return self

    async def sync(self) -> None:
        answered(await self.client.sync(timeout=500, full_state=self.client.next_batch is None))
        if self.client.should_upload_keys:
            answered(await self.client.keys_upload())
        if self.client.should_query_keys:
            answered(await self.client.keys_query())
        await self.client.send_to_device_messages()

    async def until(self, what: str, look):
        """Syncs until there is what is looked for."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if found := look():
                return found
            await self.sync()
        raise AssertionError(f"waited for {what} in vain")

    async def hears(self, body: str) -> nio.Event:
        return await self.until(body, lambda: next((e for e in self.heard if getattr(e, "body", None) == body), None))

    async def say(self, room: str, body: str) -> str:
        content = {"msgtype": "m.text", "body": body}
        sent = await self.client.room_send(room, "m.room.message", content, ignore_unverified_devices=True)
        return answered(sent).event_id


def answered(answer):
    assert not isinstance(answer, nio.ErrorResponse), answer
    return answer


async def room_of(host: Person, guest: Person, **more) -> str:
    """A room that the host made and the guest has joined, known to both."""
    room = answered(await host.client.room_create(invite=[guest.client.user_id], **more)).room_id
    await guest.until("the invite", lambda: room in guest.client.invited_rooms)
    answered(await guest.client.join(room))
    for one in (host, guest):
        await one.until("both members", lambda: room in one.client.rooms and one.client.rooms[room].member_count == 2)
    return room


@case
async def sign_in_sync_and_chat(ann: Person, bob: Person) -> None:
    assert answered(await ann.client.whoami()).user_id == ann.client.user_id
    room = await room_of(ann, bob, name="Tea", topic="at five")
    assert (bob.client.rooms[room].name, bob.client.rooms[room].topic) == ("Tea", "at five")
    for speaker, listener in ((ann, bob), (bob, ann)):
        await speaker.say(room, f"{speaker.client.user_id} speaks")
        await listener.hears(f"{speaker.client.user_id} speaks")
    history = answered(await bob.client.room_messages(room, bob.client.next_batch, limit=50)).chunk
    assert {"Tea"} == {event.name for event in history if isinstance(event, nio.RoomNameEvent)}
    answered(await bob.client.room_leave(room))
    answered(await bob.client.room_forget(room))
    await ann.until("the leave", lambda: ann.client.rooms[room].member_count == 1)


@case
async def receipts_typing_redaction_and_context(ann: Person, bob: Person) -> None:
    room = await room_of(ann, bob)
    event = await ann.say(room, "read me")
    await bob.hears("read me")
    answered(await bob.client.room_typing(room, True, 20_000))
    await ann.until("typing", lambda: bob.client.user_id in ann.client.rooms[room].typing_users)
    answered(await bob.client.room_read_markers(room, event, event))
    receipts = ann.client.rooms[room].read_receipts
    await ann.until("the receipt", lambda: getattr(receipts.get(bob.client.user_id), "event_id", None) == event)
    context = answered(await bob.client.room_context(room, event, limit=4))
    assert context.event.body == "read me" and context.events_before, context
    answered(await ann.client.room_redact(room, event, "typo"))
    await bob.until("the redaction", lambda: any(isinstance(e, nio.RedactionEvent) and e.redacts == event for e in bob.heard))
    assert isinstance(answered(await bob.client.room_get_event(room, event)).event, nio.RedactedEvent)


ENCRYPTION = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}


@case
async def encrypted_both_ways(ann: Person, bob: Person) -> None:
    room = await room_of(ann, bob, initial_state=[ENCRYPTION])
    for speaker, listener in ((ann, bob), (bob, ann)):
        words = f"a secret of {speaker.client.user_id}"
        assert speaker.client.rooms[room].encrypted
        await speaker.until("the other's devices", lambda: not speaker.client.should_query_keys)
        event = await speaker.say(room, words)
        assert (await listener.hears(words)).decrypted
        stored = listener.account.client("GET", "rooms", room, "event", event)
        assert stored["type"] == "m.room.encrypted" and words not in str(stored), stored


@case
async def encrypted_file_and_thumbnail(ann: Person, bob: Person) -> None:
    uploaded, keys = await ann.client.upload(io.BytesIO(PICTURE), "application/octet-stream", encrypt=True, filesize=len(PICTURE))
    body = answered(await bob.client.download(answered(uploaded).content_uri)).body
    assert body != PICTURE
    assert decrypt_attachment(body, keys["key"]["k"], keys["hashes"]["sha256"], keys["iv"]) == PICTURE
    plain, _ = await ann.client.upload(io.BytesIO(PICTURE), "image/png", "dot.png", filesize=len(PICTURE))
    server, media = answered(plain).content_uri.removeprefix("mxc://").split("/")
    got = answered(await bob.client.download(answered(plain).content_uri))
    assert (got.body, got.content_type, got.filename) == (PICTURE, "image/png", "dot.png"), got
    small = answered(await bob.client.thumbnail(server, media, 32, 32))
    assert small.body.startswith(b"\x89PNG"), small.body[:20]


@case
async def verified_by_emoji(ann: Person, bob: Person) -> None:
    room = await room_of(ann, bob, initial_state=[ENCRYPTION])
    await ann.say(room, "compare?")
    await bob.hears("compare?")
    await ann.until("Bob's device", lambda: list(ann.client.device_store.active_user_devices(bob.client.user_id)))
    await bob.until("Ann's device", lambda: list(bob.client.device_store.active_user_devices(ann.client.user_id)))
    (device,) = ann.client.device_store.active_user_devices(bob.client.user_id)
    answered(await ann.client.start_key_verification(device))
    (transaction,) = ann.client.key_verifications
    await bob.until("the question", lambda: transaction in bob.client.key_verifications)
    answered(await bob.client.accept_key_verification(transaction))
    asked, answering = ann.client.key_verifications[transaction], bob.client.key_verifications[transaction]

    async def both(what: str, look) -> None:
        end = time.monotonic() + DEADLINE
        while not look():
            assert time.monotonic() < end, f"waited for {what} in vain"
            await ann.sync()
            await bob.sync()

    await both("the keys", lambda: asked.state == answering.state == SasState.key_received)
    assert asked.get_emoji() == answering.get_emoji()
    answered(await ann.client.confirm_short_auth_string(transaction))
    answered(await bob.client.confirm_short_auth_string(transaction))
    await both("both to be sure", lambda: asked.verified and answering.verified)
    assert device.verified


@case
async def aliases_directory_search_and_profile(ann: Person, bob: Person) -> None:
    answered(await ann.client.set_displayname("Ann of the Hill"))
    assert answered(await bob.client.get_profile(ann.client.user_id)).displayname == "Ann of the Hill"
    name = f"nio-{time.time_ns()}"
    made = await ann.client.room_create(alias=name, name="Open house", visibility=nio.RoomVisibility.public, preset=nio.RoomPreset.public_chat)
    room = answered(made).room_id
    assert answered(await bob.client.room_resolve_alias(f"#{name}:{ann.account.server_name}")).room_id == room
    listed = answered(await bob.client.list_public_rooms())
    assert any(one.room_id == room and one.name == "Open house" for one in listed.public_rooms), listed
    answered(await bob.client.join(f"#{name}:{ann.account.server_name}"))
    await ann.until("the room", lambda: room in ann.client.rooms)
    await ann.say(room, "an unusual pomegranate")
    await bob.hears("an unusual pomegranate")
    wanted = {"search_categories": {"room_events": {"search_term": "pomegranate"}}}
    found = bob.account.client("POST", "search", body=wanted)["search_categories"]["room_events"]
    assert [result["result"]["content"]["body"] for result in found["results"]] == ["an unusual pomegranate"], found


async def play(folder: Path, wanted: list[str]) -> tuple[int, int]:
    server = Alone(folder).start()
    passed = failed = 0
    try:
        for number, run in enumerate(CASES):
            if wanted and not any(word in run.__name__ for word in wanted):
                continue
            began, people = time.monotonic(), []
            try:
                for name in ("ann", "bob"):
                    people.append(Person(server, f"{name}{number}", folder / f"{name}{number}"))
                    await people[-1].sign_in()
                await run(*people)
                passed += 1
                print(f"ok      {time.monotonic() - began:6.1f} s  {run.__name__}", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED  {time.monotonic() - began:6.1f} s  {run.__name__}\n{traceback.format_exc()}", flush=True)
            finally:
                for person in people:
                    await person.client.close()
    finally:
        server.stop()
    return passed, failed


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="hearth-nio-"))
    finish(folder, *asyncio.run(play(folder, sys.argv[1:])))


if __name__ == "__main__":
    main()
