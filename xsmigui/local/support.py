"""What whoever looks for a fault needs of this computer, in one file: settings, journal, log, and what it runs on.

Nothing of it is secret: passwords lie in the keyring alone, and session references, passwords and the like are taken
out of every text once more. Names and addresses of servers and VMs stay, since faults have to do with them.
"""

import asyncio
import io
import json
import os
import platform
import re
import ssl
import sys
import zipfile
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import msgspec

from xsmigui import __version__
from xsmigui.core.redaction import redacted
from xsmigui.local import settings, trust
from xsmigui.local.journal import JournalFile
from xsmigui.local.journalfile import FILE as JOURNAL

LIBRARIES: Final = ("PySide6_Essentials", "qasync", "aiohttp", "XenAPI", "msgspec", "cryptography", "keyring")
VARIABLES: Final = ("XSMIGUI_", "QT_", "LANG", "LC_", "XDG_", "DISPLAY", "WAYLAND_", "DESKTOP_SESSION", "PYTHON")
"""Beginnings of the names of environment variables that change how the program runs."""
SECRET: Final = re.compile("(?i)token|passw|secret|credential")


async def bundle(home: Path, now: datetime, self_test: str = "") -> bytes:
    """A .zip of what lies in the folder of settings, and of what the self-test said, where it ran."""
    has_journal = await asyncio.to_thread((home / JOURNAL).exists)
    journal = await _journal(home) if has_journal else ""
    return await asyncio.to_thread(_packed, home, now, {"self-test.txt": self_test, "journal.json": journal})


def _packed(home: Path, now: datetime, more: dict[str, str]) -> bytes:
    texts = {"about.txt": about(now)} | {name: text for name, text in more.items() if text}
    for path in [home / settings.FILE, home / trust.FILE, *sorted(home.glob("xsmigui.log*"))]:
        if path.is_file():
            texts[path.name] = path.read_text("utf-8", "replace")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in texts.items():
            file.writestr(f"xsmigui-support/{name}", redacted(text))
    return made.getvalue()


def about(now: datetime) -> str:
    """What the program runs on."""
    lines = [
        f"xsmigui {__version__}, {now.isoformat(timespec='seconds')}",
        f"Python {sys.version}",
        f"{platform.platform()}, {ssl.OPENSSL_VERSION}",
        f"program: {sys.executable}{', as a package' if getattr(sys, 'frozen', False) else ''}",
        "",
    ]
    for name in LIBRARIES:
        try:
            lines.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:  # the packages carry no lists of what is in them
            continue
    chosen = sorted(name for name in os.environ if name.startswith(VARIABLES) and not SECRET.search(name))
    lines += ["", *(f"{name}={os.environ[name]}" for name in chosen)]
    return "\n".join(lines) + "\n"


async def _journal(home: Path) -> str:
    """Every job with its history."""
    journal = JournalFile(home)
    jobs: list[Any] = []
    unreadable: list[Any] = []
    try:
        unreadable = [each.as_json() for each in await journal.unreadable()]
        for job in await journal.all():
            history = msgspec.to_builtins(await journal.history(job.id))
            jobs.append({"created": job.created.isoformat(), **job.as_json(), "history": history})
    except OSError as error:
        jobs.append(str(error))
    finally:
        await journal.close()
    return json.dumps({"jobs": jobs, "unreadable": unreadable}, ensure_ascii=False, indent=1, default=str)
