# What the trials share. Sourced. Everything a trial makes lies in $XSMIGUI_TRIALS (outside the checkout: roots
# hold links to the whole system), but its pictures in dist/trial.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=${XSMIGUI_TRIALS:-/var/tmp/xsmigui-trials}
pictures=$PWD/dist/trial
mkdir -p "$work" "$pictures"
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' xsmigui/__init__.py)
cleanups=()

say() { printf -- '-- %s s: %s\n' "$SECONDS" "$*"; }

skip() {
  say "skipped: $*"
  exit 77
}

clean_up() {
  local status=$?
  for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do eval "${cleanups[i]}" || true; done
  exit $status
}
trap clean_up EXIT

# A screen of our own; sets DISPLAY.
screen() {
  command -v Xvfb >/dev/null || skip "there is no Xvfb (apt-get install xvfb)"
  Xvfb -displayfd 3 -screen 0 1280x800x24 -ac -nolisten tcp 3>"$work/display.$$" 2>/dev/null &
  local pid=$!
  cleanups+=("kill $pid 2>/dev/null" "rm -f '$work/display.$$'")
  for _ in $(seq 50); do [ -s "$work/display.$$" ] && break || sleep 0.1; done
  DISPLAY=:$(cat "$work/display.$$")
  export DISPLAY
}

# picture NAME: what the screen shows.
picture() {
  import -window root "$pictures/$1.png"
  say "picture: dist/trial/$1.png ($(identify -format '%k colours' "$pictures/$1.png"))"
}

# new_root SUITE [PACKAGE...]: makes $root, a minimal Debian of its own, from a copy that is kept between trials (which is
# used itself where packages are named: making that takes minutes, so XSMIGUI_TRIAL_ROOTS=kept skips the trial instead).
new_root() {
  local suite=$1
  shift
  [ "$(id -u)" = 0 ] || skip "a root of its own can be made by root only"
  command -v debootstrap >/dev/null || skip "there is no debootstrap (apt-get install debootstrap)"
  local base=$work/$suite.base
  if [ ! -e "$base/complete" ]; then
    if [ $# -gt 0 ] && [ "${XSMIGUI_TRIAL_ROOTS:-}" = kept ]; then
      skip "Debian $suite with $* was not made here before"
    fi
    say "Debian $suite"
    rm -rf --one-file-system "$base"
    debootstrap --variant=minbase "$suite" "$base" "${XSMIGUI_MIRROR:-http://deb.debian.org/debian}" >"$work/debootstrap.log"
    if [ $# -gt 0 ]; then
      chroot "$base" apt-get update -qq
      chroot "$base" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >>"$work/debootstrap.log" 2>&1
      chroot "$base" apt-get clean
    fi
    touch "$base/complete"
  fi
  root=$base
  if [ $# = 0 ]; then
    root=$work/root.$$
    cp -a --reflink=auto "$base" "$root"
    cleanups+=("rm -rf --one-file-system '$root'")
  fi
  mount -t proc proc "$root/proc" || skip "mount is not allowed here"
  cleanups+=("umount '$root/proc'")
  mount --bind /dev "$root/dev"
  cleanups+=("umount '$root/dev'")
  mkdir -p "$root/tmp/.X11-unix"
  mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix"
  cleanups+=("umount '$root/tmp/.X11-unix'")
}

# Run in that root, with a clean environment.
inside() {
  chroot "$root" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
}

# Is the program's window on the screen?
shown() { grep -q '"xsmigui' <<<"$(xwininfo -root -tree 2>/dev/null)"; }

# demo NAME COMMAND...: the demo's window, a picture of it, how long it took to show, and its end.
demo() {
  local name=$1 started pid tool
  shift
  for tool in xwininfo import; do
    if ! command -v "$tool" >/dev/null; then
      say "the demo was not tried: there is no $tool (apt-get install x11-utils imagemagick)"
      return 0
    fi
  done
  started=$(date +%s%N)
  "$@" --demo &
  pid=$!
  for _ in $(seq 200); do
    shown && break || sleep 0.05
  done
  shown || { say "no window"; return 1; }
  say "window after $(((($(date +%s%N) - started)) / 1000000)) ms"
  sleep "${XSMIGUI_TRIAL_WAIT:-6}"
  picture "$name"
  kill -TERM $pid
  wait $pid || true
}
