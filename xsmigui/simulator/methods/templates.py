"""VM.provision: a clone of a template becomes a VM, with the disks that the template asks for (xapi 24.10 and 26.17:
xapi_vm.ml, provision; xapi_templates.ml; xapi_templates_install.ml)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from xsmigui.simulator.dispatch import Call, child, method
from xsmigui.simulator.failures import Failure, internal
from xsmigui.simulator.methods.guests import gate
from xsmigui.simulator.methods.locking import operation
from xsmigui.simulator.methods.values import set_is_a_template
from xsmigui.simulator.types import int64

DISKS: Final = "disks"
SCRIPT: Final = "postinstall"
SCRIPTS: Final = re.compile("/opt/xensource/packages/post-install-scripts/[A-Za-z0-9_-]+")
_TYPES: Final = frozenset({"system", "user", "ephemeral", "suspend", "crashdump"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A disk that a template asks for."""

    device: str
    size: int
    sr: str  # a UUID
    bootable: bool
    kind: str


@method("VM.provision")
async def provision(call: Call, vm: str) -> None:
    """It is no template any more even where its disks cannot be made."""
    async with operation(call, "VM", vm, "provision", lambda: gate(call, vm, "provision")):
        config = call.db.get("VM", vm, "other_config")
        wanted = _wanted(config[DISKS]) if DISKS in config else []
        script = config.get(SCRIPT)
        await call.pause(2)
        await set_is_a_template(call, vm, False)
        if not wanted and script is None:
            return
        for disk in wanted:
            await _make(call, vm, disk)
        if script is not None:
            _refuse_script(script)
        config = call.db.get("VM", vm, "other_config")
        call.db.set("VM", vm, other_config={k: v for k, v in config.items() if k not in {DISKS, SCRIPT}})


def _wanted(text: str) -> list[Wanted]:
    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException) as error:
        raise internal(f"Xml.Error({error})") from None
    try:
        if root.tag != "provision" or root.attrib:
            raise ValueError(root.tag)
        return [_disk(element.tag, element.attrib) for element in root]
    except (KeyError, ValueError):
        raise internal("Xapi_templates.Parse_failure") from None


def _disk(tag: str, given: dict[str, str]) -> Wanted:
    if tag != "disk":
        raise ValueError(tag)
    kind = given.get("type", "system")
    return Wanted(
        given["device"], int64(given["size"]), given["sr"], given["bootable"] == "true",
        kind if kind in _TYPES else "system",
    )  # fmt: skip


async def _make(call: Call, vm: str, disk: Wanted) -> None:
    """Named by its position; it goes with its VM."""
    sr = next((ref for ref, row in call.db.table("SR").items() if row["uuid"] == disk.sr), None)
    if sr is None:
        raise Failure("UUID_INVALID", "sr", disk.sr)
    vdi = await child(call, "VDI.create", [{
        "name_label": "", "name_description": "Created by template provisioner", "SR": sr, "virtual_size": disk.size,
        "type": disk.kind, "sharable": False, "read_only": False, "other_config": {}, "xenstore_data": {},
        "sm_config": {"vmhint": call.db.get("VM", vm, "uuid")}, "tags": [],
    }])  # fmt: skip
    vbd = await child(call, "VBD.create", [{
        "VM": vm, "VDI": vdi, "userdevice": disk.device, "bootable": disk.bootable, "mode": "RW", "type": "Disk",
        "unpluggable": disk.kind != "system", "empty": False, "other_config": {"owner": ""}, "qos_algorithm_type": "",
        "qos_algorithm_params": {},
    }])  # fmt: skip
    call.db.set("VDI", vdi, name_label=call.db.get("VBD", vbd, "userdevice"))


def _refuse_script(script: str) -> None:
    """No script is installed here, and only those of one folder may be named at all."""
    if not SCRIPTS.fullmatch(script):
        raise Failure("PERMISSION_DENIED", f"illegal provision script {script}")
    raise internal('Unix.Unix_error(Unix.ENOENT, "execve", "")')
