"""Small random sites on the simulator, each from a number: two pools, what may be wrong with them, and a draft.

`python -m tests.randomsite 20000 [FIRST]` judges and carries out so many and tells what it found.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from random import Random
from typing import Any

from tests.judged import Judge
from xsmigui.core.failures import ServerFailure
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.moves import own_disks
from xsmigui.core.migration.plan import draft_of, same_intent
from xsmigui.core.refs import HostRef, NetworkRef, PoolId, SrRef, VmRef
from xsmigui.simulator.clock import Clock
from xsmigui.simulator.failures import NULL
from xsmigui.simulator.profiles import PROFILES
from xsmigui.simulator.scenarios.builder import SECOND_FEATURES, Builder, Disk
from xsmigui.simulator.site import Site as SimulatedSite


class Contradiction(AssertionError):
    """The program and the simulated server disagree."""


def pool(site: SimulatedSite, dice: Random, name: str) -> None:
    """A pool of one to three hosts with a few VMs, most of it as it should be."""
    profile = PROFILES["8.4" if dice.random() < 0.1 else "25.33"]
    b = Builder(site, name, seed=dice.random(), profile=profile)
    for n in range(dice.randint(1, 3)):
        odd = dice.random() < 0.05
        host = b.host(
            f"{name}-{n}",
            memory=dice.choice([4, 8, 16]),
            cpus=dice.choice([2, 8]),
            vendor="AuthenticAMD" if odd else "GenuineIntel",
            features=SECOND_FEATURES if odd else None,
        )
        b.row("host", host)["enabled"] = dice.random() > 0.05
    count = len(b.hosts)
    management = b.network("Management", bridge="xenbr0")
    b.nic(management, "eth0", [f"10.1.0.{n + 1}" for n in range(count)], management=True)
    if dice.random() < 0.7:
        storage = b.network("Storage", bridge="xenbr1")
        b.nic(storage, "eth1", [f"10.2.0.{n + 1}" if dice.random() > 0.1 else None for n in range(count)])
    guests = [b.network("Guests", bridge="xenbr2")]
    b.nic(guests[0], "eth2", [None] * count)
    if dice.random() < 0.3:
        guests.append(b.network("Internal", bridge="xapi1"))
    srs = []
    for n in range(dice.randint(1, 3)):
        kind = dice.choice(["nfs", "ext", "lvmoiscsi", "lvm"])
        local = kind in ("ext", "lvm")
        seen = [dice.choice(b.hosts)] if local else None
        away = [dice.choice(b.hosts)] if dice.random() < 0.05 else []
        srs.append(b.sr(f"{kind}-{n}", kind, dice.choice([40, 200, 1000]), hosts=seen, unplugged=away))
    isos = b.sr("ISOs", "iso", 10, content="iso", hosts=None if dice.random() > 0.3 else b.hosts[:1])
    for n in range(dice.randint(1, 3)):
        vm(b, dice, f"vm-{n}", srs, guests, isos)
    b.finish(default_sr=dice.choice([*srs, NULL]))


def vm(b: Builder, dice: Random, name: str, srs: list[str], guests: list[str], isos: str) -> None:
    state = dice.choice(["Running", "Running", "Running", "Halted", "Halted", "Suspended", "Suspended", "Paused"])
    host = dice.choice(b.hosts) if state in ("Running", "Paused") else NULL
    seen = [sr for sr in srs if _sees(b, host, sr)] if host != NULL else srs
    if not seen:
        state, host, seen = "Halted", NULL, srs
    disk: dict[str, Any] = {}
    trouble = dice.random()
    if trouble < 0.04:
        disk = {"cbt_enabled": True}
    elif trouble < 0.08:
        disk = {"on_boot": "reset"}
    elif trouble < 0.12:
        disk = {"sm_config": {"key_hash": "ab"}}
    fields: dict[str, Any] = {}
    if dice.random() < 0.05:
        fields["platform"] = {"nomigrate": "true"}
    if dice.random() < 0.05:
        fields["blocked_operations"] = {"migrate_send": "no", "pool_migrate": "no"}
    if dice.random() < 0.05:
        fields["hardware_platform_version"] = 7
    if dice.random() < 0.1:
        fields["ha_restart_priority"] = "restart"
    ref = b.vm(
        name,
        host=host,
        state=state,
        memory=dice.choice([0.5, 1, 3]),
        vcpus=dice.choice([1, 1, 2, 4]),
        disks=[Disk(dice.choice(seen), dice.choice([1, 8, 30]), 0.5, **dict(disk)) for _ in range(dice.randint(0, 2))],
        networks=[dice.choice(guests) for _ in range(dice.randint(0, 2))],
        tools=dice.random() > 0.05,
        cd=b.vdi("cd.iso", Disk(isos, 0.1)) if dice.random() < 0.2 and (host == NULL or _sees(b, host, isos)) else None,
        kind=dice.choice(["hvm", "hvm", "hvm", "pv"]),
        image_sr=dice.choice(srs),
        **fields,
    )
    for n in range(dice.choice([0, 0, 0, 1, 2])):
        b.snapshot(ref, f"{name} snapshot {n}")
    if dice.random() < 0.04:
        b.add("VUSB", VM=ref, USB_group=b.add("USB_group", name_label="USB"), currently_attached=True)
    if dice.random() < 0.04:
        b.add("VTPM", VM=ref, persistence_backend="xapi")


def _sees(b: Builder, host: str, sr: str) -> bool:
    rows = b.rows["PBD"].values()
    return any(row["host"] == host and row["SR"] == sr and row["currently_attached"] for row in rows)


def draft(dice: Random, site: Site) -> Draft:
    """A draft of one or two VMs with some choices made."""
    source, target = dice.choice(list(site.pools)), dice.choice(list(site.pools))
    here, there = site.pools[source], site.pools[target]
    vms = [ref for ref, _record in here.user_vms()]
    made = Draft(source, tuple(dice.sample(vms, min(len(vms), dice.choice([1, 1, 2])))), PoolId(target))
    for ref in made.vms:
        if dice.random() < 0.5:
            made = made.on(ref, HostRef(dice.choice(list(there.host))))
    way = dice.random()
    disks = [disk for ref in made.vms for disk in own_disks(here, ref)]
    srs = [ref for ref, sr in there.SR.items() if sr.content_type != "iso" or dice.random() < 0.1]
    if way < 0.3:
        made = made.on_same_sr(SrRef(dice.choice(srs)))
    elif way < 0.5 and disks:
        for disk in disks:
            made = made.placing(disk, SrRef(dice.choice(srs)))
    elif way < 0.6:
        made = made.keeping_disks()
    if dice.random() < 0.1:
        made = made.over(NetworkRef(dice.choice(list(there.network))))
    return made.starting(dice.random() < 0.2)


async def check(number: int) -> Evaluation:
    """The properties of one random site. Raises `Contradiction`."""
    dice = Random(number)
    site = SimulatedSite(Clock(0))
    for name in ("one", "two"):
        pool(site, dice, name)
    judge = await Judge.of(site)
    known = judge.site()
    chosen = draft(dice, known)
    first = evaluate(known, chosen)
    again = evaluate(known, chosen)
    if (first.problems, first.questions, first.pages) != (again.problems, again.questions, again.pages):
        raise Contradiction(f"site {number}: the same draft was judged in two ways")
    found = await judge.judged(chosen, known)
    if (found.plan is None) != any(p.blocks for p in found.problems):
        raise Contradiction(f"site {number}: a plan and a block, or neither")
    unsaid = [p for p in found.problems if p.source == "server" and p.blocks]
    if unsaid:
        raise Contradiction(f"site {number}: only the server knew of {unsaid[0].raw} ({unsaid[0].message})")
    if found.plan is None:
        return found
    once_more = await judge.judged(draft_of(found.plan, known), known)
    if once_more.plan is None or not same_intent(once_more.plan, found.plan):
        raise Contradiction(f"site {number}: the plan means something else when it is read again")
    try:
        await judge.carry_out(found.plan)
    except ServerFailure as refusal:
        raise Contradiction(f"site {number}: accepted, and refused with {refusal}") from None
    _arrived(number, found, judge)
    return found


def _arrived(number: int, found: Evaluation, judge: Judge) -> None:
    assert found.plan is not None
    target = judge.site().pools[PoolId(found.plan.target.uuid)]
    for move in found.plan.moves:
        refs = target.find("VM", move.vm.uuid)
        if not refs:
            raise Contradiction(f"site {number}: {move.vm.name} is not where it should be")
        record = target.VM[VmRef(refs[0])]
        if move.power_state == "Running" and record.resident_on != move.host.ref:
            raise Contradiction(f"site {number}: {move.vm.name} runs somewhere else")
        lying = sorted(vdi.SR for _vbd, _ref, vdi in target.disks(VmRef(refs[0])))
        if lying != sorted(disk.target.ref for disk in move.disks if not disk.follows):
            raise Contradiction(f"site {number}: the disks of {move.vm.name} lie somewhere else")


def main(count: int, first: int = 0) -> None:
    seen: Counter[str] = Counter()
    for number in range(first, first + count):
        try:
            found = asyncio.run(check(number))
        except Contradiction as wrong:
            print(wrong)
            seen["wrong"] += 1
            continue
        seen["plan" if found.plan else "no plan"] += 1
        seen.update({p.rule for p in found.problems if p.blocks})
    print(dict(seen))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
