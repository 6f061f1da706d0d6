"""What a VM's platform flags must be for it to start (xapi 24.10 and 26.17: xapi_vm.ml, start; vm_platform.ml)."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator import features
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.tables import Row
from xsmigui.simulator.types import int64

_MODELS: Final = frozenset({"qemu-upstream-compat", "qemu-upstream-uefi", "qemu-upstream"})
_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0"})


def assert_startable(pool: Pool, vm: Row, *, force: bool) -> None:
    """INVALID_VALUE, MEMORY_CONSTRAINT_VIOLATION_MAXPIN or VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE."""
    platform = vm["platform"]
    uefi = boots_uefi(vm)
    if vm["VUSBs"]:
        _assert_model_for_usb(platform)
    nested = platform.get("nested-virt", "false").lower()
    if not force and nested in _TRUE:
        _assert_pinned(vm)
    if nested not in _TRUE | _FALSE:
        raise Failure("INVALID_VALUE", "platform:nested-virt", platform["nested-virt"])
    if nested in _TRUE:
        features.assert_enabled(pool, "Nested_virt")
    _assert_firmware(platform, uefi=uefi)
    if vm["domain_type"] in {"hvm", "pv_in_pvh", "pvh"}:
        _assert_whole_sockets(vm)


def _assert_model_for_usb(platform: dict[str, str]) -> None:
    model = platform.get("device-model", "undefined")
    if model not in _MODELS:
        raise Failure("INVALID_VALUE", "platform:device-model when vm has VUSBs", model)


def _assert_pinned(vm: Row) -> None:
    """With nested virtualisation the guest's memory stays as it is."""
    low, high = vm["memory_static_min"], vm["memory_static_max"]
    if not low <= vm["memory_dynamic_min"] == vm["memory_dynamic_max"] == high:
        raise Failure("MEMORY_CONSTRAINT_VIOLATION_MAXPIN", "nested virt")


def boots_uefi(vm: Row) -> bool:
    """With UEFI rather than BIOS; INVALID_VALUE for any other word (xapi_xenops.ml, firmware_of_vm)."""
    firmware = vm["HVM_boot_params"].get("firmware", "bios")
    if firmware not in {"bios", "uefi"}:
        raise Failure("INVALID_VALUE", "HVM-boot-params['firmware']", firmware)
    return bool(firmware == "uefi")


def _assert_firmware(platform: dict[str, str], *, uefi: bool) -> None:
    model = platform.get("device-model")
    if model == "qemu-trad" and uefi:
        raise Failure("INVALID_VALUE", "platform:device-model", "UEFI boot is not supported with qemu-trad")
    if model == "qemu-upstream-uefi" and not uefi:
        raise Failure("INVALID_VALUE", "platform:device-model", "BIOS boot is not supported with qemu-upstream-uefi")


def _assert_whole_sockets(vm: Row) -> None:
    """VCPUs_max is a multiple of the cores of a socket."""
    cores = vm["platform"].get("cores-per-socket")
    if cores is None:
        return
    try:
        number = int64(cores)
    except ValueError:
        raise Failure("INVALID_VALUE", "platform:cores-per-socket", cores) from None
    if number < 1 or vm["VCPUs_max"] % number:
        raise Failure("VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE", vm["VCPUs_max"], cores)
