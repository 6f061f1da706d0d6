"""pool.join: every check that comes before it, from both sides, in xapi's order (xapi_pool.ml, pre_join_checks)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulator.inside import Client, clients
from xsmigui.simulator.methods import joining
from xsmigui.simulator.site import XapiPool

JOIN = ("pool.join", "10.9.9.9", "root", "secret")


async def _fit() -> tuple[Client, XapiPool]:
    """A host that may join the other pool: alone, idle, and of its kind."""
    (one, two) = await clients()
    here, there = one.pool, two.pool
    there.db.row("host", there.master)["address"] = "10.9.9.9"
    for host in [h for h in here.db.table("host") if h != here.master]:
        here.db.delete("host", host)
    own, other = here.db.row("host", here.master), there.db.row("host", there.master)
    own["software_version"], own["updates"] = dict(other["software_version"]), []
    for row in here.db.table("VM").values():
        if not row["is_control_domain"]:
            row["power_state"] = "Halted"
        elif row["resident_on"] == here.master:
            own["control_domain"] = next(r for r, v in here.db.table("VM").items() if v is row)
    for row in [v for v in here.db.table("VM").values() if v["is_control_domain"]]:
        row["power_state"] = "Running" if row["resident_on"] == here.master else "Halted"
    for row in here.db.table("SR").values():
        row["shared"] = False
    for cls in ("Bond", "tunnel", "network_sriov", "VLAN"):
        here.db.table(cls).clear()
    return one, there


Change = Callable[[XapiPool, XapiPool], Any]


def _own(pool: XapiPool, **fields: Any) -> None:
    pool.db.row("host", pool.master).update(fields)


def _version(pool: XapiPool, **keys: str) -> None:
    _own(pool, software_version={**pool.db.row("host", pool.master)["software_version"], **keys})


def _management(pool: XapiPool, **fields: Any) -> None:
    for pif in pool.db.get("host", pool.master, "PIFs"):
        if pool.db.get("PIF", pif, "management"):
            pool.db.row("PIF", pif).update(fields)


def _update(pool: XapiPool) -> None:
    ref = pool.db.create("pool_update", {"enforce_homogeneity": True})
    _own(pool, updates=[ref])


def _purposes(here: XapiPool, there: XapiPool) -> None:
    next(iter(here.db.table("network").values()))["purpose"] = ["nbd"]
    next(iter(there.db.table("network").values()))["purpose"] = ["insecure_nbd"]


def _no_plugin(here: XapiPool, there: XapiPool) -> None:
    kind = next(iter(there.db.table("SM").values()))["type"]
    for ref in [ref for ref, row in here.db.table("SM").items() if row["type"] == kind]:
        here.db.delete("SM", ref)


def _weaker_plugin(here: XapiPool, there: XapiPool) -> None:
    row = next(iter(there.db.table("SM").values()))
    row["features"] = {**row["features"], "VDI_CLONE": 7}


def _bad_domain(pool: XapiPool) -> None:
    next(v for v in pool.db.table("VM").values() if not v["is_control_domain"])["power_state"] = "Running"


def _busy(pool: XapiPool) -> None:
    next(iter(pool.db.table("VM").values()))["current_operations"] = {"OpaqueRef:task": "clone"}


REFUSED: list[tuple[str, Change, list[str]]] = [
    ("licence", lambda a, b: a.row["restrictions"].update(restrict_pooling="true"), ["LICENCE_RESTRICTION", "Pooling"]),
    ("management", lambda a, b: _management(a, management=False), ["HOST_STILL_BOOTING"]),
    ("ha", lambda a, b: a.row.update(ha_enabled=True), ["HA_IS_ENABLED"]),
    ("ha there", lambda a, b: b.row.update(ha_enabled=True), ["HA_IS_ENABLED"]),
    ("itself", lambda a, b: _own(a, uuid=b.db.get("host", b.master, "uuid")),
     ["OPERATION_NOT_ALLOWED", "Host cannot become slave of itself"]),
    ("others", lambda a, b: a.db.create("host", {}), ["JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS"]),
    ("running", lambda a, b: _bad_domain(a), ["JOINING_HOST_CANNOT_HAVE_RUNNING_VMS"]),
    ("busy", lambda a, b: _busy(a), ["JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS"]),
    ("guidance", lambda a, b: _own(a, pending_guidances=["reboot_host"]),
     ["HOST_PENDING_MANDATORY_GUIDANCES_NOT_EMPTY", "{here}"]),
    ("guidance there", lambda a, b: _own(b, pending_guidances=["reboot_host"]),
     ["HOST_PENDING_MANDATORY_GUIDANCES_NOT_EMPTY", "{there}"]),
    ("platform", lambda a, b: _version(a, platform_version="1.0"), ["HOSTS_NOT_COMPATIBLE"]),
    ("brand", lambda a, b: _version(a, product_brand="Other"), ["HOSTS_NOT_COMPATIBLE"]),
    ("software", lambda a, b: _version(a, xapi="1.0"), ["HOSTS_NOT_HOMOGENEOUS", "Software version differs"]),
    ("processor", lambda a, b: _own(a, cpu_info={"vendor": "Other"}), ["HOSTS_NOT_HOMOGENEOUS", "CPUs differ"]),
    ("shared", lambda a, b: next(iter(a.db.table("SR").values())).update(shared=True, is_tools_sr=False),
     ["JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS"]),
    ("bond", lambda a, b: a.db.create("Bond", {}), ["POOL_JOINING_HOST_HAS_BONDS"]),
    ("tunnel", lambda a, b: a.db.create("tunnel", {}), ["POOL_JOINING_HOST_HAS_TUNNELS"]),
    ("sriov", lambda a, b: a.db.create("network_sriov", {}), ["POOL_JOINING_HOST_HAS_NETWORK_SRIOVS"]),
    ("vlan", lambda a, b: a.db.create("VLAN", {"untagged_PIF": a.db.create("PIF", {"host": a.master})}),
     ["POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS"]),
    ("tag", lambda a, b: _management(a, VLAN=7), ["POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH", "7", "-1"]),
    ("users", lambda a, b: _own(a, external_auth_type="AD"), ["POOL_JOINING_EXTERNAL_AUTH_MISMATCH"]),
    ("switch", lambda a, b: _version(a, network_backend="bridge"),
     ["OPERATION_NOT_ALLOWED", "Network backends differ"]),
    ("sdn", lambda a, b: a.db.create("SDN_controller", {"address": "10.0.0.1"}),
     ["OPERATION_NOT_ALLOWED", "SDN controller differs"]),
    ("api", lambda a, b: _own(a, API_version_minor=99),
     ["POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION", "2.99", "2.21"]),
    ("schema", lambda a, b: _version(a, db_schema="1.0"),
     ["POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA", "1.0", "{schema}"]),
    ("updates", lambda a, b: _update(a),
     ["HOSTS_NOT_HOMOGENEOUS", "Updates on local host {name} and pool host {other} differ"]),
    ("address", lambda a, b: _management(a, primary_address_type="IPv6"),
     ["OPERATION_NOT_ALLOWED", "Primary address type differs"]),
    ("purpose", _purposes, ["OPERATION_NOT_ALLOWED", "Incompatible network purposes: nbd and insecure_nbd"]),
    ("trust", lambda a, b: a.row.update(tls_verification_enabled=not b.row["tls_verification_enabled"]),
     ["POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH"]),
    ("updating", lambda a, b: b.row.update(current_operations={"OpaqueRef:task": "apply_updates"}),
     ["NOT_SUPPORTED_DURING_UPGRADE"]),
    ("plug-in", _no_plugin, ["POOL_JOINING_SM_FEATURES_INCOMPATIBLE", "{sm}", ""]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "refused"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
async def test_what_keeps_a_host_out(change: Change, refused: list[str]) -> None:
    one, there = await _fit()
    here = one.pool
    named = {
        "here": here.master, "there": there.master, "sm": next(iter(there.db.table("SM"))),
        "name": here.db.get("host", here.master, "name_label"),
        "other": there.db.get("host", there.master, "name_label"),
        "schema": there.db.get("host", there.master, "software_version")["db_schema"],
    }  # fmt: skip
    change(here, there)
    assert await one.refused(*JOIN) == [text.format(**named) for text in refused]


async def test_a_weaker_plug_in_names_both() -> None:
    one, there = await _fit()
    _weaker_plugin(one.pool, there)
    code, theirs, ours = await one.refused(*JOIN)
    assert code == "POOL_JOINING_SM_FEATURES_INCOMPATIBLE"
    assert (there.db.has("SM", theirs), one.pool.db.has("SM", ours)) == (True, True)


async def test_a_host_that_fits_is_told_that_joining_is_not_simulated() -> None:
    one, there = await _fit()
    assert await one.refused(*JOIN) == ["NOT_IMPLEMENTED", "pool.join"]
    assert there.sessions.live.keys().isdisjoint({one.session})
    _version(one.pool, xapi="1.0")
    assert await one.refused("pool.join_force", *JOIN[1:]) == ["NOT_IMPLEMENTED", "pool.join_force"]


async def test_the_other_pool_is_asked_with_its_own_password() -> None:
    one, _ = await _fit()
    assert (await one.refused("pool.join", "10.9.9.9", "root", "wrong"))[0] == "SESSION_AUTHENTICATION_FAILED"
    assert await one.refused("pool.join", "10.1.1.1", "root", "secret") == ["JOINING_HOST_CONNECTION_FAILED"]


def test_every_check_has_a_case() -> None:
    assert len(joining.CHECKS) <= len(REFUSED)
