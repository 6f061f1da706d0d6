"""Facts: the server's answers to the questions that only it can answer, asked with the very maps of the plan.

Questions are plain values, so that an answer is kept by the whole question and is never used for another one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from xsmigui.core.catalogue import problem
from xsmigui.core.failures import ServerFailure, Unreachable
from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import listed, m_
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.calls import calls, migrate_maps
from xsmigui.core.migration.moves import Copied, Kind, Move, Sent
from xsmigui.core.problems import Page, Problem, Severity, Subject
from xsmigui.core.refs import HostRef, NetworkRef, PoolId, VmRef

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class OperationValid:
    """Why is this operation not allowed? (`VM.assert_operation_valid`)"""

    pool: PoolId
    vm: VmRef
    operation: str


@dataclass(frozen=True, slots=True)
class MayCall:
    """Do the session's roles allow these methods? (`session.get_rbac_permissions`)"""

    pool: PoolId
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CanBootHere:
    """Could the VM run on this host? (`VM.assert_can_boot_here`: processor, SRs, networks, memory)"""

    pool: PoolId
    vm: VmRef
    host: HostRef


@dataclass(frozen=True, slots=True)
class CanMigrate:
    """Would the server accept this migration? (`host.migrate_receive`, then `VM.assert_can_migrate`)"""

    pool: PoolId
    vm: VmRef
    target: PoolId
    host: HostRef
    network: NetworkRef
    vdi_map: Pairs
    vif_map: Pairs
    options: Pairs


@dataclass(frozen=True, slots=True)
class WriteRate:
    """How fast does the VM write to these devices, in bytes a second? (`VM.query_data_source`, from the statistics of
    its host)"""

    pool: PoolId
    vm: VmRef
    devices: tuple[str, ...]


Question = OperationValid | MayCall | CanBootHere | CanMigrate | WriteRate

CHECKS: Final = {"VM.migrate_send": "VM.assert_can_migrate"}
"""Methods that ask first what another will do, with the same rights."""


PASSING: Final = "metadata_export"
"""Stands in `current_operations` for some 50 ms whenever somebody asks whether a VM could go to another pool."""

EXCHANGING: Final = (
    "VM.add_to_other_config",
    "VM.remove_from_other_config",
    "VM.set_blocked_operations",
    "VDI.add_to_other_config",
    "VDI.set_other_config",
    "VDI.remove_from_other_config",
    "VDI.add_tags",
    "VDI.create",
    "SR.scan",
    "VDI.set_name_label",
    "VBD.create",
    "VBD.destroy",
    "VBD.set_userdevice",
    "VDI.destroy",
)
"""What copying a disk and putting the copy in its place needs besides."""


STOPPING: Final = ("VM.destroy", "VM.start")
"""What a move with a short stop needs besides, for its snapshots and where the VM cannot start on its host."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said: nothing against it, or a failure; the number that was asked for, where one was; the roles
    that would do, where rights are lacking."""

    failure: Exception | None = None
    value: float | None = None
    roles: tuple[str, ...] = ()


Facts = Mapping[Question, Answer]


def gate_question(move: Sent) -> OperationValid | None:
    """What to ask where the operation is not in `allowed_operations` (advisory, may be stale: the call decides)."""
    if move.operation in move.vm.allowed_operations or move.host is None:
        return None
    if set(move.vm.current_operations.values()) == {PASSING}:
        return None  # what it does not allow for a moment
    return OperationValid(move.source.id, move.ref, move.operation)


def assertion(move: Sent) -> CanBootHere | CanMigrate | None:
    """What to ask before a move that the local rules accept."""
    if move.host is None:
        return None
    if move.kind is Kind.live:
        return CanBootHere(move.source.id, move.ref, move.host)
    if move.storage_network is None:
        return None
    vdi_map, vif_map, options = migrate_maps(move)
    return CanMigrate(
        move.source.id,
        move.ref,
        move.target.id,
        move.host,
        move.storage_network,
        tuple(sorted(vdi_map.items())),
        tuple(sorted(vif_map.items())),
        tuple(sorted(options.items())),
    )


def write_rate(move: Sent | Copied) -> WriteRate | None:
    """What to ask of a running VM whose disks move; only for the estimate."""
    if not move.is_running or move.host is None:
        return None
    devices = tuple(vbd.device for _ref, vbd in move.source.vbds(move.ref) if vbd.VDI in move.moving and vbd.device)
    return WriteRate(move.source.id, move.ref, devices) if devices else None


def rights(moves: Iterable[Move]) -> list[MayCall]:
    """What the sessions must be allowed, pool by pool."""
    methods: dict[PoolId, dict[str, None]] = {}
    for move in moves:
        for call in calls(move) if not isinstance(move, Sent) or move.host is not None else ():
            wanted = methods.setdefault(call.pool, {})
            if call.method == "VDI.copy":
                wanted.update(dict.fromkeys(EXCHANGING))
                if move.stops:
                    wanted.update(dict.fromkeys(STOPPING))
                if move.draft.proves or move.stops:
                    wanted["VDI.checksum"] = None
            if call.method == "VM.migrate_send" and move.draft.prove and move.kind is Kind.halted:
                for pool in dict.fromkeys((move.source.id, move.target.id)):
                    methods.setdefault(pool, {})["VDI.checksum"] = None
            if call.method in CHECKS:
                wanted[CHECKS[call.method]] = None
            wanted[call.method] = None
        if move.draft.leaves is not None:
            methods.setdefault(move.source.id, {}).update(dict.fromkeys(evacuation.METHODS))
    return [MayCall(pool, tuple(names)) for pool, names in methods.items()]


def denied(question: MayCall, answer: Answer | None, inventory: Inventory) -> Iterator[Problem]:
    """R08: the rights that are lacking, with the roles that would do."""
    if answer is None or answer.failure is None:
        return
    found = problem(answer.failure, Subject("pool", question.pool, inventory.name), inventory)
    if isinstance(answer.failure, ServerFailure) and answer.failure.code == "RBAC_PERMISSION_DENIED":
        message = m_(
            "Your role in {pool} does not allow {method}.",
            pool=inventory.name,
            method=listed(answer.failure.params, mark=", "),
        )
        hint = m_("Log in there as a user with one of these roles: {roles}.", roles=listed(answer.roles, mark=", "))
        if not answer.roles:
            hint = m_("Log in there as a user whose role allows it.")
        found = replace(found, finding=message, advice=hint)
    yield replace(found, page=Page.destination)


def finding(move: Sent, question: Question, answer: Answer | None) -> Iterator[Problem]:
    """The problem that an answer (or its absence) is."""
    subject = Subject("VM", move.vm.uuid, move.vm.name_label)
    if answer is None:
        if isinstance(question, OperationValid):
            names = {"operation": question.operation, "vm": move.vm.name_label}
            message = m_("The server does not allow {operation} of {vm} at present; asking for the reason.", **names)
            yield Problem(
                rule="R05",
                severity=Severity.block,
                subject=subject,
                finding=message,
                advice=m_("Wait for the answer."),
                source="server",
                page=Page.destination,
            )
        return
    if answer.failure is None:
        return
    page = Page.destination if isinstance(question, OperationValid) else None
    inventories: list[Inventory] = [move.source] if move.source is move.target else [move.source, move.target]
    if isinstance(answer.failure, Unreachable):
        page = Page.destination
    found = problem(answer.failure, subject, *inventories, page=page)
    if isinstance(answer.failure, ServerFailure) and found.page is Page.networks and not move.crosses:
        found = problem(answer.failure, subject, *inventories, page=Page.summary)
    yield found
