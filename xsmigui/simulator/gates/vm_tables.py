"""What the gate of a VM looks up: which operations are possible in which state, and of which kinds of VMs.

Source: xapi 24.10 and 26.17, xapi_vm_lifecycle.ml.
"""

from __future__ import annotations

from typing import Final

ANY: Final = ("halted", "paused", "suspended", "running")
RUNNING: Final = ("running",)
HALTED: Final = ("halted",)
SUSPENDED: Final = ("suspended",)
WITH_MEMORY: Final = ("paused", "suspended", "running")
WITHOUT_DOMAIN: Final = ("halted", "suspended")

# allowed_power_states, in the order in which a refusal lists them; operations that are not here take any
POWER_STATES: Final[dict[str, tuple[str, ...]]] = {
    "import": (),
    **dict.fromkeys(
        ("changing_VCPUs", "changing_static_range", "changing_memory_limits", "changing_shadow_memory",
         "changing_NVRAM", "make_into_template", "provision", "start", "start_on", "clone", "copy", "create_vtpm"),
        HALTED,
    ),
    "unpause": ("paused",), "csvm": SUSPENDED, "resume": SUSPENDED, "resume_on": SUSPENDED,
    **dict.fromkeys(
        ("awaiting_memory_live", "call_plugin", "clean_reboot", "clean_shutdown", "changing_memory_live",
         "changing_shadow_memory_live", "changing_VCPUs_live", "data_source_op", "pause", "pool_migrate", "send_sysrq",
         "send_trigger", "snapshot_with_quiesce", "sysprep", "suspend"),
        RUNNING,
    ),
    "changing_dynamic_range": ("halted", "running"),
    "create_template": WITHOUT_DOMAIN, "destroy": WITHOUT_DOMAIN, "export": WITHOUT_DOMAIN,
    "hard_reboot": ("paused", "running"),
    "checkpoint": WITH_MEMORY, "get_boot_record": WITH_MEMORY, "shutdown": WITH_MEMORY,
    "hard_shutdown": WITH_MEMORY, "migrate_send": ("halted", "suspended", "running"),
}  # fmt: skip
RUNNING_TOO: Final = frozenset({"changing_VCPUs", "changing_static_range", "changing_memory_limits"})

# What allowed_operations may list: until 24.13 this, since 24.14 all operations but these (allowable_ops, ignored_ops)
LISTED: Final = (
    "create_vtpm", "changing_NVRAM", "changing_dynamic_range", "changing_shadow_memory", "changing_static_range",
    "make_into_template", "migrate_send", "pool_migrate", "changing_VCPUs_live", "provision", "destroy", "export",
    "resume_on", "resume", "suspend", "hard_reboot", "hard_shutdown", "clean_reboot", "clean_shutdown", "unpause",
    "pause", "start_on", "start", "snapshot_with_quiesce", "checkpoint", "revert", "clone", "copy", "snapshot",
)  # fmt: skip
NEVER_LISTED: Final = frozenset({
    "create_template", "power_state_reset", "csvm", "get_boot_record", "send_sysrq", "send_trigger", "query_services",
    "shutdown", "call_plugin", "changing_memory_live", "awaiting_memory_live", "changing_memory_limits",
    "changing_shadow_memory_live", "changing_VCPUs", "assert_operation_valid", "data_source_op",
    "update_allowed_operations", "import", "reverting",
})  # fmt: skip

TEMPLATE: Final = frozenset({
    "changing_dynamic_range", "changing_static_range", "changing_memory_limits", "changing_shadow_memory",
    "changing_VCPUs", "changing_NVRAM", "clone", "copy", "export", "metadata_export", "provision",
})  # fmt: skip
SNAPSHOT: Final = frozenset({
    "revert", "clone", "copy", "export", "destroy", "hard_shutdown", "metadata_export",
})  # fmt: skip
CONTROL_DOMAIN: Final = frozenset({
    "data_source_op", "changing_memory_live", "awaiting_memory_live", "metadata_export", "changing_dynamic_range",
    "changing_memory_limits", "changing_static_range", "start", "start_on", "changing_VCPUs", "destroy",
})  # fmt: skip
MOBILE: Final = frozenset({"suspend", "checkpoint", "pool_migrate", "migrate_send"})
# Guests that say one of these can be asked to
FEATURES: Final = {
    "clean_shutdown": ("feature-shutdown", "feature-poweroff"), "clean_reboot": ("feature-shutdown", "feature-reboot"),
    "changing_VCPUs_live": ("feature-vcpu-hotplug",), **dict.fromkeys(MOBILE, ("feature-suspend",)),
}  # fmt: skip
RESETS: Final = frozenset({"checkpoint", "snapshot", "suspend", "snapshot_with_quiesce"})
LONG_COPIES: Final = frozenset({"clone", "copy", "export"})
SNAPSHOTS: Final = frozenset({"snapshot", "checkpoint"})
BOOT_RECORD: Final = frozenset({"get_boot_record"})
# xapi_globs.ml, rpu_allowed_vm_operations
DURING_UPGRADE: Final = frozenset({
    "assert_operation_valid", "changing_memory_live", "changing_shadow_memory_live", "changing_VCPUs_live",
    "clean_reboot", "clean_shutdown", "clone", "copy", "csvm", "destroy", "export", "get_boot_record", "hard_reboot",
    "hard_shutdown", "import", "make_into_template", "migrate_send", "pause", "pool_migrate", "power_state_reset",
    "provision", "resume", "resume_on", "send_sysrq", "send_trigger", "start", "start_on", "suspend", "unpause",
    "update_allowed_operations",
})  # fmt: skip
