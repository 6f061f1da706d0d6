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
looks=2000  # for a window, each after 0.05 s and more: only a program that never shows one is waited for so long

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

# tool PROGRAM PACKAGE: a program that the trial cannot do without; installed where we are root.
tool() {
  command -v "$1" >/dev/null && return
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || skip "there is no $1 (apt-get install $2)"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2"; } \
    >"$work/tools.log" 2>&1 || skip "there is no $1, and $2 could not be installed: $(tail -1 "$work/tools.log")"
}

# A screen of our own; sets DISPLAY.
screen() {
  tool Xvfb xvfb
  tool xwininfo x11-utils
  tool import imagemagick
  Xvfb -displayfd 3 -screen 0 1280x800x24 -ac -nolisten tcp -noreset 3>"$work/display.$$" 2>/dev/null &
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
# used itself where packages are named). Making that copy takes a minute; where the network is too slow for it (more than
# XSMIGUI_TRIAL_LIMIT seconds) or has no Debian, the trial is skipped.
new_root() {
  local suite=$1
  shift
  [ "$(id -u)" = 0 ] || skip "a root of its own can be made by root only"
  mkdir -p "$work/probe"
  mount --bind "$work/probe" "$work/probe" 2>/dev/null || skip "mount is not allowed here"
  umount "$work/probe"
  tool debootstrap debootstrap
  local base=$work/$suite.base
  if [ ! -e "$base/complete" ]; then
    say "Debian $suite"
    rm -rf --one-file-system "$base"
    local until=$((SECONDS + ${XSMIGUI_TRIAL_LIMIT:-1200}))
    timeout $((until - SECONDS)) debootstrap --variant=minbase "$suite" "$base" \
      "${XSMIGUI_MIRROR:-http://deb.debian.org/debian}" >"$work/debootstrap.log" 2>&1 ||
      skip "Debian $suite could not be made here: $(tail -1 "$work/debootstrap.log")"
    if [ $# -gt 0 ]; then
      timeout $((until > SECONDS ? until - SECONDS : 1)) chroot "$base" env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" && apt-get clean' sh "$@" \
        >>"$work/debootstrap.log" 2>&1 || skip "$* could not be installed in Debian $suite: $(tail -1 "$work/debootstrap.log")"
    fi
    touch "$base/complete"
  fi
  root=$base
  if [ $# = 0 ]; then
    root=$work/root.$$
    cp -a --reflink=auto "$base" "$root"
    cleanups+=("rm -rf --one-file-system '$root'")
  fi
  mount -t proc proc "$root/proc"
  cleanups+=("umount '$root/proc'")
  mount --bind /dev "$root/dev"
  cleanups+=("umount '$root/dev'")
  mkdir -p "$root/tmp/.X11-unix"
  mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix"
  cleanups+=("umount '$root/tmp/.X11-unix'")
  chmod 1777 "$root/tmp"
  inside id tester >/dev/null 2>&1 || inside useradd --uid 1234 --user-group tester
}

# Run in that root, with a clean environment.
inside() {
  chroot "$root" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
}

# Is the program's window on the screen?
shown() { grep -q '"xsmigui' <<<"$(xwininfo -root -tree 2>/dev/null)"; }

# opens NAME COMMAND...: the window that the command opens, how long it took to show, a picture of it, and its end.
opens() {
  local name=$1 started pid status=0
  shift
  started=$(date +%s%N)
  "$@" >"$work/opens.log" 2>&1 &
  pid=$!
  for _ in $(seq "$looks"); do
    shown && break || sleep 0.05
  done
  shown || { say "no window"; cat "$work/opens.log"; return 1; }
  say "$name: window after $(((($(date +%s%N) - started)) / 1000000)) ms"
  sleep "${XSMIGUI_TRIAL_WAIT:-6}"
  picture "$name"
  kill -TERM $pid
  wait $pid || status=$?
  if [ $status != 0 ] || grep -q Traceback "$work/opens.log"; then
    say "it ended with status $status"
    cat "$work/opens.log"
    return 1
  fi
}

# menu_entry FILE: the command of a desktop's entry, which must be one that is installed.
menu_entry() { sed -n 's/^Exec=//p' "$1"; }

# on_screen COMMAND...: run in that root, on our screen, as an ordinary user.
on_screen() {
  exec chroot --userspec=tester:tester "$root" env -i HOME=/home/tester USER=tester PATH=/usr/bin:/bin LANG=C.UTF-8 \
    DISPLAY="$DISPLAY" "$@"
}

# first_time COMMAND...: the same, by somebody who has just been given an account: an empty home.
first_time() {
  rm -rf --one-file-system "$root/home/tester"
  install -d -m 700 -o 1234 -g 1234 "$root/home/tester"
  on_screen "$@"
}
