"""xsmigui moves virtual machines and virtual disks of XenServer, Citrix Hypervisor and XCP-ng pools."""

__version__ = "0.1.0"
