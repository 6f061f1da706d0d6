"""pool: what is set of it beside high availability, and its certificates (xapi 24.10 and 26.17: xapi_pool.ml,
certificates.ml, and the locks of message_forwarding.ml)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import EPOCH, NULL, Failure
from xsmigui.simulator.gates import pool as gate
from xsmigui.simulator.gates.pifs import assert_address
from xsmigui.simulator.methods.locking import operation


@asynccontextmanager
async def on_pool(call: Call, op: str) -> AsyncIterator[None]:
    """One of these at a time; while the body runs, the pool says what is done to it."""

    def check() -> None:
        gate.assert_valid(call.pool, op, ignore=call.task)

    async with operation(call, "pool", call.pool.ref, op, check):
        yield


def _assert_vswitch(call: Call) -> None:
    if call.db.get("host", call.pool.master, "software_version").get("network_backend") != "openvswitch":
        raise Failure("OPENVSWITCH_NOT_ACTIVE")


# -- networks and guests -----------------------------------------------------------------------------------------------


@method("pool.set_igmp_snooping_enabled")
def set_snooping(call: Call, pool: str, value: bool) -> None:
    if value:
        features.assert_enabled(call.pool, "IGMP_snooping")
    _assert_vswitch(call)
    call.db.set("pool", pool, igmp_snooping_enabled=value)


CONTROLLER_PORT: Final = 6632


@method("pool.set_vswitch_controller")
def set_controller(call: Call, address: str) -> None:
    """Takes the place of the SDN controller that is there."""
    if call.db.get("host", call.pool.master, "software_version").get("network_backend") != "openvswitch":
        raise Failure("OPERATION_NOT_ALLOWED", "host not configured for vswitch operation")
    if call.pool.row["vswitch_controller"] == address:
        return
    if address:
        assert_address("address", address, 4)
    call.db.set("pool", call.pool.ref, vswitch_controller=address)
    for ref in list(call.db.table("SDN_controller"))[:1]:
        call.db.delete("SDN_controller", ref)
    if address:
        call.db.create("SDN_controller", {"protocol": "ssl", "address": address, "port": CONTROLLER_PORT})


@method("pool.add_to_guest_agent_config")
def add_agent_setting(call: Call, pool: str, key: str, value: str) -> None:
    """Whether guests' tools bring themselves up to date, and from where."""
    known = {
        "auto_update_enabled": value in {"true", "false"},
        "auto_update_url": value.lower().startswith(("http:", "https:")),
    }
    if not known.get(key):
        raise Failure("INVALID_VALUE", "guest_agent_config", f"{key} = {value}")
    call.db.add_to("pool", pool, "guest_agent_config", key, value)


@method("pool.remove_from_guest_agent_config")
def remove_agent_setting(call: Call, pool: str, key: str) -> None:
    call.db.remove_from("pool", pool, "guest_agent_config", key)


_DEPRECATED: Final = "Setting UEFI certificates is deprecated, please use `set_custom_uefi_certificates`"
_NOT_CUSTOM: Final = "Setting UEFI certificates is not possible when allow_custom_uefi_certs is false"


@method("pool.set_uefi_certificates")
@method("pool.set_custom_uefi_certificates")
def set_uefi_certificates(call: Call, pool: str, value: str) -> None:
    raise Failure("OPERATION_NOT_ALLOWED", _NOT_CUSTOM if "custom" in call.message.name else _DEPRECATED)


@method("pool.disable_ssl_legacy")
@method("pool.set_local_auth_max_threads")
@method("pool.set_ext_auth_max_threads")
def without_trace(call: Call, pool: str, *value: object) -> None:
    """Nothing that a record shows."""


# -- who logs in -------------------------------------------------------------------------------------------------------


@method("pool.set_ext_auth_cache_size")
@method("pool.set_ext_auth_cache_expiry")
def set_cache(call: Call, pool: str, value: int) -> None:
    field = call.message.name.removeprefix("set_")
    name = field.rpartition("_")[2]
    if value < (0 if name == "size" else 1):
        raise Failure("INVALID_VALUE", name, value)
    call.db.set("pool", pool, **{field: value})


# -- telemetry and updates ---------------------------------------------------------------------------------------------

_WITHIN: Final = {"daily": 2, "weekly": 14, "monthly": 62}  # days


@method("pool.set_telemetry_next_collection")
def set_next_collection(call: Call, pool: str, value: str) -> None:
    frequency = call.db.get("pool", pool, "telemetry_frequency")
    latest = datetime.fromtimestamp(call.pool.clock.unix(), UTC) + timedelta(days=_WITHIN[frequency])
    digits = re.sub(r"[^0-9]", "", value)[:14]
    if datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC) > latest:
        raise Failure("TELEMETRY_NEXT_COLLECTION_TOO_LATE", value)
    call.db.set("pool", pool, telemetry_next_collection=value)


def _origins(call: Call, repositories: list[str]) -> set[str]:
    return {call.db.get("Repository", ref, "origin") for ref in repositories}


def _assert_single(call: Call, repositories: list[str]) -> None:
    """A bundle, or another pool, is the only source of updates."""
    if len(repositories) > 1 and _origins(call, repositories) - {"remote"}:
        raise Failure("REPO_SHOULD_BE_SINGLE_ONE_ENABLED")


def _set_repositories(call: Call, pool: str, repositories: list[str]) -> None:
    """When a repository is added, or none is left, the pool counts as never synchronised."""
    present = call.db.get("pool", pool, "repositories")
    added = [ref for ref in repositories if ref not in present]
    for ref in added:
        call.db.set("Repository", ref, hash="")
    call.db.set("pool", pool, repositories=repositories)
    if added or not repositories:
        call.db.set("pool", pool, last_update_sync=EPOCH)
    if not repositories:
        for host in call.db.table("host"):
            call.db.set("host", host, latest_synced_updates_applied="unknown")
    if _origins(call, repositories) - {"remote"}:
        call.db.set("pool", pool, update_sync_enabled=False)


@method("pool.set_repositories")
async def set_repositories(call: Call, pool: str, value: list[str]) -> None:
    async with on_pool(call, "configure_repositories"):
        _assert_single(call, value)
        _set_repositories(call, pool, value)


@method("pool.add_repository")
async def add_repository(call: Call, pool: str, ref: str) -> None:
    async with on_pool(call, "configure_repositories"):
        present = call.db.get("pool", pool, "repositories")
        if ref not in present:
            _assert_single(call, [ref, *present])
            _set_repositories(call, pool, [ref, *present])


@method("pool.remove_repository")
async def remove_repository(call: Call, pool: str, ref: str) -> None:
    async with on_pool(call, "configure_repositories"):
        call.db.remove_member("pool", pool, "repositories", ref)
        if not call.db.get("pool", pool, "repositories"):
            call.db.set("pool", pool, last_update_sync=EPOCH)


@method("pool.set_update_sync_enabled")
def set_sync_enabled(call: Call, pool: str, value: bool) -> None:
    repositories = call.db.get("pool", pool, "repositories")
    if value:
        if not repositories:
            raise Failure("NO_REPOSITORIES_CONFIGURED")
        if "bundle" in _origins(call, repositories):
            raise Failure("CAN_NOT_PERIODIC_SYNC_UPDATES")
    call.db.set("pool", pool, update_sync_enabled=value)


# -- secrets and certificates ------------------------------------------------------------------------------------------


@method("pool.rotate_secret")
def rotate_secret(call: Call) -> None:
    """All hosts get another one; who is logged in stays."""
    features.assert_enabled(call.pool, "Pool_secret_rotation")
    if call.pool.row["current_operations"]:
        names = "; ".join(call.pool.row["current_operations"].values())
        raise Failure("INTERNAL_ERROR", f"pool operations in progress: [ {names} ]")
    for refuse, code in (
        (call.pool.row["ha_enabled"], "HA_IS_ENABLED"), (call.pool.rolling_upgrade(), "NOT_SUPPORTED_DURING_UPGRADE"),
    ):  # fmt: skip
        if refuse:
            raise Failure(code)
    for host in call.db.table("host"):
        if not call.pool.live(host):
            raise Failure("CANNOT_CONTACT_HOST", host)


@method("pool.enable_tls_verification")
async def verify_certificates(call: Call) -> None:
    async with on_pool(call, "tls_verification_enable"):
        features.assert_enabled(call.pool, "Certificate_verification")
        for host in call.db.table("host"):
            call.pool.reach(host)
        for host in call.db.table("host"):
            call.db.set("host", host, tls_verification_enabled=True)
        call.db.set("pool", call.pool.ref, tls_verification_enabled=True)


_UNSAFE: Final = re.compile(r"\.|.*[^A-Za-z0-9._-].*|", re.DOTALL)


def _assert_name(kind: str, name: str) -> None:
    """Letters, digits, dots, dashes and underscores, and no path."""
    if _UNSAFE.fullmatch(name) or ".." in name:
        raise Failure(f"{kind}_NAME_INVALID", name)


def _read(pem: str, kind: str) -> x509.Certificate:
    try:
        made = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise Failure(f"{kind}_INVALID") from None
    return made


def _assert_in_time(call: Call, made: x509.Certificate, kind: str) -> None:
    """Judged by the pool's clock; dates as xapi writes them."""
    now = datetime.fromtimestamp(call.pool.clock.unix(), UTC)
    said = "%Y-%m-%dT%H:%M:%SZ"
    if now < made.not_valid_before_utc:
        raise Failure(f"{kind}_NOT_VALID_YET", now.strftime(said), made.not_valid_before_utc.strftime(said))
    if now > made.not_valid_after_utc:
        raise Failure(f"{kind}_EXPIRED", now.strftime(said), made.not_valid_after_utc.strftime(said))


def _record(call: Call, made: x509.Certificate, **values: object) -> str:
    said = "%Y%m%dT%H:%M:%SZ"
    digest = made.fingerprint(hashes.SHA256()).hex(":").upper()
    row = {
        "host": NULL, "fingerprint": digest, "fingerprint_sha256": digest,
        "not_before": made.not_valid_before_utc.strftime(said), "not_after": made.not_valid_after_utc.strftime(said),
        **values,
    }  # fmt: skip
    known = call.db.schema.classes["Certificate"].fields
    return call.db.create("Certificate", {k: v for k, v in row.items() if k in known})


def _authorities(call: Call) -> dict[str, str]:
    rows = call.db.table("Certificate").items() if "Certificate" in call.db.tables else ()
    return {row["name"]: ref for ref, row in rows if row["type"] == "ca" and row["name"]}


@method("pool.install_ca_certificate")
@method("pool.certificate_install")
def install_authority(call: Call, name: str, pem: str) -> None:
    made = _read(pem, "CA_CERTIFICATE")
    _assert_in_time(call, made, "CA_CERTIFICATE")
    _assert_name("CERTIFICATE", name)
    if name in _authorities(call):
        raise Failure("CERTIFICATE_ALREADY_EXISTS", name)
    _record(call, made, name=name, type="ca")


@method("pool.uninstall_ca_certificate")
@method("pool.certificate_uninstall")
def remove_authority(call: Call, name: str, force: bool = False) -> None:
    _assert_name("CERTIFICATE", name)
    ref = _authorities(call).get(name)
    if ref is not None:
        call.db.delete("Certificate", ref)
    elif not force:
        raise Failure("CERTIFICATE_DOES_NOT_EXIST", name)


@method("pool.certificate_list")
def authorities(call: Call) -> list[str]:
    return list(_authorities(call))


@method("pool.crl_install")
def install_revocations(call: Call, name: str, pem: str) -> None:
    _assert_name("CRL", name)
    if name in call.pool.revocations:
        raise Failure("CRL_ALREADY_EXISTS", name)
    call.pool.revocations[name] = pem


@method("pool.crl_uninstall")
def remove_revocations(call: Call, name: str) -> None:
    _assert_name("CRL", name)
    if name not in call.pool.revocations:
        raise Failure("CRL_DOES_NOT_EXIST", name)
    del call.pool.revocations[name]


@method("pool.crl_list")
def revocations(call: Call) -> list[str]:
    return list(call.pool.revocations)


@method("pool.certificate_sync")
def sync_certificates(call: Call) -> None:
    """All hosts have the same ones."""
    for host in call.db.table("host"):
        call.pool.reach(host)


@method("pool.install_trusted_certificate")
async def trust(call: Call, pool: str, authority: bool, pem: str, purposes: list[str]) -> str:
    async with on_pool(call, "copy_primary_host_certs"):
        made = _read(pem, "TRUSTED_CERTIFICATE")
        _assert_in_time(call, made, "TRUSTED_CERTIFICATE")
        if not authority and not purposes:
            raise Failure("CERTIFICATE_LACKS_PURPOSE")
        return _record(call, made, name="", type="ca" if authority else "pinned", purpose=purposes)


@method("pool.uninstall_trusted_certificate")
async def distrust(call: Call, pool: str, certificate: str) -> None:
    async with on_pool(call, "copy_primary_host_certs"):
        if call.db.get("Certificate", certificate, "type") not in {"ca", "pinned"}:
            raise Failure("NOT_TRUSTED_CERTIFICATE", certificate)
        call.db.delete("Certificate", certificate)


# -- the log of changes, external users --------------------------------------------------------------------------------


@method("pool.enable_redo_log")
def enable_redo_log(call: Call, sr: str) -> None:
    """On a disk of its own."""
    if not call.db.has("SR", sr):
        text = "failed to create a VDI for the redo log on the SR with the given UUID."
        raise Failure("CANNOT_ENABLE_REDO_LOG", text)
    call.db.set("pool", call.pool.ref, redo_log_enabled=True)


@method("pool.disable_redo_log")
def disable_redo_log(call: Call) -> None:
    call.db.set("pool", call.pool.ref, redo_log_enabled=False)


@method("pool.enable_external_auth")
def enable_external_users(call: Call, pool: str, config: dict[str, str], service: str, kind: str) -> None:
    """No directory service answers here."""
    for host, row in call.db.table("host").items():
        if row["external_auth_type"]:
            raise Failure("POOL_AUTH_ALREADY_ENABLED", host)
    hosts = [call.pool.master, *(h for h in call.db.table("host") if h != call.pool.master)]
    if len({call.db.get("host", h, "hostname") for h in hosts}) < len(hosts):
        text = "At least two hosts in the pool have the same hostname"
        raise Failure("POOL_AUTH_ENABLE_FAILED_DUPLICATE_HOSTNAME", hosts[0], text)
    if kind == "AD":
        features.assert_enabled(call.pool, "AD")
    raise Failure("NOT_IMPLEMENTED", call.message.full)


@method("pool.disable_external_auth")
@method("host.disable_external_auth")
def disable_external_users(call: Call, ref: str, config: dict[str, str], *force: bool) -> None:
    """There are none."""
    if call.message.cls == "host":
        call.pool.reach(ref)
