#!/usr/bin/env bash
# Runs a command under a PulseAudio of its own that has two null sinks and no hardware: session.sh COMMAND...
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${daemon:-}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
export XDG_RUNTIME_DIR=$folder
# Without the cookie, whether the server knows who asks is a race.
export PULSE_COOKIE=$folder/cookie
printf '%s\n' "load-module module-native-protocol-unix auth-cookie=$PULSE_COOKIE" 'load-module module-null-sink sink_name=pretended' \
  'load-module module-null-sink sink_name=other' \
  'set-default-sink pretended' 'set-default-source pretended.monitor' >"$folder/default.pa"
HOME=$folder pulseaudio -n -F "$folder/default.pa" --daemonize=no --exit-idle-time=-1 --use-pid-file=no >"$folder/log" 2>&1 &
daemon=$!
for _ in $(seq 50); do
  [[ -S $folder/pulse/native ]] && break
  sleep 0.1
done
"$@"
