"""Rules about guests and their devices, what the scenario does not show."""

import pytest

from tests.core.migration.helpers import away, inside, problem, rules
from tests.core.site import TwoPools
from xsmigui.core.migration.defaults import resolve
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.migration.fixes import ShutDown
from xsmigui.core.migration.moves import Move
from xsmigui.core.migration.rules.guests import SCHEME, ipv6_kernel
from xsmigui.core.problems import Problem, Severity
from xsmigui.core.refs import VmRef


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def test_r02_where_the_kind_of_domain_is_not_known_it_warns(site: TwoPools) -> None:
    site.madrid.set(site.madrid.get(site.web).guest_metrics, PV_drivers_version={}, other={})
    site.madrid.set(site.madrid.get(site.web).metrics, current_domain_type="unspecified")
    found = problem(evaluate(site.site, inside(site, site.web)), "R02")
    assert (found.severity, "is not known" in found.message) == (Severity.warn, True)


def test_shutting_down_is_offered_where_the_server_lets(site: TwoPools) -> None:
    site.madrid.set(site.web, attached_PCIs=["OpaqueRef:pci"])
    found = problem(evaluate(site.site, inside(site, site.web)), "R70")
    assert found.remedy == ShutDown(pool=site.madrid.id, vm=site.web, vm_name="web")
    site.madrid.set(site.web, allowed_operations=["pool_migrate", "migrate_send"])
    assert problem(evaluate(site.site, inside(site, site.web)), "R70").fix == ""


def test_r70_virtual_functions_and_nvidia_s_exception(site: TwoPools) -> None:
    gpu = site.madrid.get(site.madrid.vgpu(site.web, "nvidia_sriov"))
    site.madrid.set(site.web, attached_PCIs=[gpu.PCI])
    assert "R70" not in rules(evaluate(site.site, inside(site, site.web)))
    site.madrid.set(site.web, attached_PCIs=[gpu.PCI, "OpaqueRef:vf"])
    assert "a PCI device" in problem(evaluate(site.site, inside(site, site.web)), "R70").message
    pif = site.madrid.get_all("PIF", network=site.m_lan)[0]
    site.madrid.set(pif, sriov_logical_PIF_of=["OpaqueRef:sriov"])
    message = problem(evaluate(site.site, inside(site, site.web)), "R70").message
    assert message == "web uses a virtual function (SR-IOV) of its host on LAN, which cannot move with it."


def test_r72_virtual_gpus(site: TwoPools) -> None:
    gpu = site.madrid.vgpu(site.web)
    sent = problem(evaluate(site.site, inside(site, site.web)), "R72")
    assert (sent.severity, "(1.0 GiB) is sent while web pauses" in sent.message) == (Severity.warn, True)
    site.madrid.set(site.madrid.get(gpu).resident_on, compatibility_metadata={})
    assert problem(evaluate(site.site, inside(site, site.web)), "R72").severity is Severity.block
    site.madrid.remove(site.madrid.get(gpu).type)
    assert problem(evaluate(site.site, inside(site, site.web)), "R72").severity is Severity.block
    site.madrid.set(site.files, VGPUs=["OpaqueRef:gone"])
    assert problem(evaluate(site.site, away(site, site.files)), "R72").severity is Severity.info
    inside_of_it = site.madrid.move(site.files, destination=site.madrid.id).on_same_sr(site.m_iscsi)
    assert "R72" not in rules(evaluate(site.site, inside_of_it))
    assert "R72" not in rules(evaluate(site.site, inside(site, site.db)))


def test_r74_virtual_tpm(site: TwoPools) -> None:
    site.madrid.set(site.web, VTPMs=["OpaqueRef:tpm"])
    assert problem(evaluate(site.site, away(site, site.web)), "R74").severity is Severity.info
    assert "R74" not in rules(evaluate(site.site, inside(site, site.web)))
    old = site.lisboa.get(site.l1).software_version | {"platform_version": "3.2.1"}
    site.lisboa.set(site.l1, software_version=old)
    found = [p for p in evaluate(site.site, away(site, site.web)).problems if p.rule == "R74"]
    assert [p.severity for p in found] == [Severity.block]


def disk_move(site: TwoPools, vm: VmRef) -> Move:
    (move,) = resolve(site.site, inside(site, vm)).moves
    return move


def kernel(site: TwoPools) -> list[Problem]:
    return list(ipv6_kernel.check(disk_move(site, site.web)))


def test_r75_ipv6_and_old_kernels(site: TwoPools) -> None:
    """It fires for old kernels, says where the kernel is not known, and is silent otherwise. The server knows nothing
    of it."""
    guest = site.madrid.get(site.web).guest_metrics
    assert kernel(site) == []
    site.madrid.set(guest, networks={"0/ipv6/0": "fd00::2"}, os_version={"distro": "rhel", "uname": "2.6.32-754"})
    assert [p.severity for p in kernel(site)] == [Severity.warn]
    site.madrid.set(guest, os_version={"distro": "rhel"})
    assert [p.severity for p in kernel(site)] == [Severity.info]
    site.madrid.set(guest, os_version={"distro": "debian", "uname": "6.1.0-18-amd64"})
    assert kernel(site) == []
    site.madrid.set(guest, os_version={"distro": "windows", "uname": "2.6"})
    assert kernel(site) == []
    assert list(ipv6_kernel.check(disk_move(site, site.files))) == []


def test_r18_what_is_certain_and_what_is_a_guess(site: TwoPools) -> None:
    assert "R18" not in rules(evaluate(site.site, away(site, site.web)))
    site.madrid.set("OpaqueRef:Madrid/VDI/web 0", name_label="web Identity Disk")
    guess = problem(evaluate(site.site, away(site, site.web)), "R18")
    assert (guess.severity, "web Identity Disk" in guess.message) == (Severity.warn, True)
    site.madrid.set("OpaqueRef:Madrid/VDI/web 0", tags=[f"{SCHEME}: 1"])
    certain = problem(evaluate(site.site, away(site, site.web)), "R18")
    assert (certain.severity, f"{SCHEME} on web Identity Disk" in certain.message) == (Severity.block, True)
    assert "R18" not in rules(evaluate(site.site, inside(site, site.web)))
