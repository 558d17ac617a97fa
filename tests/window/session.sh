#!/usr/bin/env bash
# session.sh CMD...: runs CMD in a desktop session of its own (X server, D-Bus, unlocked keyring) that ends with it.
set -euo pipefail
home=$(mktemp -d)
export XDG_RUNTIME_DIR=$home/run XDG_DATA_HOME=$home/data XDG_CONFIG_HOME=$home/config XDG_CACHE_HOME=$home/cache
mkdir -m 700 "$XDG_RUNTIME_DIR" "$XDG_DATA_HOME" "$XDG_CONFIG_HOME" "$XDG_CACHE_HOME"
mkfifo "$home/display"
Xvfb -displayfd 4 -screen 0 1280x900x24 -nolisten tcp 4>"$home/display" >/dev/null 2>&1 &
screen=$!
trap 'kill $screen 2>/dev/null || true; wait $screen 2>/dev/null || true; rm -rf "$home"' EXIT
read -r number <"$home/display"
export DISPLAY=:$number GDK_BACKEND=x11 NO_AT_BRIDGE=1 LIBGL_ALWAYS_SOFTWARE=1
# On a machine without a graphics card this halves time and memory; users run without it.
export WEBKIT_DISABLE_DMABUF_RENDERER=1
# shellcheck disable=SC2016 # the inner shell expands its own variables
dbus-run-session -- bash -c '
  keyring=$(printf pw | gnome-keyring-daemon --unlock --components=secrets --daemonize)
  status=0
  "$@" || status=$?
  kill "$(sed -n s/^GNOME_KEYRING_PID=//p <<<"$keyring")" 2>/dev/null || true
  exit $status' session "$@"
