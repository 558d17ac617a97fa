#!/usr/bin/env bash
# clean_debian.sh DEB [PICTURE]: installs the package with apt into a fresh Debian 12 and starts it from its menu entry as an ordinary
# user. Needs root and debootstrap; the system lives in a temporary folder.
set -euo pipefail
deb=$(realpath "$1") picture=${2:-}
root=$(mktemp -d)
chmod 755 "$root" # an ordinary user lives in it
trap 'umount "$root/proc" "$root/dev/pts" 2>/dev/null || true; rm -rf --one-file-system "$root"' EXIT
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }

debootstrap --variant=minbase bookworm "$root" >/dev/null
mount -t proc proc "$root/proc"
mkdir -p "$root/dev/pts"
mount -t devpts devpts "$root/dev/pts"
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp "$deb" "$root/tmp/hearth.deb"
inside apt-get update -qq
inside apt-get install -y -qq /tmp/hearth.deb >/dev/null
echo "ok   apt installs it"
# What only the trying needs: a screen, a bus, a launcher, eyes.
inside apt-get install -y -qq --no-install-recommends xvfb dbus dbus-x11 libgtk-3-bin desktop-file-utils xdotool imagemagick procps >/dev/null

entry=$(inside dpkg -L hearth | grep '\.desktop$')
inside desktop-file-validate "$entry"
[[ $(inside dpkg -L hearth | grep -c '\.desktop$') == 1 && $(inside dpkg -L hearth | grep -c '^/usr/bin/.') == 1 ]]
echo "ok   one menu entry, one program: $entry"

inside useradd --create-home --uid 2000 ada
cat >"$root/tmp/try.sh" <<'TRY'
set -euo pipefail
cd "$HOME"
export XDG_RUNTIME_DIR=$HOME/run WEBKIT_DISABLE_DMABUF_RENDERER=1 LIBGL_ALWAYS_SOFTWARE=1
mkdir -m 700 "$XDG_RUNTIME_DIR"
Xvfb :77 -screen 0 1280x900x24 -nolisten tcp >/dev/null 2>&1 &
export DISPLAY=:77
for _ in $(seq 100); do [[ -e /tmp/.X11-unix/X77 ]] && break; sleep 0.1; done
dbus-run-session -- bash -euo pipefail -c '
  gtk-launch "$1"
  timeout 60 xdotool search --sync --onlyvisible --name "^Hearth$" >/dev/null
  for _ in $(seq 100); do [[ -d ~/.local/share/hearth ]] && break; sleep 0.1; done
  sleep 3
  import -window root /tmp/picture.png
  pkill -TERM -x hearth
  for _ in $(seq 100); do pgrep -x hearth >/dev/null || exit 0; sleep 0.1; done
  exit 1' session "$1"
ls -ld ~/.local/share/hearth
TRY
inside setpriv --reuid 2000 --regid 2000 --clear-groups env HOME=/home/ada USER=ada bash /tmp/try.sh "$(basename "$entry" .desktop)"
echo "ok   an ordinary user starts it from the menu"
if [[ -n $picture ]]; then cp "$root/tmp/picture.png" "$picture"; fi
echo "3 passed, 0 failed"
