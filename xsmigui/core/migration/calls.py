"""From a move to the API calls that carry it out. The only place where maps of disks, snapshots, CDs and VIFs are made.

The order and the arguments follow xapi 24.10: `VM.pool_migrate` where no disk changes its SR inside a pool,
`host.migrate_receive` on the destination and `VM.migrate_send` on the source otherwise. Of disks that this program
copies itself only the copy stands here: `core.migration.exchange` knows the steps around it.
"""

from typing import Final

import msgspec

from xsmigui.core.migration.moves import Copied, Kind, LooseDisk, Move, Sent
from xsmigui.core.refs import NULL, PoolId

RECEIVED: Final = "<answer of host.migrate_receive>"
"""Stands in a call for the map that `host.migrate_receive` will have answered; the map itself is a secret."""

MIGRATED: Final = "<reference of the migrated VM>"
"""Stands for the VM at its destination, whose reference only the end of `VM.migrate_send` tells."""


BASE: Final = "<snapshot of the job>"
"""Stands for the snapshot of which a disk is copied while its VM runs (VM and disk alike)."""

COPY: Final = "<copy of the disk>"


MIGRATE_SEND: Final = "VM.migrate_send"

MOTIONS: Final = ("VM.pool_migrate", MIGRATE_SEND)
"""The calls that move a VM."""

MOVING: Final = frozenset(method.removeprefix("VM.") for method in MOTIONS)
"""What a VM's `current_operations` say while one of them is carried out."""


class Call(msgspec.Struct, frozen=True):
    """One API request: the pool whose session sends it, the method, and its parameters without the session."""

    pool: PoolId
    method: str
    params: tuple[object, ...]


Maps = tuple[dict[str, str], dict[str, str], dict[str, str]]


def migrate_maps(move: Sent) -> Maps:
    """`vdi_map`, `vif_map` and options of `VM.migrate_send`.

    Every disk of the VM, its snapshots and its suspend image is mapped explicitly, and inside a pool every CD that
    stays in its drive to its own SR (or the server ejects it). `vif_map` has the snapshots' VIFs too, and is empty
    inside a pool, where the server wants it so.
    """
    vdi_map: dict[str, str] = {vdi: sr for vdi, sr in move.placement.items() if sr is not None}
    vdi_map |= {str(vdi): str(sr) for vdi, sr in move.cds.items()}
    vif_map: dict[str, str] = {vif: net for vif, net in move.networks.items() if net is not None}
    options = {}
    if move.draft.copy:
        options["copy"] = "true"
    if move.draft.compress is not None:
        options["compress"] = "true" if move.draft.compress else "false"
    return vdi_map, vif_map if move.crosses else {}, options


def calls(move: Move) -> tuple[Call, ...]:
    """The requests of one move in their order. Only moves that the rules accept have calls."""
    if isinstance(move, LooseDisk):
        return (*_copies(move), *_removals(move))
    if isinstance(move, Sent):
        return (*_motion(move), *_afterwards(move))
    return (*_exchange(move), *_removals(move), *(_afterwards(move) if move.host is not None else ()))


def _copies(move: Copied | LooseDisk) -> list[Call]:
    return [Call(move.source.id, "VDI.copy", (vdi, sr)) for vdi, sr in move.moving.items()]


def _removals(move: Copied | LooseDisk) -> list[Call]:
    """Of the sources, unless they are kept."""
    return [] if move.draft.keep_days else [Call(move.source.id, "VDI.destroy", (vdi,)) for vdi in move.moving]


def _exchange(move: Copied) -> list[Call]:
    pool, copies = move.source.id, _copies(move)
    if not move.stops:
        return copies
    return [
        Call(pool, "VM.snapshot", (move.ref, BASE)),
        *copies,
        Call(pool, "VM.clean_shutdown", (move.ref,)),
        *(Call(pool, "VDI.copy", (vdi, NULL, BASE, COPY)) for vdi in move.moving),
        Call(pool, "VM.start_on", (move.ref, move.host, False, False)),
    ]


def _motion(move: Sent) -> list[Call]:
    source, target = move.source.id, move.target.id
    if move.host is None:
        raise ValueError("a move without a host has no calls")
    if move.kind is Kind.live:
        options = {"live": "true"}
        if move.draft.compress is not None:
            options["compress"] = "true" if move.draft.compress else "false"
        if move.memory_network is not None:
            options["network"] = move.memory_network
        return [Call(source, "VM.pool_migrate", (move.ref, move.host, options))]
    vdi_map, vif_map, options = migrate_maps(move)
    formats = ({}, {str(vdi): form for vdi, form in move.formats.items()}) if move.formats else ()
    return [
        Call(target, "host.migrate_receive", (move.host, move.storage_network, {})),
        Call(source, "VM.migrate_send", (move.ref, RECEIVED, True, vdi_map, vif_map, options, *formats)),
    ]


def _afterwards(move: Sent | Copied) -> list[Call]:
    """Of the VM that has arrived: its home server, and its start."""
    target, made = move.target.id, []
    moved = MIGRATED if move.crosses else move.ref
    if move.draft.set_home and not move.draft.copy:
        made.append(Call(target, "VM.set_affinity", (moved, move.host)))
    if move.draft.start_after and move.vm.power_state == "Halted":
        made.append(Call(target, "VM.start_on", (moved, move.host, False, False)))
    return made
