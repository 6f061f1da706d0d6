"""What `allowed_operations` say, what `assert_operation_valid` answers, and what each call really answers: for every
VM, template, snapshot and control domain, in every power state, every operation, in several releases.

From xapi 24.10, 25.27, 25.33 and 26.17: xapi_vm_lifecycle.ml (`update_allowed_operations`, `ignored_ops`) and the order
in which message_forwarding.ml asks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from tests.simulator.inside import SHARED, Client, clients, watching
from tests.simulator.test_setters import told
from xsmigui.simulator.command import Options, build
from xsmigui.simulator.failures import NULL
from xsmigui.simulator.profiles import PROFILES, Profile

DATABASES: Final = {
    "pair-a-2410.xml": (24, 10), "pair-b-2410.xml": (24, 10), "pair-a-2617.xml": (26, 17), "pair-b-2617.xml": (26, 17),
}  # fmt: skip
RELEASES: Final[dict[str, Profile]] = {
    "24.10": PROFILES["8.4"], "25.26": replace(PROFILES["25.33"], xapi_build="25.26.0"),
    "25.27": replace(PROFILES["25.33"], xapi_build="25.27.0"),
    "25.31": replace(PROFILES["25.33"], xapi_build="25.31.0"),
    "25.33": PROFILES["25.33"], "26.17": PROFILES["26.17"],
}  # fmt: skip

# The call behind each operation, and its parameters after the VM
CALLS: Final[dict[str, tuple[str, list[Any]]]] = {
    "snapshot": ("VM.snapshot", ["n"]), "clone": ("VM.clone", ["n"]), "copy": ("VM.copy", ["n", NULL]),
    "revert": ("VM.revert", []), "checkpoint": ("VM.checkpoint", ["n"]), "start": ("VM.start", [False, False]),
    "pause": ("VM.pause", []), "unpause": ("VM.unpause", []), "clean_shutdown": ("VM.clean_shutdown", []),
    "clean_reboot": ("VM.clean_reboot", []), "hard_shutdown": ("VM.hard_shutdown", []),
    "hard_reboot": ("VM.hard_reboot", []), "suspend": ("VM.suspend", []), "resume": ("VM.resume", [False, False]),
    "destroy": ("VM.destroy", []), "provision": ("VM.provision", []), "shutdown": ("VM.shutdown", []),
    "changing_VCPUs_live": ("VM.set_VCPUs_number_live", [1]), "make_into_template": ("VM.set_is_a_template", [True]),
    "changing_shadow_memory": ("VM.set_HVM_shadow_multiplier", [1.0]), "changing_NVRAM": ("VM.set_NVRAM", [{}]),
    "send_sysrq": ("VM.send_sysrq", ["s"]), "send_trigger": ("VM.send_trigger", ["s"]),
    "get_boot_record": ("VM.get_boot_record", []), "query_services": ("VM.query_services", []),
    "resume_on": ("VM.resume_on", ["@host", False, False]), "start_on": ("VM.start_on", ["@host", False, False]),
    "pool_migrate": ("VM.pool_migrate", ["@host", {}]),
    "migrate_send": ("VM.migrate_send", ["@dest", True, {}, {}, {}]),
    "changing_static_range": ("VM.set_memory_static_range", [1, 2]),
    "changing_dynamic_range": ("VM.set_memory_dynamic_range", [1, 2]),
    "changing_memory_limits": ("VM.set_memory_limits", [1, 4, 2, 3]), "changing_VCPUs": ("VM.set_VCPUs_max", [99]),
    "data_source_op": ("VM.get_data_sources", []), "create_vtpm": ("VTPM.create", [False]),
    "changing_memory_live": ("VM.set_memory_target_live", [1]), "sysprep": ("VM.sysprep", ["x", 1.0]),
    "awaiting_memory_live": ("VM.wait_memory_target_live", []), "call_plugin": ("VM.call_plugin", ["p", "f", {}]),
    "changing_shadow_memory_live": ("VM.set_shadow_multiplier_live", [1.0]),
}  # fmt: skip
_UNLISTED: Final = """create_template power_state_reset csvm get_boot_record send_sysrq send_trigger query_services
shutdown call_plugin changing_memory_live awaiting_memory_live changing_memory_limits changing_shadow_memory_live
changing_VCPUs assert_operation_valid data_source_op update_allowed_operations import reverting"""
NEVER_LISTED: Final = set(_UNLISTED.split())
"""Not in allowed_operations, whether possible or not; until 24.13 `metadata_export` neither."""
KINDS: Final = ("VM", "template", "default template", "snapshot", "control domain")
STATES: Final = ("Halted", "Paused", "Suspended", "Running")


def _asked_before(one: Client, vm: str, op: str, host: str) -> list[str] | None:
    """What is asked before the gate: a control domain starts on its own host alone (message_forwarding.ml, start_on
    and assert_matches_control_domain_affinity)."""
    row = one.pool.db.row("VM", vm)
    if op == "start_on" and row["is_control_domain"] and row["affinity"] not in {host, NULL}:
        return ["OPERATION_NOT_ALLOWED", "Cannot start a control domain on another host than its affinity"]
    return None


async def _walk(one: Client, vm: str) -> list[tuple[object, ...]]:
    """Where the three disagree."""
    db, host = one.pool.db, one.pool.master
    listed = await one("VM.get_allowed_operations", vm)
    dest = {"host": host, "SM": "", "xenops": "", "session_id": "", "master": ""}
    wrong: list[tuple[object, ...]] = []
    for op in one.pool.schema.enums["vm_operations"]:
        answer = await told(one, "VM.assert_operation_valid", vm, op)
        hidden = op in NEVER_LISTED or (op == "metadata_export" and not one.pool.profile.at_least("24.14.0"))
        if (op in listed) is not (not answer and not hidden):
            wrong.append((op, "listed" if op in listed else "not listed", answer))
        method, params = CALLS.get(op, ("", []))
        if not answer or one.pool.schema.message(method) is None:
            continue
        before = dict(db.row("VM", vm))
        given = [{"@host": host, "@dest": dest}.get(p, p) if isinstance(p, str) else p for p in params]
        really = await told(one, method, vm, *given)
        first = _asked_before(one, vm, op, host)
        if really[:1] != (first or answer)[:1] or (first is None and really != answer):
            wrong.append((op, answer, really))
        after = db.row("VM", vm)
        if {k: v for k, v in after.items() if before[k] != v}:
            wrong.append((op, "has changed the VM"))
    return wrong


@pytest.mark.shared
@pytest.mark.parametrize("name", DATABASES)
@pytest.mark.skipif(not (SHARED / "data").exists(), reason="no databases beside the checkout")
async def test_every_vm_of_a_database(name: str) -> None:
    site = build(Options(databases=(SHARED / "data" / "pools" / name,), speed=0, seed=1))
    one = await Client(site.pools[0]).login()
    assert one.pool.profile.release[:2] == DATABASES[name]
    wrong = [(row["name_label"], *found) for vm, row in list(one.pool.db.table("VM").items())
             for found in await _walk(one, vm)]  # fmt: skip
    assert wrong == []


@pytest.mark.parametrize("release", RELEASES)
async def test_every_kind_in_every_state(release: str) -> None:
    one = (await clients())[0]
    watching.clear()  # VMs are in states here that nothing has brought about
    one.pool.profile = RELEASES[release]
    db = one.pool.db
    vm = await one.named("VM", "web-01")
    wrong: list[tuple[object, ...]] = []
    for kind in KINDS:
        for state in STATES:
            db.set(
                "VM", vm, power_state=state, is_a_template=kind.endswith("template") or kind == "snapshot",
                is_default_template=kind == "default template", is_a_snapshot=kind == "snapshot",
                is_control_domain=kind == "control domain", blocked_operations={},
            )  # fmt: skip
            one.pool.refresh()
            wrong += [(kind, state, *found) for found in await _walk(one, vm)]
    assert wrong == []


@pytest.mark.parametrize("release", RELEASES)
async def test_every_operation_that_somebody_has_blocked_or_that_waits(release: str) -> None:
    """Blocked comes before everything else; another operation is named with class, object and task since 25.27."""
    one = (await clients())[0]
    watching.clear()
    one.pool.profile = RELEASES[release]
    db = one.pool.db
    vm = await one.named("VM", "web-01")
    words = one.pool.schema.enums["vm_operations"]
    db.set("VM", vm, blocked_operations=dict.fromkeys(words, "kept"))
    assert await one("VM.get_allowed_operations", vm) == []
    for op in words:
        assert await told(one, "VM.assert_operation_valid", vm, op) == ["OPERATION_BLOCKED", vm, "kept"]
    wrong = await _walk(one, vm)
    db.set("VM", vm, blocked_operations={}, current_operations={"OpaqueRef:t": "pool_migrate"})
    late = release in {"25.27", "25.31", "25.33", "26.17"}
    busy = ["VM", vm, "pool_migrate", "OpaqueRef:t"] if late else ["VM.pool_migrate", vm]
    for op in ("snapshot", "migrate_send", "clean_shutdown", "pause", "suspend"):
        assert await told(one, "VM.assert_operation_valid", vm, op) == ["OTHER_OPERATION_IN_PROGRESS", *busy]
    assert set(await one("VM.get_allowed_operations", vm)) == {"hard_shutdown", "hard_reboot"}
    assert wrong == []
