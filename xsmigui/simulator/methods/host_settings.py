"""host, Host_driver: what is set of a host and done there (xapi 24.10 and 26.17: xapi_host.ml, xapi_host_driver.ml;
forwarded to the host)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import EPOCH, NULL, Failure
from xsmigui.simulator.methods.secrets import clean_out
from xsmigui.simulator.tables import Row


def at_host(call: Call, host: str) -> Row:
    """The row, once the host is reached; a reference that does not exist counts as offline."""
    call.pool.reach(host)
    return call.db.row("host", host)


# -- storage and start -------------------------------------------------------------------------------------------------


@method("host.set_iscsi_iqn")
def set_iscsi_iqn(call: Call, host: str, value: str) -> None:
    row = at_host(call, host)
    if not value:
        raise Failure("INVALID_VALUE", "value", value)
    call.db.set("host", host, iscsi_iqn=value, other_config={**row["other_config"], "iscsi_iqn": value})


@method("host.set_multipathing")
def set_multipathing(call: Call, host: str, value: bool) -> None:
    row = at_host(call, host)
    config = {**row["other_config"], "multipathing": str(value).lower()}
    call.db.set("host", host, multipathing=value, other_config=config)


@method("host.set_power_on_mode")
def set_power_on_mode(call: Call, host: str, mode: str, config: dict[str, str]) -> None:
    """Passwords of the former configuration go."""
    row = call.db.row("host", host)
    former = row["power_on_config"]
    call.db.set("host", host, power_on_mode=mode, power_on_config=config)
    clean_out(call, former)


@method("host.set_ssl_legacy")
def set_ssl_legacy(call: Call, host: str, value: bool) -> None:
    """Whatever host it is about."""
    if value:
        raise Failure("VALUE_NOT_SUPPORTED", "value", "true", "Legacy SSL support has been removed")


@method("host.set_uefi_certificates")
def set_uefi_certificates(call: Call, host: str, value: str) -> None:
    text = "To set UEFI certificates use: `Pool.set_custom_uefi_certificates`"
    raise Failure("OPERATION_NOT_ALLOWED", text)


@method("host.set_https_only")
def set_https_only(call: Call, host: str, value: bool) -> None:
    at_host(call, host)
    call.db.set("host", host, https_only=value)


@method("host.set_numa_affinity_policy")
def set_numa_policy(call: Call, host: str, value: str) -> None:
    at_host(call, host)
    call.db.set("host", host, numa_affinity_policy=value)


@method("host.set_sched_gran")
def set_scheduling(call: Call, host: str, value: str) -> None:
    at_host(call, host)
    raise Failure("OPERATION_NOT_ALLOWED", "Disabled by xapi.conf")


_STATE: Final = re.compile(r"\d*|\d+,\d+")


@method("host.set_max_cstate")
def set_max_cstate(call: Call, host: str, value: str) -> None:
    """Unlimited (empty), C0 or C1, and with C1 a state below it."""
    at_host(call, host)
    if not _STATE.fullmatch(value):
        raise Failure("INVALID_VALUE", "max_cstate", value)
    if value.partition(",")[0] not in {"", "0", "1"}:
        text = "Only C0, C1 and unlimited are supported for max-cstate"
        raise Failure("VALUE_NOT_SUPPORTED", "max_cstate", value, text)
    call.db.set("host", host, max_cstate=value)


LONGEST_NAME: Final = 255
_DOM0: Final = "Control domain on host: "
_NAME: Final = re.compile(r"(?![-])[A-Za-z0-9.-]*(?<![-])")


@method("host.set_hostname_live")
def set_hostname(call: Call, host: str, name: str) -> None:
    at_host(call, host)
    reason = "hostname empty" if not name else "hostname is too long" if len(name.encode()) > LONGEST_NAME else ""
    if reason or not _NAME.fullmatch(name):
        raise Failure("HOST_NAME_INVALID", reason or "hostname contains invalid characters")
    call.db.set("host", host, hostname=name)
    dom0 = call.db.find("VM", call.db.get("host", host, "control_domain"))
    if dom0 is not None and dom0["name_label"].startswith(_DOM0):
        call.db.set("VM", call.db.get("host", host, "control_domain"), name_label=_DOM0 + name)


@method("host.emergency_clear_mandatory_guidance")
def clear_guidance(call: Call) -> None:
    """Of the host that is asked."""
    call.db.set("host", call.host, pending_guidances=[])


@method("host.emergency_disable_tls_verification")
def disable_tls(call: Call) -> None:
    """Of the host that is asked, whatever the pool says."""
    call.db.set("host", call.host, tls_verification_enabled=False)


@method("host.emergency_reenable_tls_verification")
def reenable_tls(call: Call) -> None:
    if not call.pool.row["tls_verification_enabled"]:
        raise Failure("TLS_VERIFICATION_NOT_ENABLED_IN_POOL")
    call.db.set("host", call.host, tls_verification_enabled=True)


@method("host.emergency_reset_server_certificate")
def reset_certificate(call: Call) -> None:
    """The simulated hosts go on showing theirs."""


# -- access by SSH, consoles -------------------------------------------------------------------------------------------

LONGEST_ACCESS: Final = 172800  # seconds


def _expiry(call: Call, timeout: int) -> str:
    return call.pool.clock.date(timeout) if timeout else EPOCH


@method("host.enable_ssh")
def enable_ssh(call: Call, host: str) -> None:
    """By hand: no longer by itself."""
    row = at_host(call, host)
    until = _expiry(call, row["ssh_enabled_timeout"])
    call.db.set("host", host, ssh_enabled=True, ssh_auto_mode=False, ssh_expiry=until)


@method("host.disable_ssh")
def disable_ssh(call: Call, host: str) -> None:
    at_host(call, host)
    call.db.set("host", host, ssh_enabled=False, ssh_expiry=call.pool.clock.date())


@method("host.set_ssh_enabled_timeout")
def set_ssh_timeout(call: Call, host: str, value: int) -> None:
    row = at_host(call, host)
    if not 0 <= value <= LONGEST_ACCESS:
        raise Failure("INVALID_VALUE", "ssh_enabled_timeout", value)
    call.db.set("host", host, ssh_enabled_timeout=value)
    if row["ssh_enabled"]:
        call.db.set("host", host, ssh_expiry=_expiry(call, value))


@method("host.set_console_idle_timeout")
def set_console_timeout(call: Call, host: str, value: int) -> None:
    at_host(call, host)
    if value < 0:
        raise Failure("INVALID_VALUE", "console_timeout", value)
    call.db.set("host", host, console_idle_timeout=value)


@method("host.set_ssh_auto_mode")
def set_ssh_auto_mode(call: Call, host: str, value: bool) -> None:
    at_host(call, host)
    call.db.set("host", host, ssh_auto_mode=value)


_EVERYWHERE: Final = {
    "enable_ssh": (enable_ssh, "ENABLE_SSH_PARTIALLY_FAILED"),
    "disable_ssh": (disable_ssh, "DISABLE_SSH_PARTIALLY_FAILED"),
    "set_ssh_enabled_timeout": (set_ssh_timeout, "SET_SSH_TIMEOUT_PARTIALLY_FAILED"),
    "set_console_idle_timeout": (set_console_timeout, "SET_CONSOLE_TIMEOUT_PARTIALLY_FAILED"),
    "set_ssh_auto_mode": (set_ssh_auto_mode, "SET_SSH_AUTO_MODE_PARTIALLY_FAILED"),
}


@method("pool.enable_ssh")
@method("pool.disable_ssh")
@method("pool.set_ssh_enabled_timeout")
@method("pool.set_console_idle_timeout")
@method("pool.set_ssh_auto_mode")
def on_all_hosts(call: Call, pool: str, *value: object) -> None:
    """The hosts on which it failed are named, the last one first."""
    perform, code = _EVERYWHERE[call.message.name]
    failed: list[str] = []
    for host in call.db.table("host"):
        try:
            perform(call, host, *value)
        except Failure:
            failed.insert(0, host)
    if failed:
        raise Failure(code, *failed)


# -- time --------------------------------------------------------------------------------------------------------------

_NONE_LEFT: Final = "Can't set ntp_custom_servers empty when ntp_mode is Custom"
_NONE_YET: Final = "Can't set ntp_mode to Custom when ntp_custom_servers is empty"


@method("host.set_ntp_mode")
def set_ntp_mode(call: Call, host: str, value: str) -> None:
    row = at_host(call, host)
    if value == "Custom" != row["ntp_mode"] and not row["ntp_custom_servers"]:
        raise Failure("INVALID_NTP_CONFIG", _NONE_YET)
    call.db.set("host", host, ntp_mode=value)


@method("host.set_ntp_custom_servers")
def set_ntp_servers(call: Call, host: str, value: list[str]) -> None:
    row = at_host(call, host)
    if row["ntp_mode"] == "Custom" and not value:
        raise Failure("INVALID_NTP_CONFIG", _NONE_LEFT)
    call.db.set("host", host, ntp_custom_servers=value)


@method("host.set_timezone")
def set_timezone(call: Call, host: str, value: str) -> None:
    at_host(call, host)
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", value):
        raise Failure("INVALID_VALUE", "timezone", value)
    call.db.set("host", host, timezone=value)


@method("host.set_servertime")
def set_servertime(call: Call, host: str, value: str) -> None:
    """The simulated clock stays as it is."""
    if call.db.get("host", host, "ntp_mode") != "Disabled":
        raise Failure("NOT_ALLOWED_WHEN_NTP_IS_ENABLED", host)
    call.pool.reach(host)


# -- licences, reports, the network interface that carries management --------------------------------------------------


@method("host.license_add")
def license_add(call: Call, host: str, contents: str) -> None:
    """No licence server is there to take one."""
    at_host(call, host)
    try:
        base64.b64decode(contents, validate=True)
    except (binascii.Error, ValueError):
        raise Failure("LICENSE_PROCESSING_ERROR") from None
    raise Failure("NOT_IMPLEMENTED", call.message.full)


@method("host.bugreport_upload")
def upload_report(call: Call, host: str, url: str, options: dict[str, str]) -> None:
    at_host(call, host)
    if not url:
        raise Failure("INVALID_VALUE", "url", "")
    raise Failure("NOT_IMPLEMENTED", call.message.full)


@method("host.management_disable")
def disable_management(call: Call) -> None:
    """Of the host that is asked, which coordinates."""
    if call.pool.row["ha_enabled"]:
        raise Failure("HA_IS_ENABLED")
    for pif in call.db.get("host", call.host, "PIFs"):
        call.db.set("PIF", pif, management=False)


@method("host.local_management_reconfigure")
def reconfigure_local_management(call: Call, interface: str) -> None:
    raise Failure("POOL_NOT_IN_EMERGENCY_MODE")


@method("host.rescan_drivers")
@method("Host_driver.rescan")
def rescan_drivers(call: Call, host: str) -> None:
    at_host(call, host)


@method("Host_driver.select")
def select_driver(call: Call, driver: str, variant: str) -> None:
    row = call.db.row("Host_driver", driver)
    call.pool.reach(row["host"])
    if variant not in row["variants"]:
        raise Failure("INVALID_VALUE", "variant", variant)
    if not call.db.get("Driver_variant", variant, "hardware_present"):
        raise Failure("HOST_DRIVER_NO_HARDWARE", variant)
    call.db.set("Host_driver", driver, selected_variant=variant)


@method("Driver_variant.select")
def select_variant(call: Call, variant: str) -> None:
    select_driver(call, call.db.get("Driver_variant", variant, "driver"), variant)


@method("Host_driver.deselect")
def deselect_driver(call: Call, driver: str) -> None:
    call.pool.reach(call.db.get("Host_driver", driver, "host"))
    call.db.set("Host_driver", driver, active_variant=NULL, selected_variant=NULL)
