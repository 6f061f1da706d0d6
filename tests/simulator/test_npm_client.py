"""Xen Orchestra's client `xen-api`, from npm: it connects over TLS, caches everything, follows events, and migrates."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.holding import PATIENCE
from tests.simulated import Simulated

pytestmark = pytest.mark.node

SCRIPT = """
import { createClient } from 'xen-api'
const [here, there] = JSON.parse(process.env.POOLS).map(pool => createClient({
  url: pool.url, auth: { user: pool.user, password: pool.password }, allowUnauthorized: true, watchEvents: true,
}))
const pick = (xapi, type, name) =>
  Object.values(xapi.objects.all).find(o => o.$type === type && o.name_label === name)
await Promise.all([here.connect(), there.connect()])
await Promise.all([here.objectsFetched, there.objectsFetched])
const vm = pick(here, 'VM', 'web-02')
const counted = Object.values(here.objects.all).filter(o => o.$type === 'VM').length
const network = pick(there, 'network', 'Storage'), guests = pick(there, 'network', 'Guests')
const sr = pick(there, 'SR', 'NFS Lisboa'), host = there.pool.$master
const dest = await there.call('host.migrate_receive', host.$ref, network.$ref, {})
const vdis = {}, vifs = {}
for (const vbd of vm.$VBDs) if (vbd.type === 'Disk') vdis[vbd.VDI] = sr.$ref
for (const vif of vm.VIFs) vifs[vif] = guests.$ref
const uuid = vm.uuid
const arrived = new Promise(resolve => {
  const look = objects => Object.values(objects).forEach(o => {
    if (o?.$type === 'VM' && o.uuid === uuid && o.power_state === 'Running') resolve(o)
  })
  there.objects.on('add', look)
  there.objects.on('update', look)
})
const gone = new Promise(resolve => here.objects.on('remove', objects => { if (uuid in objects) resolve() }))
const task = await here.callAsync('VM.migrate_send', vm.$ref, dest, true, vdis, vifs, {})
const [object] = await Promise.all([arrived, gone])
console.log(JSON.stringify({ counted, uuid, arrived: object.uuid, state: object.power_state, task }))
await Promise.all([here.disconnect(), there.disconnect()])
process.exit(0)
"""


LIFE = """
import { createClient } from 'xen-api'
const xapis = JSON.parse(process.env.POOLS).map(pool => createClient({
  url: pool.url, auth: { user: pool.user, password: pool.password }, allowUnauthorized: true, watchEvents: true,
}))
const [here, there] = xapis
await Promise.all(xapis.map(xapi => xapi.connect()))
await Promise.all(xapis.map(xapi => xapi.objectsFetched))
const pick = (xapi, type, name) =>
  Object.values(xapi.objects.all).find(o => o.$type === type && o.name_label === name)
const until = async (xapi, ref, test) => {
  while (!test(xapi.getObject(ref, undefined))) await new Promise(resolve => setTimeout(resolve, 20))
}
const states = []
const reached = async (xapi, ref, state) => {
  await until(xapi, ref, vm => vm?.power_state === state)
  states.push(state)
}
const origin = pick(here, 'VM', 'web-01')
const snapshot = await here.callAsync('VM.snapshot', origin.$ref, 'for the client', [])
const ref = await here.callAsync('VM.clone', snapshot, 'a life')
await here.callAsync('VM.provision', ref)
await until(here, ref, vm => vm !== undefined && !vm.is_a_template)
const made = here.getObject(ref)
await here.setField('VM', ref, 'name_description', 'made by a client')
await here.setFieldEntries('VM', ref, 'other_config', { 'auto_poweron': 'true' })
await here.call('VM.set_memory_limits', ref, 2 ** 29, 2 ** 30, 2 ** 30, 2 ** 30)
await here.call('VM.set_VCPUs_at_startup', ref, 1)
await here.callAsync('VM.start', ref, false, false)
await reached(here, ref, 'Running')
for (const [method, state] of [['pause', 'Paused'], ['unpause', 'Running'], ['suspend', 'Suspended']]) {
  await here.callAsync(`VM.${method}`, ref)
  await reached(here, ref, state)
}
await here.callAsync('VM.resume', ref, false, false)
await reached(here, ref, 'Running')
await here.callAsync('VM.clean_reboot', ref)
await reached(here, ref, 'Running')
const home = here.getObject(ref).resident_on
const other = (await here.call('VM.get_possible_hosts', ref)).find(host => host !== home)
await here.callAsync('VM.pool_migrate', ref, other, { live: 'true' })
await until(here, ref, vm => vm.resident_on === other)
const dest = await there.call('host.migrate_receive', there.pool.master, pick(there, 'network', 'Storage').$ref, {})
const vdis = {}, vifs = {}, vm = here.getObject(ref)
for (const vbd of vm.$VBDs) if (vbd.type === 'Disk') vdis[vbd.VDI] = pick(there, 'SR', 'NFS Lisboa').$ref
for (const vif of vm.VIFs) vifs[vif] = pick(there, 'network', 'Guests').$ref
const arrived = await here.callAsync('VM.migrate_send', ref, dest, true, vdis, vifs, {})
await reached(there, arrived, 'Running')
await there.callAsync('VM.hard_shutdown', arrived)
await reached(there, arrived, 'Halted')
const disks = there.getObject(arrived).$VBDs.filter(vbd => vbd.type === 'Disk').map(vbd => vbd.VDI)
await there.callAsync('VM.destroy', arrived)
for (const disk of disks) await there.callAsync('VDI.destroy', disk)
await until(there, arrived, vm => vm === undefined)
console.log(JSON.stringify({ states, description: vm.name_description, base: made.other_config.base_template_name }))
await Promise.all(xapis.map(xapi => xapi.disconnect()))
process.exit(0)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    npm = shutil.which("npm")
    assert npm is not None, "npm is not installed"
    place = tmp_path_factory.mktemp("npm")
    (place / "package.json").write_text('{"name": "probe", "private": true, "type": "module"}')
    command = [npm, "install", "--no-audit", "--no-fund", "--no-progress", "--ignore-scripts", "xen-api@4.7.6"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        pytest.skip(f"xen-api cannot be had: {done.stderr.strip().splitlines()[-1:]}")
    (place / "probe.js").write_text(SCRIPT)
    (place / "life.js").write_text(LIFE)
    return place


def test_it_caches_follows_and_migrates(folder: Path) -> None:
    node = shutil.which("node")
    assert node is not None
    with Simulated.start("two-pools") as site:
        pools = [{"url": p.url, "user": p.user, "password": p.password} for p in site.pools]
        count = site.run(lambda: len(site.pools[0].pool.db.table("VM")))
        environment = {**os.environ, "POOLS": json.dumps(pools)}
        done = subprocess.run(
            [node, "probe.js"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        told = json.loads(done.stdout.strip().splitlines()[-1])
        assert told["counted"] == count
        assert (told["arrived"], told["state"]) == (told["uuid"], "Running")
        assert not site.call(0, "VM.get_by_name_label", "web-02")


def test_the_life_of_a_vm(folder: Path) -> None:
    node = shutil.which("node")
    assert node is not None
    with Simulated.start("two-pools") as site:
        pools = [{"url": p.url, "user": p.user, "password": p.password} for p in site.pools]
        environment = {**os.environ, "POOLS": json.dumps(pools)}
        done = subprocess.run(
            [node, "life.js"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        told = json.loads(done.stdout.strip().splitlines()[-1])
        assert told["states"] == [
            "Running", "Paused", "Running", "Suspended", "Running", "Running", "Running", "Halted",
        ]  # fmt: skip
        site.lets_go_of("a life")
        assert (told["description"], told["base"]) == ("made by a client", "for the client")
