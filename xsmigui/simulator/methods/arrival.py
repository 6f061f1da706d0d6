"""The rows of a VM that arrives in another pool, with its snapshots and devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from xsmigui.simulator.failures import NULL
from xsmigui.simulator.methods import motion_checks as checks
from xsmigui.simulator.methods.guests import bury
from xsmigui.simulator.methods.interfaces import generated_mac
from xsmigui.simulator.methods.motion_checks import Map
from xsmigui.simulator.methods.transfer import Transfer
from xsmigui.simulator.tables import Row


@dataclass(slots=True)
class Arrival:
    """The VM's rows in the destination's tables."""

    transfer: Transfer
    networks: Map
    copy: bool
    vgpu_map: Map
    made: list[str] | None = None

    def bring(self, vm: str) -> str:
        """The VM and, where it moves, its snapshots; a halted namesake that is older gives way."""
        pool, there = self.transfer.call.pool, self.transfer.target.pool
        row = pool.db.row("VM", vm)
        self.made = []
        if not self.copy:
            for ref, other in list(there.db.table("VM").items()):
                if other["uuid"] == row["uuid"]:
                    bury(there, ref)
        new = self._one(row, NULL)
        if not self.copy:
            for snap in row["snapshots"]:
                self._one(pool.db.row("VM", snap), new)
        return new

    def _network(self, ref: str, vif: Row) -> str:
        """Where an interface is connected that was created after the maps were made: to a network of the same name, and
        where there is none to one that the import makes (xapi 24.10, import.ml, `Network`)."""
        if ref in self.networks:
            return self.networks[ref]
        pool, there = self.transfer.call.pool, self.transfer.target.pool
        name = pool.db.get("network", vif["network"], "name_label")
        found = next((r for r, row in there.db.table("network").items() if row["name_label"] == name), None)
        return found or there.db.create("network", {"name_label": name})

    def _one(self, row: Row, snapshot_of: str) -> str:
        pool, there = self.transfer.call.pool, self.transfer.target.pool
        moved = self.transfer.moved
        assert self.made is not None
        values = {k: v for k, v in row.items() if k not in _LOCAL and k in there.schema.classes["VM"].fields}
        if self.copy:
            del values["uuid"]
            values |= {"version": 0, "other_config": {**row["other_config"], "mac_seed": there.db.new_uuid()}}
        else:
            values["version"] = row["version"] + (0 if row["is_a_snapshot"] else 1)
        live = row["power_state"] in {"Running", "Paused"}
        values |= {
            "power_state": "Halted" if live else row["power_state"], "domid": -1, "snapshot_of": snapshot_of,
            "suspend_VDI": moved.get(row["suspend_VDI"], NULL),
            "metrics": self._copy_of("VM_metrics", row["metrics"]),
            "guest_metrics": NULL if self.copy else self._copy_of("VM_guest_metrics", row["guest_metrics"]),
        }  # fmt: skip
        tools = pool.tools.get(row["uuid"])
        new = there.db.create("VM", values)
        if tools is not None:
            there.tools[there.db.get("VM", new, "uuid")] = tools
        self.made.append(new)
        for ref in row["VBDs"]:
            vbd = pool.db.row("VBD", ref)
            disk = moved.get(vbd["VDI"], NULL)
            there.db.create("VBD", {
                **{k: v for k, v in vbd.items() if k not in self._dropped}, "VM": new, "VDI": disk,
                "empty": disk == NULL, "currently_attached": False, "metrics": NULL,
            })  # fmt: skip
        for ref in row["VIFs"]:
            vif = pool.db.row("VIF", ref)
            number = int(vif["device"]) if vif["device"].isdecimal() else 0
            network = self._network(ref, vif)
            there.db.create("VIF", {
                **{k: v for k, v in vif.items() if k not in self._dropped}, "VM": new, "network": network,
                "other_config": unmapped(vif),
                "MAC": generated_mac(number, values["other_config"]["mac_seed"]) if self.copy else vif["MAC"],
                "currently_attached": False, "metrics": NULL,
            })  # fmt: skip
        for ref in row["VGPUs"]:
            vgpu = pool.db.row("VGPU", ref)
            target = self.transfer.target
            there.db.create("VGPU", {
                **{k: v for k, v in vgpu.items() if k not in self._dropped}, "VM": new, "other_config": unmapped(vgpu),
                "GPU_group": checks.gpu_group(target, ref, vgpu, self.vgpu_map),
                "type": checks.same_type(pool, there, vgpu["type"]), "currently_attached": False, "resident_on": NULL,
                "scheduled_to_be_resident_on": NULL, "PCI": NULL,
            })  # fmt: skip
        for ref in [] if self.copy else row["VTPMs"]:
            there.db.create("VTPM", {**pool.db.row("VTPM", ref), "VM": new})
        return new

    @property
    def _dropped(self) -> frozenset[str]:
        drop = frozenset({"current_operations", "allowed_operations"})
        return drop | {"uuid"} if self.copy else drop

    def _copy_of(self, cls: str, ref: str) -> str:
        pool, there = self.transfer.call.pool, self.transfer.target.pool
        row = pool.db.find(cls, ref)
        if row is None:
            return NULL
        return there.db.create(cls, {k: v for k, v in row.items() if k != "uuid"})

    def undo(self) -> None:
        for ref in self.made or []:
            if self.transfer.target.pool.db.has("VM", ref):
                bury(self.transfer.target.pool, ref)


MAPS_TO: Final = "maps_to"


def unmapped(row: Row) -> dict[str, str]:
    return {k: v for k, v in row["other_config"].items() if k != MAPS_TO}


_LOCAL: Final = frozenset({
    "VBDs", "VIFs", "VTPMs", "VGPUs", "VUSBs", "consoles", "snapshots", "children", "parent", "attached_PCIs",
    "crash_dumps", "blobs", "resident_on", "scheduled_to_be_resident_on", "affinity", "appliance", "suspend_SR",
    "protection_policy", "snapshot_schedule", "current_operations", "allowed_operations", "snapshot_of", "groups",
})  # fmt: skip
