"""People who use matrix-nio, a client that others wrote, with its own encryption.

Installs matrix-nio from PyPI into the cache folder when it is missing, and runs the program again with it.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from homes import CACHE, DEADLINE, SECRET, User

VENV = CACHE / "nio"
PYTHON = VENV / "bin" / "python"
if Path(sys.prefix).resolve() != VENV.resolve():
    if subprocess.run([str(PYTHON), "-c", "import nio.crypto"], stderr=subprocess.DEVNULL, check=False).returncode if PYTHON.exists() else True:
        print("matrix-nio from PyPI into the cache folder", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run([str(PYTHON), "-m", "pip", "install", "--quiet", "matrix-nio[e2e]==0.26.*"], check=True)
    os.execv(PYTHON, [str(PYTHON), *sys.argv])

import nio  # noqa: E402

ENCRYPTION = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}


class Person:
    """A nio client that is signed in, and what it has heard; `server` is anything with a `client_url`."""

    def __init__(self, server, name: str, folder: Path):
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
