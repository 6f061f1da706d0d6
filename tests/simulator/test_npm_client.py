"""Xen Orchestra's client `xen-api`, from npm: it connects over TLS, caches everything, follows events, and migrates."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    npm = shutil.which("npm")
    assert npm is not None, "npm is not installed"
    place = tmp_path_factory.mktemp("npm")
    (place / "package.json").write_text('{"name": "probe", "private": true, "type": "module"}')
    command = [npm, "install", "--no-audit", "--no-fund", "--no-progress", "--ignore-scripts", "xen-api"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (place / "probe.js").write_text(SCRIPT)
    return place


def test_it_caches_follows_and_migrates(folder: Path) -> None:
    node = shutil.which("node")
    assert node is not None
    with Simulated.start("two-pools") as site:
        pools = [{"url": p.url, "user": p.user, "password": p.password} for p in site.pools]
        count = site.run(lambda: len(site.pools[0].pool.db.table("VM")))
        environment = {**os.environ, "POOLS": json.dumps(pools)}
        done = subprocess.run(
            [node, "probe.js"], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        told = json.loads(done.stdout.strip().splitlines()[-1])
        assert told["counted"] == count
        assert (told["arrived"], told["state"]) == (told["uuid"], "Running")
        assert not site.call(0, "VM.get_by_name_label", "web-02")
