#!/usr/bin/env python3
"""matrix-nio, a client that others wrote, with its own encryption, against our homeserver; `./dev test --peers` runs it.

The last line says how many cases passed.
"""

import asyncio
import io
import sys
import tempfile
import time
import traceback
from pathlib import Path

from homes import DEADLINE, Alone, finish
from nio_people import ENCRYPTION, Person, answered, nio, room_of

from nio.crypto import SasState, decrypt_attachment

CASES = []
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc0f01f00050001ff56c72f0d0000000049454e44ae426082"
)


def case(run):
    CASES.append(run)
    return run


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
