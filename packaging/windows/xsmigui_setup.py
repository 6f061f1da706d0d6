"""What the installer cannot do well by itself; `setup-helper.exe` runs this module.

compile            makes Python's byte code, which users may not write into a folder of all users
clean              takes that away again
path add|remove machine|user   puts the program's folder on the PATH, or takes it off: an installer that works with
                   short texts would cut a long PATH
"""

import compileall
import ctypes
import shutil
import sys
import winreg
from pathlib import Path
from py_compile import PycInvalidationMode

FOLDER = Path(sys.executable).parent
KEYS = {
    "machine": (winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\Session Manager\Environment"),
    "user": (winreg.HKEY_CURRENT_USER, "Environment"),
}


def compile_all() -> int:
    mode = PycInvalidationMode.UNCHECKED_HASH
    fine = compileall.compile_dir(FOLDER / "Lib", quiet=2, invalidation_mode=mode, workers=1)
    return 0 if fine else 1


def clean_all() -> int:
    for folder in (FOLDER / "Lib").rglob("__pycache__"):
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def change_path(what: str, whose: str) -> int:
    root, name = KEYS[whose]
    access = winreg.KEY_READ | winreg.KEY_WRITE | winreg.KEY_WOW64_64KEY
    with winreg.CreateKeyEx(root, name, 0, access) as key:
        try:
            path, kind = winreg.QueryValueEx(key, "Path")
        except FileNotFoundError:
            path, kind = "", winreg.REG_EXPAND_SZ
        parts = [part for part in path.split(";") if part]
        kept = [part for part in parts if part.rstrip("\\").casefold() != str(FOLDER).casefold()]
        if what == "add":
            kept.append(str(FOLDER))
        if kept == parts:
            return 0
        if kept:
            winreg.SetValueEx(key, "Path", 0, kind, ";".join(kept))
        else:
            winreg.DeleteValue(key, "Path")
    # Programs that are started from now on shall see it: HWND_BROADCAST, WM_SETTINGCHANGE, SMTO_ABORTIFHUNG.
    ctypes.windll.user32.SendMessageTimeoutW(0xFFFF, 0x001A, 0, "Environment", 0x0002, 1000, None)
    return 0


match sys.argv[1:]:
    case ["compile"]:
        sys.exit(compile_all())
    case ["clean"]:
        sys.exit(clean_all())
    case ["path", ("add" | "remove") as what, ("machine" | "user") as whose]:
        sys.exit(change_path(what, whose))
    case _:
        sys.exit(2)
