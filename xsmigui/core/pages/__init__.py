"""What the tabs of pools, hosts, SRs and VMs list, as plain rows: computed for the object that is shown, and pure, so
that a thread may compute them."""
