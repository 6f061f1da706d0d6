"""Version profiles: what differs between the releases that a site may run (docs/xapi.md)."""

from __future__ import annotations

from dataclasses import dataclass, field

from xsmigui.simulator.encryption import ANY, RSA_ONLY, Encryption
from xsmigui.simulator.schema import Release, release

_FEATURES = "1fc3cbf5-f7fa3203-2c100800-00000121-00000001-001c0fbb-00000000-00000000-00000000-00000000-00000000"


@dataclass(frozen=True, slots=True)
class Profile:
    """One release. `release` is xapi's own version; older releases than 24.10 answer with 24.10's fields."""

    name: str
    product: str
    platform: str
    xapi_build: str
    xen: str
    hotfixes: tuple[str, ...] = ()
    features: str = _FEATURES
    brand: str = "XenServer"
    software: dict[str, str] = field(default_factory=dict)
    encryption: Encryption = ANY

    @property
    def release(self) -> Release:
        return release(self.xapi_build)

    def at_least(self, version: str) -> bool:
        return self.release >= release(version)

    @property
    def software_version(self) -> dict[str, str]:
        """host.software_version, the keys that clients and the version rule read."""
        return {
            "product_version": self.product, "product_version_text": self.product,
            "product_version_text_short": self.product, "platform_name": "XCP", "platform_version": self.platform,
            "product_brand": self.brand, "build_number": "release", "xapi": ".".join(self.xapi_build.split(".")[:2]),
            "xapi_build": self.xapi_build, "xen": self.xen, "linux": "4.19.0+1", "network_backend": "openvswitch",
            "date": "2026-01-01", "hostname": "localhost", "db_schema": "5.775", **self.software,
        }  # fmt: skip

    # -- behaviour that came with a release ------------------------------------------------------------------------

    @property
    def has_certificates(self) -> bool:
        """The class Certificate (stockholm, 8.2)."""
        return self.at_least("1.249.0")

    @property
    def moves_disks_while_disabled(self) -> bool:
        """The disks of a VM that runs may move on its own host though that is disabled (1.301, xapi_vm_helpers.ml)."""
        return self.at_least("1.301.0")

    @property
    def names_missing_capabilities(self) -> bool:
        """SR_DOES_NOT_SUPPORT_MIGRATION has a second parameter (26.1)."""
        return self.at_least("26.1.0")

    @property
    def wraps_storage_errors(self) -> bool:
        """A full SR during a mirror ends as INTERNAL_ERROR instead of SR_BACKEND_FAILURE_44 (25.17)."""
        return self.at_least("25.17.0")

    @property
    def cbt_only_where_moving(self) -> bool:
        """Disks that stay where they are may have changed block tracking (25.15)."""
        return self.at_least("25.15.0")

    @property
    def drops_old_licences(self) -> bool:
        """A copy with the drivers from Windows Update needs no licence of its own any more (24.14)."""
        return self.at_least("24.14.0")

    @property
    def tools_matter_only_live(self) -> bool:
        """feature-suspend and the guest's refusal are asked of running VMs only (26.13)."""
        return self.at_least("26.13.0")

    @property
    def knows_cant_suspend(self) -> bool:
        """A guest can say why it must not be suspended: VM_NON_SUSPENDABLE (25.24)."""
        return self.at_least("25.24.0")

    @property
    def drivers_imply_features(self) -> bool:
        """A PV driver that was seen stands for all features; not from 25.24 to 25.26 (xapi_vm_lifecycle.ml)."""
        return not self.at_least("25.24.0") or self.at_least("25.27.0")

    @property
    def counts_vcpu_pages(self) -> bool:
        """Xen's own pages for each VCPU count in the memory overhead (26.3)."""
        return self.at_least("26.3.0")

    @property
    def names_other_operations(self) -> bool:
        """OTHER_OPERATION_IN_PROGRESS names class, reference, operation and task (25.27)."""
        return self.at_least("25.27.0")

    @property
    def sends_without_room(self) -> bool:
        """A VM that does not run leaves its pool though no host there could start it (26.14, message_forwarding.ml)."""
        return self.at_least("26.14.0")

    @property
    def imports_check_processors(self) -> bool:
        """The destination compares processors, of snapshots with memory too; before, the source did (24.40)."""
        return self.at_least("24.40.0")

    @property
    def mirrors_into_newer_drivers(self) -> bool:
        """The destination's SR needs VDI_MIRROR_IN, before 25.3 VDI_MIRROR itself (xapi_vm_migrate.ml)."""
        return self.at_least("25.3.0")

    @property
    def whole_version_rule(self) -> bool:
        """platform_version, xapi_build and xen count (25.31); before, platform_version alone (helpers.ml)."""
        return self.at_least("25.31.0")

    @property
    def compares_upgrades_apart(self) -> bool:
        """In a rolling upgrade the platform and xapi's version count (25.33, helpers.ml, Checks.RPU)."""
        return self.at_least("25.33.0")

    @property
    def names_unprotected_vm(self) -> bool:
        """HOST_EVACUATE_VM_NOT_HA_PROTECTED (26.17)."""
        return self.at_least("26.17.0")

    @property
    def keeps_tags(self) -> bool:
        """Moved disks keep their tags (after 26.17.0)."""
        return self.at_least("26.17.1")


PROFILES: dict[str, Profile] = {
    p.name: p
    for p in (
        Profile("7.1", "7.1.1", "2.2.0", "1.14.39", "4.7.1-1.5", brand="XenServer", encryption=RSA_ONLY),
        Profile("7.1-cu2", "7.1.2", "2.3.0", "1.14.44", "4.7.6-6.14", brand="XenServer"),
        Profile("8.0", "8.0.0", "3.0.0", "1.160.1", "4.11.1-7.8", brand="Citrix Hypervisor"),
        Profile("8.2-cu1", "8.2.1", "3.2.1", "1.249.32", "4.13.5-9.30", brand="Citrix Hypervisor"),
        Profile(
            "8.2-cu1-1033", "8.2.1", "3.2.1", "1.249.38", "4.13.5-9.40", ("XS82ECU1033",), brand="Citrix Hypervisor"
        ),
        Profile("8.4", "8.4.0", "3.4.0", "24.10.0", "4.17.3-6"),
        Profile("25.33", "8.4.0", "3.4.0", "25.33.1", "4.17.5-20"),
        Profile("26.17", "9.0.0", "3.5.0", "26.17.0", "4.20.1-3"),
    )
}
DEFAULT = PROFILES["8.4"]


__all__ = ["DEFAULT", "PROFILES", "Profile"]
