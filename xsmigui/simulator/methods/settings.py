"""Settings of pools, hosts and devices that are nothing but rows here: they are kept and told, and have no effect."""

from __future__ import annotations

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.methods.passthrough import switched

# -- updates: repositories and when to look for them -------------------------------------------------------------------


@method("Repository.forget")
def forget_repository(call: Call, ref: str) -> None:
    call.db.row("Repository", ref)
    if ref in call.pool.row["repositories"]:
        raise Failure("REPOSITORY_IS_IN_USE")
    call.db.delete("Repository", ref)


@method("pool.configure_repository_proxy")
def set_proxy(call: Call, pool: str, url: str, username: str, password: str) -> None:
    """The password is kept as a secret that another password replaces."""
    if not url.startswith(("http://", "https://")):
        raise Failure("INVALID_REPOSITORY_PROXY_URL", url)
    if bool(username) is not bool(password):
        raise Failure("INVALID_REPOSITORY_PROXY_CREDENTIAL")
    forget_proxy(call, pool)
    secret = call.db.create("secret", {"value": password}) if password else NULL
    call.db.set(
        "pool", pool, repository_proxy_url=url, repository_proxy_username=username, repository_proxy_password=secret
    )


@method("pool.disable_repository_proxy")
def forget_proxy(call: Call, pool: str) -> None:
    secret = call.db.get("pool", pool, "repository_proxy_password")
    call.db.set("pool", pool, repository_proxy_url="", repository_proxy_username="", repository_proxy_password=NULL)
    if call.db.has("secret", secret):
        call.db.delete("secret", secret)


@method("pool.configure_update_sync")
def set_update_sync(call: Call, pool: str, frequency: str, day: int) -> None:
    """Every day it is day 0, whatever is asked for."""
    if frequency == "weekly" and day not in range(7):
        raise Failure("INVALID_UPDATE_SYNC_DAY", day)
    day = day if frequency == "weekly" else 0
    call.db.set("pool", pool, update_sync_frequency=frequency, update_sync_day=day)


@method("pool.reset_telemetry_uuid")
def reset_telemetry(call: Call, pool: str) -> None:
    old = call.db.get("pool", pool, "telemetry_uuid")
    call.db.set("pool", pool, telemetry_uuid=call.db.create("secret", {"value": call.db.new_uuid()}))
    if call.db.has("secret", old):
        call.db.delete("secret", old)


# -- the pool ----------------------------------------------------------------------------------------------------------


@method("pool.enable_client_certificate_auth")
def enable_client_certificates(call: Call, pool: str, name: str) -> None:
    call.db.set("pool", pool, client_certificate_auth_enabled=True, client_certificate_auth_name=name)


@method("pool.disable_client_certificate_auth")
def disable_client_certificates(call: Call, pool: str) -> None:
    call.db.set("pool", pool, client_certificate_auth_enabled=False, client_certificate_auth_name="")


@method("pool.detect_nonhomogeneous_external_auth")
def same_authentication(call: Call, pool: str) -> None:
    """All hosts are the same: none of them has any."""
    call.db.row("pool", pool)


@method("pool.apply_edition")
def apply_everywhere(call: Call, pool: str, edition: str) -> None:
    for host in call.db.table("host"):
        apply_edition(call, host, edition)


@method("host.apply_edition")
def apply_edition(call: Call, host: str, edition: str, force: bool = False) -> None:
    offered = call.db.get("host", host, "editions")
    if offered and edition not in offered:
        raise Failure("INVALID_EDITION", edition)
    call.db.set("host", host, edition=edition)


@method("SDN_controller.introduce")
def introduce_controller(call: Call, protocol: str, address: str, port: int) -> str:
    """One for the pool, reached by TLS at an address, or (pssl) waited for."""
    if call.db.table("SDN_controller"):
        raise Failure("SDN_CONTROLLER_ALREADY_EXISTS")
    return call.db.create("SDN_controller", {"protocol": protocol, "address": address, "port": port})


@method("SDN_controller.forget")
def forget_controller(call: Call, ref: str) -> None:
    call.db.row("SDN_controller", ref)
    call.db.delete("SDN_controller", ref)


# -- provisioning services ---------------------------------------------------------------------------------------------


@method("PVS_site.introduce")
def introduce_site(call: Call, name: str, about: str, identity: str) -> str:
    values = {"name_label": name, "name_description": about, "PVS_uuid": identity}
    return call.db.create("PVS_site", values)


@method("PVS_site.forget")
def forget_site(call: Call, ref: str) -> None:
    row = call.db.row("PVS_site", ref)
    running = [p for p in row["proxies"] if call.db.get("PVS_proxy", p, "currently_attached")]
    if running:
        raise Failure("PVS_SITE_CONTAINS_RUNNING_PROXIES", *running)
    if row["servers"]:
        raise Failure("PVS_SITE_CONTAINS_SERVERS", *row["servers"])
    call.db.delete("PVS_site", ref)


@method("PVS_site.set_PVS_uuid")
def set_site_identity(call: Call, ref: str, value: str) -> None:
    """Not while proxies run."""
    proxies = call.db.get("PVS_site", ref, "proxies")
    running = [p for p in proxies if call.db.get("PVS_proxy", p, "currently_attached")]
    if running:
        raise Failure("PVS_SITE_CONTAINS_RUNNING_PROXIES", *running)
    call.db.set("PVS_site", ref, PVS_uuid=value)


@method("PVS_server.introduce")
def introduce_server(call: Call, addresses: list[str], first: int, last: int, site: str) -> str:
    call.db.row("PVS_site", site)
    taken = {a for row in call.db.table("PVS_server").values() for a in row["addresses"]} & set(addresses)
    if taken:
        raise Failure("PVS_SERVER_ADDRESS_IN_USE", min(taken))
    return call.db.create("PVS_server", {"addresses": addresses, "first_port": first, "last_port": last, "site": site})


@method("PVS_server.forget")
def forget_server(call: Call, ref: str) -> None:
    call.db.row("PVS_server", ref)
    call.db.delete("PVS_server", ref)


@method("PVS_proxy.create")
def create_proxy(call: Call, site: str, vif: str) -> str:
    """For the first interface of a VM."""
    features.assert_enabled(call.pool, "PVS_proxy")
    if call.db.get("host", call.pool.master, "software_version").get("network_backend") != "openvswitch":
        raise Failure("OPENVSWITCH_NOT_ACTIVE")
    present = [ref for ref, row in call.db.table("PVS_proxy").items() if row["VIF"] == vif]
    if present:
        raise Failure("PVS_PROXY_ALREADY_PRESENT", *present)
    for cls, name, ref in (("PVS_site", "site", site), ("VIF", "VIF", vif)):
        if not call.db.has(cls, ref):
            raise Failure("INVALID_VALUE", name, ref)
    row = call.db.row("VIF", vif)
    numbers = [int(call.db.get("VIF", v, "device")) for v in call.db.get("VM", row["VM"], "VIFs")]
    if int(row["device"]) != min(numbers):
        raise Failure("PVS_VIF_MUST_BE_FIRST_DEVICE")
    return call.db.create("PVS_proxy", {"site": site, "VIF": vif, "status": "stopped"})


@method("PVS_proxy.destroy")
def destroy_proxy(call: Call, ref: str) -> None:
    call.db.delete("PVS_proxy", ref)


# -- hosts and their devices -------------------------------------------------------------------------------------------


@method("host.enable_display")
@method("host.disable_display")
def switch_display(call: Call, host: str) -> str:
    call.pool.reach(host)
    name = call.message.name
    if name == "disable_display" and not features.enabled(call.pool, "Integrated_GPU"):
        raise Failure("FEATURE_RESTRICTED")
    call.db.set("host", host, display=switched(name, call.db.get("host", host, "display")))
    return str(call.db.get("host", host, "display"))


@method("host.syslog_reconfigure")
@method("host.send_debug_keys")
@method("PUSB.scan")
def without_trace(call: Call, host: str, *rest: str) -> None:
    call.db.row("host", host)
    call.pool.reach(host)
