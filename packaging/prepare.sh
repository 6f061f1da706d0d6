# Sets up what the program needs (`prepare window`), what it needs on a virtual screen (`prepare screen`), or what its
# tests need as well (`prepare tests`). Sourced by packaging/demo, packaging/test and .ci/run; afterwards "$python" is the
# interpreter of a virtual environment with the project in it (packaging/environment.py), and "$workers" the number of
# processes that run tests side by side.
#
# System packages are installed where we are root; otherwise the line that installs them is printed. What is there already
# is not looked for in the network. XSMIGUI_PYTHON names the Python to use, instead of the first suitable one.
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What the wheels of Qt 6 load from the system (`ldd` of QtWidgets and of its plugins offscreen and xcb), each with its
# Debian package.
libraries="libEGL.so.1=libegl1 libGL.so.1=libgl1 libglib-2.0.so.0=libglib2.0-0 libdbus-1.so.3=libdbus-1-3
  libfontconfig.so.1=libfontconfig1 libfreetype.so.6=libfreetype6 libxkbcommon.so.0=libxkbcommon0"
screen_libraries="libX11-xcb.so.1=libx11-xcb1 libxkbcommon-x11.so.0=libxkbcommon-x11-0 libxcb-cursor.so.0=libxcb-cursor0
  libxcb-icccm.so.4=libxcb-icccm4 libxcb-image.so.0=libxcb-image0 libxcb-keysyms.so.1=libxcb-keysyms1
  libxcb-randr.so.0=libxcb-randr0 libxcb-render-util.so.0=libxcb-render-util0 libxcb-shape.so.0=libxcb-shape0
  libxcb-shm.so.0=libxcb-shm0 libxcb-sync.so.1=libxcb-sync1 libxcb-xfixes.so.0=libxcb-xfixes0 libxcb-xkb.so.1=libxcb-xkb1"

# Options of pytest for a whole run: a test that fails is run once more, since thousands of them with real sockets, processes
# and windows meet a computer that stands still for a moment. The summary names each (RERUN); it is a fault to look into.
steady="--reruns 1 -rRfEs"

announce() { printf '%s\n' "$*" >&2; }

prepare() {
  local kind=$1 missing
  find_python
  missing=$(missing_packages "$kind")
  [ -z "$missing" ] || install_packages "$missing"
  [ -n "$interpreter" ] || find_python
  python=$("$interpreter" packaging/environment.py "$kind")
  # One more than there are processors: tests wait for sockets and windows most of the time.
  workers=$(($(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) + 1))
  [ "$workers" -le 6 ] || workers=6
}

# Sets $interpreter: the first Python of a suitable version, or nothing where there is none at all.
find_python() {
  local candidate older=""
  interpreter=""
  set -- python3 python3.13 python3.12 python3.11
  [ -z "${XSMIGUI_PYTHON:-}" ] || set -- "$XSMIGUI_PYTHON"
  for candidate; do
    command -v "$candidate" >/dev/null || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      interpreter=$candidate
      return
    fi
    older="$older $candidate"
  done
  [ -z "$older" ] || {
    announce "xsmigui needs Python 3.11 or later, and this is none:$older. XSMIGUI_PYTHON may name another one."
    exit 1
  }
}

# Prints the Debian packages that are missing, each after a blank.
missing_packages() {
  local kind=$1 wanted=$libraries known pair
  # On a desktop its own libraries are looked at as well.
  [ "$kind" = window ] && [ -n "${QT_QPA_PLATFORM:-}" ] || wanted="$wanted $screen_libraries"
  if known=$(PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2>/dev/null); then
    for pair in $wanted; do
      case $known in *"${pair%=*} "*) ;; *) printf ' %s' "${pair#*=}" ;; esac
    done
  fi
  if [ -z "$(find -L /usr/share/fonts /usr/local/share/fonts ~/.fonts ~/.local/share/fonts -name '*.[ot]tf' -print -quit 2>/dev/null)" ]; then
    printf ' fonts-dejavu-core'
  fi
  if [ -z "$interpreter" ]; then
    printf ' python3 python3-venv'
  elif ! "$interpreter" -c 'import ensurepip' 2>/dev/null && ! command -v uv >/dev/null &&
    ! "$interpreter" packaging/environment.py "$kind" --check; then
    printf ' python3-venv'
  fi
  [ "$kind" = window ] || command -v Xvfb >/dev/null || printf ' xvfb'
  if [ "$kind" = tests ]; then
    # The program is driven through the accessibility bus.
    command -v dbus-daemon >/dev/null || printf ' dbus'
    [ -e /usr/libexec/at-spi-bus-launcher ] || [ -e /usr/lib/at-spi2-core/at-spi-bus-launcher ] || printf ' at-spi2-core'
    # The man page is typeset, with every warning.
    command -v groff >/dev/null || printf ' groff-base'
  fi
}

install_packages() {
  local missing=$1 sudo="" quiet=-qq
  if ! command -v apt-get >/dev/null; then
    announce "Some libraries or programs of the system are missing. On Debian they are called:$missing"
    exit 1
  elif [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null && sudo="sudo "
    announce "Some packages of the system are missing. Run this line as root, and then this command again:"
    announce "  ${sudo}apt-get update && ${sudo}apt-get install --yes --no-install-recommends$missing"
    exit 1
  fi
  announce "Installing packages of the system, once:$missing"
  [ -t 2 ] && quiet=-q
  # A fresh system often updates itself at the same time: that is waited for.
  # shellcheck disable=SC2086  # a list of names
  { apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install $quiet --yes --no-install-recommends -o DPkg::Lock::Timeout=120 $missing; } >&2 || {
    announce "They could not be installed. Is there a connection to the network?"
    exit 1
  }
}
