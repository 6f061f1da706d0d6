"""Messages that xapi leaves behind for what was done to a VM (xapi 26.17, message_forwarding.ml, create_vm_message).

All have priority 5 and name the VM; clients read them with message.get and hear of them as events.
"""

from __future__ import annotations

from typing import Final

from xsmigui.simulator.dispatch import Call

PRIORITY: Final = 5


def leave_message(call: Call, name: str, vm: str, done: str) -> None:
    """`done` follows the VM's name and UUID; nothing is left of a VM that is gone meanwhile."""
    row = call.db.find("VM", vm)
    if row is not None:
        body = f"VM '{row['name_label']}' (uuid: {row['uuid']}) {done}"
        call.pool.message(name, PRIORITY, "VM", row["uuid"], body)


def on_host(call: Call, vm: str) -> str:
    """Where the VM runs now, as messages put it."""
    host = call.db.row("host", call.db.get("VM", vm, "resident_on"))
    return f"on host: {host['name_label']} (uuid: {host['uuid']})"


def leave_migrated(call: Call, vm: str, source: str, target: str) -> None:
    """Of a VM that has moved inside its pool."""
    names = [
        f"'{row['name_label']}' (uuid: {row['uuid']})" for row in (call.db.row("host", h) for h in (source, target))
    ]
    leave_message(call, "VM_MIGRATED", vm, f"migrated from host {names[0]} to host {names[1]}")
