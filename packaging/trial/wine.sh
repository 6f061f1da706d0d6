# What the trials of the setup and of the .msi share: wine 10 in a Debian 13 of its own, with a fresh Windows. Sourced after
# common.sh, with $package, the file that is tried; it lies at Z:\trial\ then.
# shellcheck shell=bash
tool x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64-win32  # makes what wine lacks
screen
new_root trixie wine wine64 ca-certificates
mkdir -p "$root/trial" "$work/wine"
mount --bind "$work/wine" "$root/trial"
cleanups+=("umount '$root/trial'")
rm -rf "$work/wine"/*
cp "$package" "$work/wine/"
prefix=$work/wine/prefix

wine() {
  timeout "${within:-600}" chroot "$root" env -i HOME=/trial PATH=/usr/bin:/bin LANG=C.UTF-8 DISPLAY="$DISPLAY" \
    WINEPREFIX=/trial/prefix WINEARCH=win64 WINEDEBUG="${WINEDEBUG:--all}" WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe=' \
    "${program:-wine}" "$@" </dev/null 2>&1 | tr -d '\r'
  return "${PIPESTATUS[0]}"
}
settle() { program=wineserver wine -w || true; }
cleanups+=("program=wineserver wine -k")
registry() { wine reg query "$1" /s 2>/dev/null; }

say "a fresh Windows"
program=wineboot wine -i >/dev/null
settle
x86_64-w64-mingw32-gcc -shared -O1 -o "$prefix/drive_c/windows/system32/icuuc.dll" packaging/trial/windows-stub.c
files_before=$(cd "$prefix" && find drive_c -not -path '*/Temp/*' | sort)
path_of() { registry "$1" | sed -n 's/^ *Path *REG_[A-Z_]* *//Ip' | head -1; }

# from_the_menu NAME: opens the shortcut that was installed, as a click in the start menu does, and closes the window again.
from_the_menu() {
  local shortcut
  shortcut=$(find "$prefix/drive_c" -iname 'xsmigui*.lnk')
  [ "$(wc -l <<<"$shortcut")" = 1 ] && [ -n "$shortcut" ] || { say "not one shortcut: $shortcut"; return 1; }
  shortcut=$(program=winepath wine -w "/trial/${shortcut#"$work/wine/"}")
  (exec 9>&-; wine start /wait "$shortcut" >"$work/windows-menu.log") &
  for _ in $(seq "$looks"); do
    shown && break || sleep 0.05
  done
  shown || { say "no window from $shortcut"; cat "$work/windows-menu.log"; return 1; }
  sleep "${XSMIGUI_TRIAL_WAIT:-6}"
  picture "$1"
  wine taskkill /im xsmigui.exe >/dev/null || true
  for _ in $(seq 100); do
    wine tasklist | grep -qi xsmigui || break
    sleep 0.1
  done
  say "from the menu: $shortcut"
}
