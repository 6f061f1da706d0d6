"""What changed with a release of xapi, as far as it decides what this program does or says.

A server's release is that of the host which answers: the coordinator's for its calls, the source's or the destination's
for what they do in a migration. While a pool is being upgraded its hosts differ.
"""

from collections.abc import Mapping
from enum import Enum
from functools import lru_cache

from xsmigui.core.inventory import Inventory
from xsmigui.core.units import whole


@lru_cache(maxsize=256)
def version_of(text: str) -> tuple[int, ...]:
    """A version as xapi compares it: integers split at dots and at the first dash, other parts dropped
    (xapi helpers.ml: ``4.17.5-20-d`` is 4.17.5.20)."""
    head, _sep, rest = text.partition("-")
    parts = [*head.split("."), *rest.split("-")[0].split(".")] if rest else head.split(".")
    return tuple(number for part in parts if (number := whole(part)) is not None)


class Since(Enum):
    """The first release that has a change, each with where it is in xapi's source."""

    MOVES_DISKS_WHILE_DISABLED = "1.301.0"
    """The disks of a running VM may move though its host is disabled; before, HOST_DISABLED
    (xapi_vm_helpers.ml, assert_can_boot_here, is_local_live_migration)."""
    HTTPS_DISKS = "22.32.0"
    """Disks travel over port 443; before, over port 80 (8.2 CU1 has it with the hotfix XS82ECU1033)."""
    IMPORT_CHECKS_PROCESSOR = "24.40.0"
    """The destination compares the processor when it imports a VM that is not halted, its snapshots with memory
    included; before, the source did, of the VM alone (import.ml, needs_cpu_check)."""
    MIRRORS_INTO_NEWER_DRIVERS = "25.3.0"
    """The destination of a storage migration must know VDI_MIRROR_IN, which VDI_MIRROR counts as; before, VDI_MIRROR
    itself (xapi_vm_migrate.ml, assert_sr_support_operations). SRs of the newer driver kind can receive."""
    CBT_ONLY_WHERE_MOVING = "25.15.0"
    """Disks that stay may have changed block tracking (xapi_vm_migrate.ml, assert_can_migrate)."""
    NO_BALLOONING_AT_HOME = "25.18.0"
    """A migration on the same host leaves the guest the memory that it has (xenops_server.ml)."""
    MIRRORS_FROM_NEWER_DRIVERS = "25.20.0"
    """SRs of the newer driver kind can send (storage_smapiv3_migrate.ml, CP-307922)."""
    REASONS_OF_GUESTS = "25.24.0"
    """`data-cant-suspend-reason` refuses a migration; a PV driver that was seen proves nothing, until 25.27
    (xapi_vm_lifecycle.ml, check_op_for_feature)."""
    DRIVERS_COUNT_AGAIN = "25.27.0"
    """A PV driver that was seen stands for all features once more, beside the guest's reason."""
    DISABLED_FOR_GOOD = "25.31.0"
    """`host.disable` takes `auto_enable`; with false the host stays disabled after its reboot (xapi_host.ml)."""
    MEMORY_PER_VCPU = "26.3.0"
    """38 pages for each vCPU are counted beside the guest's memory (memory.ml, overhead_mib)."""
    REFRESHED_SESSIONS = "26.6.0"
    """The session at the destination is kept alive; before, it ends after 24 hours without a call."""
    GUESTS_MATTER_LIVE = "26.13.0"
    """The guest's reason counts while it runs or is paused only (xapi_vm_lifecycle.ml)."""
    SENDS_WITHOUT_ROOM = "26.14.0"
    """A VM that does not run can leave its pool though no host there could start it: any host that sees its SRs sends
    it (message_forwarding.ml, migrate_send)."""
    CHOOSES_FORMATS = "26.15.0"
    """`VM.migrate_send` takes `vdi_format_map`, the image format of each disk at the destination."""


def knows(software: Mapping[str, str], change: Since) -> bool:
    """A host with this `software_version` has the change; one that does not name its build is older than all."""
    return version_of(software.get("xapi_build", "")) >= version_of(change.value)


def pool_knows(inventory: Inventory, change: Since) -> bool:
    """The pool's coordinator has the change."""
    coordinator = inventory.host.get(inventory.pool.master)
    return coordinator is not None and knows(coordinator.software_version, change)
