#!/usr/bin/python3
"""A notification daemon for tests: every call is one JSON line on standard output; `action ID KEY` or `close ID` on standard input.

Needs Debian's python3-dbus and python3-gi, hence the system's Python.
"""

import json
import sys
import threading

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

INTERFACE = "org.freedesktop.Notifications"


def say(**facts) -> None:
    print(json.dumps(facts, ensure_ascii=False), flush=True)


class Daemon(dbus.service.Object):
    def __init__(self, bus: dbus.SessionBus):
        self.newest = 0
        super().__init__(dbus.service.BusName(INTERFACE, bus, do_not_queue=True), "/org/freedesktop/Notifications")

    @dbus.service.method(INTERFACE, in_signature="susssasa{sv}i", out_signature="u")
    def Notify(self, app, replaces, icon, summary, body, actions, hints, timeout):
        number = int(replaces) or self.newest + 1
        self.newest = max(self.newest, number)
        names = [str(action) for action in actions]
        say(event="notify", id=number, app=str(app), icon=str(icon), summary=str(summary), body=str(body),
            actions=dict(zip(names[::2], names[1::2])), hints=sorted(str(hint) for hint in hints), timeout=int(timeout))
        return dbus.UInt32(number)

    @dbus.service.method(INTERFACE, in_signature="u")
    def CloseNotification(self, number):
        say(event="withdrawn", id=int(number))
        self.NotificationClosed(number, 3)

    @dbus.service.method(INTERFACE, out_signature="as")
    def GetCapabilities(self):
        return ["body", "body-markup", "actions", "persistence", "icon-static"]

    @dbus.service.method(INTERFACE, out_signature="ssss")
    def GetServerInformation(self):
        return ("notifyd", "tests", "1", "1.2")

    @dbus.service.signal(INTERFACE, signature="uu")
    def NotificationClosed(self, number, reason):
        pass

    @dbus.service.signal(INTERFACE, signature="us")
    def ActionInvoked(self, number, key):
        pass

    def obey(self, line: str) -> None:
        word, number, *key = line.split()
        if word == "action":
            self.ActionInvoked(dbus.UInt32(int(number)), key[0])
        self.NotificationClosed(dbus.UInt32(int(number)), 2)


def main() -> None:
    DBusGMainLoop(set_as_default=True)
    daemon, loop = Daemon(dbus.SessionBus()), GLib.MainLoop()

    def read() -> None:
        for line in sys.stdin:
            GLib.idle_add(daemon.obey, line.strip())
        GLib.idle_add(loop.quit)

    threading.Thread(target=read, daemon=True).start()
    say(event="ready")
    loop.run()


if __name__ == "__main__":
    main()
