"""Which calls of the newest schema answer NOT_IMPLEMENTED: counted, so that the manual can name each."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator.dispatch import METHODS
from xsmigui.simulator.implicit import is_implicit
from xsmigui.simulator.methods.host_settings import license_add, upload_report
from xsmigui.simulator.methods.joining import join
from xsmigui.simulator.methods.pool_settings import enable_external_users
from xsmigui.simulator.methods.reading import of_a_host
from xsmigui.simulator.methods.recovery import recover, recover_appliance
from xsmigui.simulator.methods.updates import apply, apply_patch, apply_patch_everywhere, upload
from xsmigui.simulator.profiles import PROFILES
from xsmigui.simulator.schema import schema

BEGIN: Final = "<!-- calls that answer NOT_IMPLEMENTED, by unsimulated_document() -->"
END: Final = "<!-- end of these calls -->"
_ONLY_CHECKED: Final = (
    of_a_host, recover, recover_appliance, license_add, upload_report, enable_external_users, join, apply, apply_patch,
    apply_patch_everywhere, upload,
)  # fmt: skip
"""These check what xapi checks, and then do nothing."""


def unsimulated() -> dict[str, list[str]]:
    """The names of the calls by class, both in the order of the alphabet."""
    known = schema(PROFILES["26.17"].release)
    found: dict[str, list[str]] = {}
    for cls, described in sorted(known.classes.items()):
        names = [
            message.name
            for message in described.messages.values()
            if not (message.removed or message.internal)
            and (METHODS[message.full] in _ONLY_CHECKED if message.full in METHODS else not is_implicit(known, message))
        ]
        if names and cls not in known.absent:
            found[cls] = sorted(names)
    return found


def unsimulated_document() -> str:
    """The part of docs/simulator.md between the two marks, both included."""
    found = unsimulated()
    count = sum(map(len, found.values()))
    lines = [f"| {cls} | {', '.join(f'`{name}`' for name in names)} |" for cls, names in found.items()]
    return "\n".join([BEGIN, f"\n{count} calls:\n", "| class | calls |", "| --- | --- |", *lines, "", END])
