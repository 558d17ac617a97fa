#!/usr/bin/env bash
# Runs a command beside a PipeWire of its own with two cameras and a screen that show test pictures: session.sh COMMAND...
# Its environment names the processes behind them (CAMERA_ONE, CAMERA_TWO, SCREEN), so that a test can pull one out. GStreamer's
# cameras can be opened once.
set -euo pipefail
[[ -n ${DBUS_SESSION_BUS_ADDRESS:-} ]] || exec dbus-run-session -- "$0" "$@"
folder=$(mktemp -d)
mkdir -m 700 "$folder/run"
export PIPEWIRE_RUNTIME_DIR=$folder/run
# shellcheck disable=SC2317 # the trap reaches it
end() {
  local job
  for job in $(jobs -p); do kill "$job" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap end EXIT

quiet() { HOME=$folder XDG_CONFIG_HOME=$folder XDG_STATE_HOME=$folder XDG_RUNTIME_DIR=$folder/run exec "$@" >>"$folder/log" 2>&1; }
quiet pipewire &
for _ in $(seq 100); do
  [[ -S $folder/run/pipewire-0 ]] && break
  sleep 0.1
done
quiet wireplumber &

# source NAME DESCRIPTION CLASS PATTERN FORMAT [ENCODER]
source_of() {
  local encoder=()
  (($# < 6)) || encoder=("$6" '!')
  quiet gst-launch-1.0 -q videotestsrc is-live=true "pattern=$4" '!' "$5" '!' "${encoder[@]}" pipewiresink mode=provide \
    "stream-properties=props,media.class=$3,node.name=$1,node.description=$2"
}
source_of one Camera_one Video/Source smpte 'video/x-raw,format=YUY2,width=640,height=480,framerate=30/1' &
export CAMERA_ONE=$!
source_of two Camera_two Video/Source ball 'video/x-raw,format=I420,width=1280,height=720,framerate=30/1' jpegenc &
export CAMERA_TWO=$!
source_of screen A_screen Stream/Output/Video circular 'video/x-raw,format=BGRx,width=1280,height=720,framerate=30/1' &
export SCREEN=$!
for _ in $(seq 100); do
  (($(pw-cli list-objects Node 2>/dev/null | grep -cE 'node.name = "(one|two|screen)"') == 3)) && break
  sleep 0.1
done
status=0
"$@" || status=$?
exit $status
