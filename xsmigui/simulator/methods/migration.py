"""VM.migrate_send and VDI.pool_migrate: a VM moves with its disks, in the pool or to another one
(xapi_vm_migrate.ml)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from xsmigui.simulator import guests
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure, internal
from xsmigui.simulator.faults import Moving
from xsmigui.simulator.gates import availability
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.methods import motion_checks as checks
from xsmigui.simulator.methods.arrival import MAPS_TO, Arrival
from xsmigui.simulator.methods.evacuation import NETWORK_SPEED, STEPS, arrive, end_early, refuse_memory
from xsmigui.simulator.methods.guests import bury, gate
from xsmigui.simulator.methods.lifecycle import schedule
from xsmigui.simulator.methods.locking import enter, leave, operation
from xsmigui.simulator.methods.motion_checks import Destination, Map, Options
from xsmigui.simulator.methods.notices import leave_migrated
from xsmigui.simulator.methods.transfer import Transfer, complete_map, family
from xsmigui.simulator.tables import Row
from xsmigui.simulator.tasks import Work

IMAGE_FORMATS: Final = ["raw", "vhd", "qcow2"]


MOST_STORAGE_MOTIONS: Final = 3  # storage motions that one host's xapi sends at the same time


_NO_COPY_INSIDE: Final = (
    "Copy mode is disallowed on intra pool storage migration, try efficient alternatives e.g. VM.copy/clone."
)


@method("VM.assert_can_migrate")
def assert_can_migrate(
    call: Call,
    vm: str,
    dest: Map,
    live: bool,
    vdi_map: Map,
    vif_map: Map,
    options: Options,
    vgpu_map: Map | None = None,
) -> None:
    checks.assert_can_migrate(call, vm, dest, vdi_map, vif_map, options, vgpu_map)


@method("VM.migrate_send")
async def migrate_send(
    call: Call,
    vm: str,
    dest: Map,
    live: bool,
    vdi_map: Map,
    vif_map: Map,
    options: Options,
    vgpu_map: Map | None = None,
    format_map: Map | None = None,
) -> str:
    call.db.row("VM", vm)
    if "host" not in dest:
        raise internal("Not_found")
    async with operation(call, "VM", vm, "migrate_send", lambda: gate(call, vm, "migrate_send")):
        target = checks.assert_can_migrate(call, vm, dest, vdi_map, vif_map, options, vgpu_map)
        return await send(call, vm, target, vdi_map, vif_map, options, format_map or {}, vgpu_map or {})


async def send(
    call: Call,
    vm: str,
    target: Destination,
    vdi_map: Map,
    vif_map: Map,
    options: Options,
    formats: Map,
    vgpu_map: Map,
) -> str:
    sender = _sender(call, vm, target)
    checks.assert_port_open(call.pool, sender, target)
    motions = call.pool.storage_motions
    if motions[sender] >= MOST_STORAGE_MOTIONS:
        raise Failure("TOO_MANY_STORAGE_MIGRATES", MOST_STORAGE_MOTIONS)
    halted = call.db.get("VM", vm, "power_state") in {"Halted", "Suspended"}
    busy = sender if halted else NULL if target.cross else target.host
    if halted:
        availability.assert_plan_with(call.pool, vm, sender)
    if busy != NULL:
        host_gate.assert_host_operation(call.pool, busy, "vm_migrate")
    motions[sender] += 1
    inner = _forward(call, sender)
    moving = Moving(call, vm, call.pool, sender, target.pool, target.host)
    both = {call.pool, target.pool}
    for pool in both:
        pool.faults.moving.add(moving)
    try:
        if busy != NULL:
            enter(call, "host", busy, "vm_migrate")
        motion = Motion(call, vm, target, sender, options, inner, vgpu_map)
        return await motion.run(vdi_map, vif_map, formats)
    finally:
        for pool in both:
            pool.faults.moving.discard(moving)
        motions[sender] -= 1
        if busy != NULL:
            leave(call, "host", busy)
        if inner is not None:
            call.pool.tasks.remove(inner.ref)


def _sender(call: Call, vm: str, target: Destination) -> str:
    """The host that carries the migration out: where the VM runs, else one that could start it; since 26.14 one that
    sees its disks does for another pool."""
    pool, row = call.pool, call.db.row("VM", vm)
    if row["power_state"] in {"Running", "Paused"}:
        return str(row["resident_on"])
    fitting = host_gate.possible(pool, vm)
    if fitting:
        return fitting[0]
    if target.cross and pool.profile.sends_without_room:
        for host in call.db.table("host"):
            if pool.live(host) and host_gate.sees_all(pool, host, row):
                return host
    raise Failure("NO_HOSTS_AVAILABLE")


def _forward(call: Call, sender: str) -> Work | None:
    """A call that another host carries out: its own task appears beside the client's (helpers.ml:1889-2046)."""
    if sender == call.pool.master or call.work is None:
        return None
    call.db.set("task", call.task, resident_on=sender)
    return call.pool.tasks.create(f"InternalAsync.{call.message.full}", call.session, parent=call.task, host=sender)


@dataclass(slots=True)
class Motion:
    """One VM on its way."""

    call: Call
    vm: str
    target: Destination
    sender: str
    options: Options
    inner: Work | None
    vgpu_map: Map

    async def run(self, vdi_map: Map, vif_map: Map, formats: Map) -> str:
        call, pool, target = self.call, self.call.pool, self.target
        row = call.db.row("VM", self.vm)
        copy = checks.true(self.options, "copy")
        if copy and not target.cross:
            raise Failure("OPERATION_NOT_ALLOWED", _NO_COPY_INSIDE)
        checks.assert_disks_mapped(pool, row, vdi_map)
        networks = checks.infer_vif_map(pool, row, vif_map) if target.cross else {}
        for vdi in vm_gate.disk_refs(pool, row):
            if call.db.get("VDI", vdi, "on_boot") == "reset":
                raise Failure("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION", vdi)
        self._images_visible(row)
        places = complete_map(pool, row, vdi_map, target, snapshots=not copy)
        checks.assert_movable(pool, places)
        self._formats(formats, places)
        self._eject(row, vdi_map)
        own = {v["VDI"] for ref in row["VBDs"] if (v := call.db.row("VBD", ref))["mode"] == "RW" and v["type"] != "CD"}
        near = target.host == self.sender and not target.cross
        transfer = Transfer(call, target, places, own, near, copy, self.report)
        live = row["power_state"] in {"Running", "Paused"}
        call.cancellable(True)
        try:
            if live and not target.cross:
                schedule(call, self.vm, target.host)
            await transfer.run()
            if target.cross:
                return await self._cross(transfer, networks, copy)
            await self._inside(transfer)
            return self.vm
        except BaseException:
            if call.db.has("VM", self.vm):
                schedule(call, self.vm, NULL)
            if self.tidies():
                transfer.undo()
            raise

    def tidies(self) -> bool:
        """False where a fault leaves everything lying about that a failed migration has made."""
        return not self.call.abandoned and self.call.pool.faults.tidies(self.vm)

    def report(self, progress: float) -> None:
        """On the sending host's task first, which the client's then mirrors."""
        if self.inner is not None:
            self.call.pool.tasks.progress(self.inner.ref, progress)
        self.call.progress(progress)

    # -- what remains to be checked --------------------------------------------------------------------------------

    def _images_visible(self, vm: Row) -> None:
        pool = self.call.pool
        for row in family(pool, vm, snapshots=True):
            image = pool.db.find("VDI", row["suspend_VDI"])
            if image is not None and not host_gate.sees(pool, self.sender, image["SR"]):
                raise Failure("SUSPEND_IMAGE_NOT_ACCESSIBLE", row["suspend_VDI"])

    def _formats(self, formats: Map, places: Map) -> None:
        there = self.target.pool
        for vdi, wanted in formats.items():
            sr = places.get(vdi)
            if not wanted or sr is None:
                continue
            row = there.db.row("SR", sr)
            plugins = [s for s in there.db.table("SM").values() if s["type"] == row["type"]]
            if len(plugins) > 1:
                text = f"Found more than one SM ref ({len(plugins)}) when checking type ({wanted}) of VDI."
                raise Failure("VDI_INCOMPATIBLE_TYPE", text)
            known = plugins[0].get("supported_image_formats", []) if plugins else []
            if wanted not in IMAGE_FORMATS:
                known = known or IMAGE_FORMATS
            if known and wanted not in known:
                text = f"Image format {wanted} is not supported by {row['uuid']}"
                raise Failure("VDI_INCOMPATIBLE_TYPE", text)

    def _eject(self, vm: Row, vdi_map: Map) -> None:
        """CDs leave their drives unless they are mapped to the SR they are on, or the VM is suspended."""
        db = self.call.db
        if vm["power_state"] == "Suspended":
            return
        for ref in vm["VBDs"]:
            vbd = db.row("VBD", ref)
            if vbd["type"] != "CD" or vbd["empty"]:
                continue
            disk = db.find("VDI", vbd["VDI"])
            if disk is None or vdi_map.get(vbd["VDI"]) != disk["SR"]:
                db.set("VBD", ref, VDI=NULL, empty=True)

    # -- memory ----------------------------------------------------------------------------------------------------

    async def _memory(self) -> bool:
        """The guest's memory crosses, with the progress beginning again; False if the VM has stopped meanwhile."""
        call = self.call
        if self.vm in call.pool.faults.unresponsive:
            await call.pause(60)
            # What xenopsd says is not translated here, unlike in VM.pool_migrate.
            text = f"[S(Failed_to_acknowledge_suspend_request);S({call.db.get('VM', self.vm, 'uuid')})]"
            raise Failure("INTERNAL_ERROR", f"Xenops_interface.Xenopsd_error({text})")
        try:
            refuse_memory(call, self.vm)
        except Failure as failure:
            code, *params = failure.description
            words = ";".join(f"S({word})" for word in (code, *params))
            raise Failure("INTERNAL_ERROR", f"Xenops_interface.Xenopsd_error([{words}])") from None
        seconds = call.db.get("VM", self.vm, "memory_target") / NETWORK_SPEED
        self.report(0.0)
        for step in range(STEPS):
            await call.pause(seconds / STEPS)
            self.report(10 / 11 * (step + 1) / STEPS)
            if step == STEPS // 2:
                end_early(call, self.vm)
            if call.db.get("VM", self.vm, "power_state") == "Halted":
                return False
        return True

    async def _tidy(self) -> None:
        """The clean-up cannot be cancelled, and has a progress of its own."""
        for progress in (1.0, 0.3, 0.7, 1.0):
            await self.call.pause(0.3, cancellable=False)
            self.report(progress)

    # -- inside the pool -------------------------------------------------------------------------------------------

    async def _inside(self, transfer: Transfer) -> None:
        call, db, pool = self.call, self.call.db, self.call.pool
        state = db.get("VM", self.vm, "power_state")
        live = state in {"Running", "Paused"}
        arrived = await self._memory() if live else False
        transfer.assert_whole()
        call.cancellable(False)
        transfer.settle()
        row = db.row("VM", self.vm)
        for owner in family(pool, row, snapshots=True):
            for ref in owner["VBDs"]:
                disk = db.get("VBD", ref, "VDI")
                if transfer.moved.get(disk, disk) != disk:
                    db.set("VBD", ref, VDI=transfer.moved[disk])
        for owner_ref in [self.vm, *row["snapshots"]]:
            image = db.get("VM", owner_ref, "suspend_VDI")
            if transfer.moved.get(image, image) != image:
                db.set("VM", owner_ref, suspend_VDI=transfer.moved[image])
        if arrived:
            arrive(call, self.vm, pool, self.vm, self.target.host)
        elif live:
            schedule(call, self.vm, NULL)
        if db.has("SR", row["suspend_SR"]) and not host_gate.sees(pool, self.target.host, row["suspend_SR"]):
            db.set("VM", self.vm, suspend_SR=NULL)
        transfer.drop_sources()
        transfer.made.clear()  # they are the VM's: whatever breaks the clean-up off takes none of them back
        await self._tidy()
        if live:
            leave_migrated(call, self.vm, self.sender, self.target.host)

    # -- to another pool -------------------------------------------------------------------------------------------

    async def _cross(self, transfer: Transfer, networks: Map, copy: bool) -> str:
        call, pool, there = self.call, self.call.pool, self.target.pool
        force = checks.true(self.options, "force")
        checks.assert_importable(
            pool, self.vm, self.target, copy=copy, force=force, vgpu_map=self.vgpu_map
        )  # fmt: skip
        row = call.db.row("VM", self.vm)
        protected = row["ha_always_run"] and not copy
        if protected:  # nobody restarts it here while it is on its way
            call.db.set("VM", self.vm, ha_always_run=False)
        live = row["power_state"] in {"Running", "Paused"} and not copy
        arrival = Arrival(transfer, networks, copy, self.vgpu_map)
        self._point(transfer, networks)
        try:
            new = arrival.bring(self.vm)
            arrived = False
            if live:
                there.scheduled.add(new)
                there.db.set("VM", new, scheduled_to_be_resident_on=self.target.host)
                arrived = await self._memory()
            transfer.assert_whole()
            transfer.settle()
        except BaseException:
            if self.tidies():
                arrival.undo()
            self._unpoint(transfer, networks)
            if protected and call.db.has("VM", self.vm):
                call.db.set("VM", self.vm, ha_always_run=True)
            raise
        call.cancellable(False)
        self._unpoint(transfer, networks)
        if arrived:
            arrive(call, self.vm, there, new, self.target.host)
        elif live:
            there.scheduled.discard(new)
            there.db.set("VM", new, scheduled_to_be_resident_on=NULL)
        if protected:
            there.db.set("VM", new, ha_always_run=True)
        if not copy:
            self._leave_source(transfer)
        transfer.made.clear()  # they are the VM's: whatever breaks the clean-up off takes none of them back
        await self._tidy()
        return new

    def _pointers(self, transfer: Transfer, networks: Map) -> list[tuple[str, str, str]]:
        """What goes where in the other pool: disks to disks, interfaces to networks, GPUs to groups."""
        there = ("VDI", transfer.moved), ("VIF", networks), ("VGPU", self.vgpu_map)
        return [(cls, ref, new) for cls, mapped in there for ref, new in mapped.items()]

    def _point(self, transfer: Transfer, networks: Map) -> None:
        """other_config says where each has gone, for as long as the metadata are on their way (xapi 24.10)."""
        for cls, ref, new in self._pointers(transfer, networks):
            config = self.call.db.get(cls, ref, "other_config")
            self.call.db.set(cls, ref, other_config={**config, MAPS_TO: new})

    def _unpoint(self, transfer: Transfer, networks: Map) -> None:
        for cls, ref, _ in self._pointers(transfer, networks):
            if self.call.db.has(cls, ref):
                self.call.db.remove_from(cls, ref, "other_config", MAPS_TO)

    def _leave_source(self, transfer: Transfer) -> None:
        pool, there = self.call.pool, self.target.pool
        row = self.call.db.row("VM", self.vm)
        for ref, message in list(pool.messages.rows.items()):
            if message["obj_uuid"] == row["uuid"]:
                there.messages.add(there.db.new_ref(), message)
                pool.messages.remove(ref)
        pool.tools.pop(row["uuid"], None)
        family_refs = [*row["snapshots"], self.vm]
        images = [self.call.db.get("VM", ref, "suspend_VDI") for ref in family_refs]
        for ref, image in zip(family_refs, images, strict=True):
            if image in transfer.moved:
                self.call.db.set("VM", ref, suspend_VDI=NULL)
        transfer.drop_sources()
        for ref in family_refs:
            bury(pool, ref)
        guests.measure(pool, {row["resident_on"]})
