"""Calls that only look: what a host or the pool answers without changing anything (xapi 24.10 and 26.17: xapi_host.ml,
xapi_pool.ml, xapi_vm_helpers.ml, and who carries them out: message_forwarding.ml)."""

from __future__ import annotations

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.methods.evacuation import preventing
from xsmigui.simulator.tables import Row


@method("pool.test_archive_target")
def archive_target(call: Call, pool: str, config: dict[str, str]) -> str:
    raise Failure("MESSAGE_REMOVED")


@method("pool.check_update_readiness")
def update_readiness(call: Call, pool: str, reboot: bool = False) -> list[list[str]]:
    """What speaks against an update now: HA, hosts that are offline, VMs that cannot leave."""
    features.assert_enabled(call.pool, "Updates")
    found: list[list[str]] = [["HA_IS_ENABLED"]] if call.pool.row["ha_enabled"] else []
    for host in call.db.table("host"):
        if not call.pool.live(host):
            found.append(["HOST_OFFLINE", host])
        elif reboot:
            found += preventing(call, host).values()
    return found


@method("pool.get_guest_secureboot_readiness")
def secureboot(call: Call, pool: str) -> str:
    """No keys are installed on the hosts."""
    return "not_ready"


@method("host.get_sched_gran")
def scheduling(call: Call, host: str) -> str:
    call.pool.reach(host)
    return "cpu"


@method("host.get_ntp_servers_status")
@method("host.get_tracked_user_agents")
def nothing_known(call: Call, host: str) -> list[Row]:
    call.pool.reach(host)
    return []


@method("host.get_ntp_synchronized")
def synchronized(call: Call, host: str) -> bool:
    call.pool.reach(host)
    return True


@method("host.list_timezones")
def timezones(call: Call, host: str) -> list[str]:
    call.pool.reach(host)
    return ["UTC"]


@method("host.get_system_status_capabilities")
@method("host.call_extension")
@method("host.license_remove")
def of_a_host(call: Call, host: str, *rest: object) -> None:
    """A host that is offline says so; what one that is there would answer is not simulated."""
    call.pool.reach(host)
    raise Failure("NOT_IMPLEMENTED", call.message.full)
