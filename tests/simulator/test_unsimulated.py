"""The calls that answer NOT_IMPLEMENTED: the manual names each, and no client needs one to connect or to list."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.simulator.test_schema_walk import arguments, newest
from xsmigui.simulator.dispatch import METHODS
from xsmigui.simulator.failures import Failure
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
    "XenAPI": f"""{SESSION} session.slave_local_login_with_password session.local_logout pool.get_all pool.get_master
        host.get_API_version_major host.get_API_version_minor""",
    "xe": f"""{SESSION} pool.get_all_records pool.get_master host.get_API_version_major host.get_API_version_minor
        host.get_uuid host.list_methods VM.get_all_records_where VM.get_record VM_metrics.get_record
        VM_guest_metrics.get_record VBD.get_record VDI.get_record SR.get_record VIF.get_record network.get_record
        console.get_record blob.get_all_records task.get_all_records_where task.create task.destroy event.from
        message.get_all_records role.get_all_records""",
    "Xen Orchestra": f"""{SESSION} event.from event.inject pool.get_all_records pool.get_license_state
        host.get_servertime host.call_plugin host.get_management_interface host.compute_free_memory
        host.get_all_records host.get_vms_which_prevent_evacuation VM.get_possible_hosts VM.get_boot_record
        VM.get_allowed_VBD_devices VM.get_allowed_VIF_devices VM.add_to_other_config VM.remove_from_other_config
        VDI.get_nbd_info VDI.list_changed_blocks VBD.set_bootable task.create task.set_status task.destroy
        task.add_to_other_config message.get_record session.get_rbac_permissions""",
    "packer": f"""{SESSION} host.get_all host.get_by_name_label pool.get_all pool.get_default_SR SR.get_by_name_label
        SR.get_all network.get_by_name_label network.get_all PIF.get_all_records VDI.create VDI.destroy VDI.get_record
        VM.get_by_name_label VM.clone VM.provision VM.set_VCPUs_max VM.set_VCPUs_at_startup VM.set_memory_limits
        VM.set_HVM_boot_policy VM.set_HVM_boot_params VM.set_platform VM.set_other_config VM.add_to_xenstore_data
        VM.start VM.unpause VM.get_guest_metrics VM.get_domid VM.get_power_state VM.clean_shutdown VM.hard_shutdown
        VM.set_is_a_template VM.destroy VBD.create VBD.eject VBD.destroy VIF.create VIF.destroy""",
    "libvirt": f"""{SESSION} host.get_all host.get_by_uuid host.get_record host.get_capabilities host.get_host_CPUs
        host_cpu.get_record host.get_metrics host_metrics.get_memory_free host_metrics.get_memory_total VM.get_all
        VM.get_record VM.get_by_uuid VM.get_by_name_label VM.get_is_control_domain VM.get_domid VM.pause VM.unpause
        VM.clean_shutdown VM.clean_reboot VM.hard_shutdown VM.start VM.destroy VM.set_VCPUs_number_live VM.set_VCPUs_max
        VM.set_memory_dynamic_max VM.set_memory_static_max VM.get_metrics VM_metrics.get_VCPUs_number
        VM.get_allowed_VBD_devices VM.create""",
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
            asked_elsewhere = message.name.startswith("join") and refusal[0] == "JOINING_HOST_CONNECTION_FAILED"
            found = asked_elsewhere or "OpaqueRef:none" in refusal
            assert refusal == ["NOT_IMPLEMENTED", message.full] or (looks_first and found)


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_may_call_all_of_its_calls(client: str) -> None:
    """Whatever is refused is refused as xapi refuses it: nothing is missing, nothing is unforeseen."""
    one = await newest()
    wrong = []
    for method in CLIENTS[client].split():
        message = one.pool.schema.message(method)
        assert message is not None
        if method.startswith("session.") and "login" not in method and "get" not in method:
            continue
        rows = one.pool.db.table(message.cls) if message.cls in one.pool.db.tables else {}
        ref = one.session if message.cls == "session" else next(iter(rows), "OpaqueRef:none")
        try:
            await one(method, *arguments(one, message.cls, ref, message.params))
        except Failure as failure:
            own = list(failure.params) == ["list_method"]  # xapi's own answer
            if (failure.code == "NOT_IMPLEMENTED" and not own) or "Error(" in str(failure.params):
                wrong.append((method, failure.code, failure.params))
    assert not wrong
