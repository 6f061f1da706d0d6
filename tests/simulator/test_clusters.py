"""Clusters, and what a pool refuses while something goes on with it (xapi_cluster*.ml, xapi_pool_helpers.ml)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.inside import Client, clients
from tests.simulator.test_schema_walk import newest
from xsmigui.simulator.failures import NULL


async def _three(profile: str = "") -> tuple[Client, str]:
    """The pool of three hosts, its management interfaces fit for a cluster, and their network."""
    one, _ = await clients()
    db = one.pool.db
    for restriction in ("restrict_corosync",):
        db.set("pool", one.pool.ref, restrictions={**one.pool.row["restrictions"], restriction: "false"})
    for ref, pif in db.table("PIF").items():
        if pif["management"]:
            db.set("PIF", ref, disallow_unplug=True, currently_attached=True, IP=pif["IP"] or "10.0.0.1")
    network = next(pif["network"] for pif in db.table("PIF").values() if pif["management"])
    return one, network


async def test_a_cluster_of_all_hosts_comes_and_goes() -> None:
    one, network = await _three()
    db = one.pool.db
    cluster = await one("Cluster.pool_create", network, "corosync", 20.0, 1.0)
    members = await one("Cluster.get_cluster_hosts", cluster)
    assert len(members) == len(db.table("host"))
    assert await one("Cluster.get_network", cluster) == network
    assert await one("pool.get_ha_cluster_stack", one.pool.ref) == "corosync"
    assert sorted(await one("Cluster.get_allowed_operations", cluster)) == [
        "add", "destroy", "disable", "enable", "remove",
    ]  # fmt: skip
    first = next(m for m in members if db.get("Cluster_host", m, "host") == one.pool.master)
    other = next(m for m in members if m != first)
    await one("Cluster_host.disable", other)
    assert await one("Cluster_host.get_enabled", other) is False
    assert await one.refused("Cluster_host.destroy", other) == ["CLUSTERING_DISABLED", other]
    await one("Cluster_host.enable", other)
    assert await one.refused("Cluster.destroy", cluster) == ["CLUSTER_DOES_NOT_HAVE_ONE_NODE", str(len(members))]
    pif = db.get("Cluster_host", other, "PIF")
    again = await one.refused("Cluster.create", pif, "corosync", True, 20.0, 1.0)
    assert again == ["CLUSTER_ALREADY_EXISTS"]
    await one("Cluster.pool_destroy", cluster)
    assert not db.table("Cluster")
    assert not db.table("Cluster_host")
    assert await one("pool.get_ha_cluster_stack", one.pool.ref) == "xhad"


async def test_what_a_cluster_refuses() -> None:
    one, _ = await _three()
    db = one.pool.db
    pif = next(ref for ref, row in db.table("PIF").items() if row["host"] == one.pool.master and row["management"])

    async def refused(*changes: Any) -> list[str]:
        given = dict(zip(("pif", "stack", "timeout", "coefficient"), (pif, "corosync", 20.0, 1.0), strict=True))
        given |= dict(zip(changes[::2], changes[1::2], strict=True))
        return await one.refused(
            "Cluster.create", given["pif"], given["stack"], True, given["timeout"], given["coefficient"]
        )

    assert await refused("stack", "heartbeat") == ["INVALID_CLUSTER_STACK", "heartbeat"]
    assert await refused("timeout", 0.5) == ["INVALID_VALUE", "token_timeout", "0.5"]
    assert await refused("coefficient", 0.5) == ["INVALID_VALUE", "token_timeout_coefficient", "0.5"]
    for change, code in (
        ({"IP": ""}, "PIF_HAS_NO_NETWORK_CONFIGURATION"), ({"currently_attached": False}, "REQUIRED_PIF_IS_UNPLUGGED"),
        ({"disallow_unplug": False}, "PIF_ALLOWS_UNPLUG"),
    ):  # fmt: skip
        db.set("PIF", pif, **change)
        assert await refused() == [code, pif]
    db.set("pool", one.pool.ref, restrictions={**one.pool.row["restrictions"], "restrict_corosync": "true"})
    assert await refused() == ["LICENCE_RESTRICTION", "Corosync"]
    db.set("pool", one.pool.ref, other_config={"rolling_upgrade_in_progress": ""})
    assert await refused() == ["NOT_SUPPORTED_DURING_UPGRADE"]
    db.set("pool", one.pool.ref, other_config={}, ha_enabled=True)
    assert await refused() == ["INCOMPATIBLE_CLUSTER_STACK_ACTIVE", one.pool.row["ha_cluster_stack"]]
    assert not db.table("Cluster")


_EACH = (
    ("ha_enable", "HA_ENABLE_IN_PROGRESS"), ("ha_disable", "HA_DISABLE_IN_PROGRESS"),
    ("cluster_create", "CLUSTER_CREATE_IN_PROGRESS"), ("designate_new_master", "DESIGNATE_NEW_MASTER_IN_PROGRESS"),
    ("tls_verification_enable", "TLS_VERIFICATION_ENABLE_IN_PROGRESS"),
    ("configure_repositories", "CONFIGURE_REPOSITORIES_IN_PROGRESS"), ("sync_updates", "SYNC_UPDATES_IN_PROGRESS"),
    ("apply_updates", "APPLY_UPDATES_IN_PROGRESS"),
)  # fmt: skip


@pytest.mark.parametrize(("running", "code"), _EACH)
async def test_one_operation_of_the_pool_at_a_time(running: str, code: str) -> None:
    one = await newest()
    pool = one.pool.ref
    one.pool.lock_timeout_s = 0.0
    one.pool.db.set("pool", pool, current_operations={"OpaqueRef:task": running})
    slow = next((h for h in one.pool.db.table("host") if h != one.pool.master), one.pool.master)
    for call, *values in (
        ("pool.enable_ha", [], {}), ("pool.disable_ha",), ("pool.designate_new_master", slow),
        ("pool.set_repositories", pool, []), ("pool.enable_tls_verification",),
    ):  # fmt: skip
        assert await one.refused(call, *values) == [code], call
    assert await one("pool.get_allowed_operations", pool) == []
    assert (await one.refused("pool.eject", slow))[0] == "OTHER_OPERATION_IN_PROGRESS"


async def test_a_secret_that_is_to_change_holds_everything_up() -> None:
    one = await newest()
    one.pool.db.set("pool", one.pool.ref, is_psr_pending=True)
    for call, *values in (("pool.enable_ha", [], {}), ("pool.set_repositories", one.pool.ref, [])):
        assert await one.refused(call, *values) == ["POOL_SECRET_ROTATION_PENDING"]


async def test_high_availability_and_the_operations_of_the_pool() -> None:
    one = await newest()
    allowed = await one("pool.get_allowed_operations", one.pool.ref)
    assert "ha_disable" not in allowed
    assert {"ha_enable", "cluster_create", "designate_new_master", "eject"} <= set(allowed)
    assert await one.refused("pool.disable_ha") == ["HA_NOT_ENABLED"]
    one.pool.db.set("pool", one.pool.ref, ha_enabled=True)
    assert await one.refused("pool.enable_ha", [], {}) == ["HA_IS_ENABLED"]
    assert await one.refused("pool.enable_tls_verification") == ["HA_IS_ENABLED"]
    assert await one.refused("pool.rotate_secret") == ["HA_IS_ENABLED"]
    assert await one.refused("host.management_disable") == ["HA_IS_ENABLED"]
    assert NULL not in await one("pool.get_allowed_operations", one.pool.ref)


async def test_settings_of_hosts() -> None:
    one = await newest()
    host = one.pool.master
    for call, value, wanted in (
        ("set_hostname_live", "", ["HOST_NAME_INVALID", "hostname empty"]),
        ("set_hostname_live", "x" * 256, ["HOST_NAME_INVALID", "hostname is too long"]),
        ("set_hostname_live", "a_b", ["HOST_NAME_INVALID", "hostname contains invalid characters"]),
        ("set_hostname_live", "-ab", ["HOST_NAME_INVALID", "hostname contains invalid characters"]),
        ("set_iscsi_iqn", "", ["INVALID_VALUE", "value", ""]),
        ("set_max_cstate", "x", ["INVALID_VALUE", "max_cstate", "x"]),
        ("set_console_idle_timeout", -1, ["INVALID_VALUE", "console_timeout", "-1"]),
        ("set_ssh_enabled_timeout", 172801, ["INVALID_VALUE", "ssh_enabled_timeout", "172801"]),
    ):  # fmt: skip
        assert await one.refused(f"host.{call}", host, value) == wanted, call
        one.pool.db.set("host_metrics", one.pool.db.get("host", host, "metrics"), live=False)
        other = await one.refused(f"host.{call}", host, value)
        one.pool.db.set("host_metrics", one.pool.db.get("host", host, "metrics"), live=True)
        assert other == ["HOST_OFFLINE", host], call
    await one("host.set_iscsi_iqn", host, "iqn.2026-01.example:a")
    assert (await one("host.get_other_config", host))["iscsi_iqn"] == "iqn.2026-01.example:a"


async def test_names_of_certificates() -> None:
    one = await newest()
    for name in ("", "../x", "a b", "."):
        assert await one.refused("pool.crl_install", name, "text") == ["CRL_NAME_INVALID", name]
    await one("pool.crl_install", "a.pem", "text")
    assert await one.refused("pool.crl_install", "a.pem", "text") == ["CRL_ALREADY_EXISTS", "a.pem"]
    assert await one("pool.crl_list") == ["a.pem"]
    await one("pool.crl_uninstall", "a.pem")
    assert await one.refused("pool.crl_uninstall", "a.pem") == ["CRL_DOES_NOT_EXIST", "a.pem"]
    refused = await one.refused("pool.install_ca_certificate", "a.pem", "no certificate")
    assert refused[0].startswith("CA_CERTIFICATE")
    missing = await one.refused("pool.uninstall_ca_certificate", "a.pem", False)
    assert missing == ["CERTIFICATE_DOES_NOT_EXIST", "a.pem"]
    await one("pool.uninstall_ca_certificate", "a.pem", True)
