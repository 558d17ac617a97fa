#!/usr/bin/python3
"""Stands in for a desktop's screen sharing: gives out the PipeWire node of this name, or says that the person cancelled.

`portal.py NODE [cancel]`; prints "ready", then a line for each session that is closed. Ends when its input ends.
"""

import json
import os
import socket
import subprocess
import sys
import threading

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

CAST = "org.freedesktop.portal.ScreenCast"
REQUEST = "org.freedesktop.portal.Request"
SESSION = "org.freedesktop.portal.Session"
PROPERTIES = "org.freedesktop.DBus.Properties"
DESKTOP = "/org/freedesktop/portal/desktop"


class Properties(dbus.service.Object):
    """An object whose properties can be asked for."""

    known: dict = {}

    @dbus.service.method(PROPERTIES, "ss", "v")
    def Get(self, _interface, name):
        return self.known[name]

    @dbus.service.method(PROPERTIES, "s", "a{sv}")
    def GetAll(self, _interface):
        return dbus.Dictionary(self.known, signature="sv")


class Request(Properties):
    @dbus.service.signal(REQUEST, signature="ua{sv}")
    def Response(self, code, results):
        pass

    @dbus.service.method(REQUEST)
    def Close(self):
        pass


class Session(Properties):
    known = {"version": dbus.UInt32(1)}

    @dbus.service.signal(SESSION, signature="a{sv}")
    def Closed(self, details):
        pass

    @dbus.service.method(SESSION)
    def Close(self):
        print("closed", flush=True)
        self.remove_from_connection()


class ScreenCast(Properties):
    known = {"version": dbus.UInt32(4), "AvailableSourceTypes": dbus.UInt32(3), "AvailableCursorModes": dbus.UInt32(7)}

    def __init__(self, bus, node: str, cancels: bool):
        super().__init__(bus, DESKTOP)
        self.bus, self.node, self.cancels = bus, node, cancels

    def path(self, kind: str, sender: str, token: str) -> str:
        return f"{DESKTOP}/{kind}/{sender[1:].replace('.', '_')}/{token}"

    def reply(self, sender, options, code: int, results: dict):
        path = self.path("request", sender, options.get("handle_token", "t"))
        request = Request(self.bus, path)

        def respond() -> bool:
            request.Response(dbus.UInt32(code), dbus.Dictionary(results, signature="sv"))
            request.remove_from_connection()
            return False

        GLib.timeout_add(30, respond)
        return dbus.ObjectPath(path)

    def number(self) -> int:
        for found in json.loads(subprocess.check_output(["pw-dump"])):
            properties = (found.get("info") or {}).get("props") or {}
            if properties.get("node.name") == self.node and found["type"].endswith(":Node"):
                return found["id"]
        raise LookupError(f"no node {self.node}")

    @dbus.service.method(CAST, "a{sv}", "o", sender_keyword="sender")
    def CreateSession(self, options, sender=None):
        path = self.path("session", sender, options["session_handle_token"])
        Session(self.bus, path)
        return self.reply(sender, options, 0, {"session_handle": path})

    @dbus.service.method(CAST, "oa{sv}", "o", sender_keyword="sender")
    def SelectSources(self, _session, options, sender=None):
        return self.reply(sender, options, 0, {})

    @dbus.service.method(CAST, "osa{sv}", "o", sender_keyword="sender")
    def Start(self, _session, _parent, options, sender=None):
        if self.cancels:
            return self.reply(sender, options, 1, {})
        size = dbus.Struct((dbus.Int32(1280), dbus.Int32(720)), signature="ii")
        about = dbus.Dictionary({"size": size, "source_type": dbus.UInt32(1)}, signature="sv")
        stream = dbus.Struct((dbus.UInt32(self.number()), about), signature="ua{sv}")
        return self.reply(sender, options, 0, {"streams": dbus.Array([stream], signature="(ua{sv})")})

    @dbus.service.method(CAST, "oa{sv}", "h")
    def OpenPipeWireRemote(self, _session, _options):
        remote = socket.socket(socket.AF_UNIX)
        remote.connect(os.environ["PIPEWIRE_RUNTIME_DIR"] + "/pipewire-0")
        return dbus.types.UnixFd(remote)


def main() -> None:
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus, loop = dbus.SessionBus(), GLib.MainLoop()
    name = dbus.service.BusName("org.freedesktop.portal.Desktop", bus)
    ScreenCast(bus, sys.argv[1], sys.argv[2:] == ["cancel"])
    print("ready", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), GLib.idle_add(loop.quit)), daemon=True).start()
    loop.run()
    del name


if __name__ == "__main__":
    main()
