"""The calls that answer NOT_IMPLEMENTED: the manual names each, and no client needs one to connect or to list."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.simulator.test_schema_walk import arguments, newest
from xsmigui.simulator.dispatch import METHODS
from xsmigui.simulator.schema import schema
from xsmigui.simulator.unsimulated import BEGIN, END, unsimulated, unsimulated_document

MANUAL: Final = Path(__file__).parents[2] / "docs" / "simulator.md"

# What each client calls when it connects and for its lists, beside `get_all`, `get_all_records`, `get_record`, the
# getters of fields, and event.from, which all of them call of every class.
SESSION: Final = "session.login_with_password session.logout session.get_this_host session.get_uuid"
CLIENTS: Final = {
    "XenCenter": f"""{SESSION} session.slave_local_login_with_password session.get_is_local_superuser
        session.get_auth_user_sid session.get_subject session.get_rbac_permissions session.change_password
        role.get_all_records role.get_permissions role.get_by_permission_name_label subject.get_all_records
        event.register event.unregister event.next event.inject host.get_servertime host.get_server_localtime
        host.compute_free_memory host.compute_memory_overhead host.get_vms_which_prevent_evacuation
        host.get_server_certificate host.get_uncooperative_resident_VMs host.get_management_interface host.call_plugin
        host.has_extension pool.has_extension pool.get_license_state pool.ha_compute_max_host_failures_to_tolerate
        pool.ha_compute_hypothetical_max_host_failures_to_tolerate pool.ha_compute_vm_failover_plan
        pool.retrieve_wlb_configuration message.get message.get_since message.get_all_records
        SR.get_supported_types VM.get_allowed_VBD_devices VM.get_allowed_VIF_devices VM.get_possible_hosts
        VM.assert_can_boot_here VM.assert_can_migrate VM.maximise_memory task.create task.cancel task.destroy""",
    "xen-api": f"""{SESSION} event.from event.inject pool.get_all_records host.get_all_records task.create task.destroy
        task.cancel task.get_record""",
    "community.general": f"""{SESSION} VM.get_by_uuid VM.get_by_name_label VM.get_all_records VM.get_record
        VBD.get_record VDI.get_record VIF.get_record VM_guest_metrics.get_record network.get_by_name_label
        network.get_record SR.get_by_name_label SR.get_by_uuid host.get_all_records host.get_by_name_label
        host.get_software_version pool.get_all pool.get_default_SR VM.get_allowed_VBD_devices
        VM.get_allowed_VIF_devices task.get_status task.get_result task.get_error_info task.destroy""",
    "terraform": f"""{SESSION} pool.get_all_records host.get_all_records SR.get_all_records network.get_all_records
        PIF.get_all_records VLAN.get_all_records PBD.get_all_records VM.get_all_records VM.get_by_name_label
        VM.get_record
        VM_guest_metrics.get_record VDI.get_record VBD.get_record VIF.get_record VM.get_snapshots
        host.get_software_version""",
}  # fmt: skip


def test_the_manual_names_each() -> None:
    text = MANUAL.read_text("utf-8")
    assert text[text.index(BEGIN) : text.index(END) + len(END)] == unsimulated_document()


@pytest.mark.parametrize("client", CLIENTS)
def test_no_client_needs_one_to_connect_or_to_list(client: str) -> None:
    left_out = {f"{cls}.{name}" for cls, names in unsimulated().items() for name in names}
    known = schema((26, 17, 0))
    for method in CLIENTS[client].split():
        assert known.message(method) is not None, method
        assert method not in left_out
    for name in left_out:
        assert not name.partition(".")[2].startswith(("get_all", "get_record", "get_by_"))


async def test_each_of_them_answers_so() -> None:
    one = await newest()
    for cls, names in unsimulated().items():
        for name in names:
            message = one.pool.schema.message(f"{cls}.{name}")
            assert message is not None
            refusal = await one.refused(message.full, *arguments(one, cls, "OpaqueRef:none", message.params))
            looks_first = METHODS.get(message.full) is not None
            assert refusal == ["NOT_IMPLEMENTED", message.full] or (looks_first and "OpaqueRef:none" in refusal)
