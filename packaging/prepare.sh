# Sets up everything that the program (and, with "tests", its tests) needs. Sourced by packaging/demo, packaging/test and
# .ci/run; afterwards "$python" is the interpreter of a virtual environment with the project in it.
#
# On Debian and its relatives the system libraries that Qt needs are installed where we are root; otherwise the line that
# installs them is printed. XSMIGUI_VENV chooses another place for the virtual environment than .venv.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What a wheel of Qt 6 loads from the system (ldd of its xcb and offscreen platforms), and a font.
libraries="libegl1 libgl1 libopengl0 libglib2.0-0 libdbus-1-3 libfontconfig1 libfreetype6 libx11-xcb1 libxkbcommon0
  libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0
  libxcb-shape0 libxcb-shm0 libxcb-sync1 libxcb-xfixes0 libxcb-xinerama0 libxcb-xkb1 fonts-dejavu-core python3-venv"
# Tests drive the program on a virtual screen and through the accessibility bus.
testing="xvfb xauth at-spi2-core dbus"

prepare() {
  local wanted="$libraries" missing=""
  [ "${1:-}" = tests ] && wanted="$wanted $testing"
  [ "${1:-}" = screen ] && wanted="$wanted xvfb xauth"
  if command -v dpkg-query >/dev/null; then
    for package in $wanted; do
      # A name may have been replaced (libglib2.0-0t64): whoever provides it counts.
      dpkg-query -W -f='${Status}\n' "$package" "${package}t64" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    if [ -n "$missing" ] && [ "$(id -u)" = 0 ]; then
      echo "Installing system packages:$missing" >&2
      apt-get update -qq >&2
      # shellcheck disable=SC2086  # a list of names
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
    elif [ -n "$missing" ]; then
      echo "Some system packages are missing. If something fails for it, run this line and try again:" >&2
      echo "  sudo apt-get install --no-install-recommends$missing" >&2
    fi
  fi
  local venv="${XSMIGUI_VENV:-.venv}"
  if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
  fi
  python="$venv/bin/python"
  local extra=""
  [ "${1:-}" = tests ] && extra="[dev]"
  "$python" -m pip install --quiet --disable-pip-version-check --editable ".$extra"
}
