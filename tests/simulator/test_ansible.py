"""Ansible's modules for these servers (community.general): the life of a VM, from a snapshot to its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Final

import pytest

from tests.simulated import ServedPool, Simulated

pytestmark = [pytest.mark.ansible, pytest.mark.timeout(900)]

WHEEL: Final = "ansible==14.5.0"  # its community.general is 13.5.0
PARTS: Final = (
    "plugins/modules/xenserver",
    "plugins/module_utils/",
    "plugins/doc_fragments/",
    "meta/",
    "MANIFEST.json",
)
NAME: Final = "made by Ansible"


def _pip(python: Path | str, *arguments: str) -> None:
    done = subprocess.run(
        [str(python), "-m", "pip", *arguments], capture_output=True, text=True, timeout=400, check=False
    )
    if done.returncode:
        pytest.skip(f"Ansible's packages cannot be had: {done.stderr.strip().splitlines()[-1:]}")


@pytest.fixture(scope="module")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with Ansible, and the collection out of the big package, whatever Python that one wants."""
    place = tmp_path_factory.mktemp("ansible")
    subprocess.run([sys.executable, "-m", "venv", str(place / "venv")], check=True, timeout=200)
    python = place / "venv" / "bin" / "python"
    _pip(python, "install", "--quiet", "ansible-core", "XenAPI")
    _pip(python, "download", "--quiet", "--no-deps", "--ignore-requires-python", "--dest", str(place), WHEEL)
    (wheel,) = place.glob("ansible-*.whl")
    with zipfile.ZipFile(wheel) as package:
        start = "ansible_collections/community/general/"
        names = [n for n in package.namelist() if n.startswith(tuple(start + part for part in PARTS))]
        assert '"13.5.0"' in package.read(f"{start}MANIFEST.json").decode()
        package.extractall(place / "collections", names)
    wheel.unlink()
    return place


def _play(pool: ServedPool, template: str) -> list[dict[str, Any]]:
    access = {"hostname": pool.url, "username": pool.user, "password": pool.password, "validate_certs": False}

    def task(module: str, **values: Any) -> dict[str, Any]:
        return {
            "name": str(values.get("state", module)),
            f"community.general.{module}": {**access, "name": NAME, **values},
        }

    states = ("suspended", "powered-on", "restarted", "shutdown-guest", "powered-on", "reboot-guest", "powered-off")
    made = {"template": template, "name_desc": "from a snapshot", "hardware": {"num_cpus": 2, "memory_mb": 1024}}
    changed = {"hardware": {"num_cpus": 1, "memory_mb": 2048}, "networks": [{"name": "Guests"}],
               "disks": [{"size_gb": 60}], "cdrom": {"type": "none"}}  # fmt: skip
    return [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [
        task("xenserver_guest", state="present", **made), task("xenserver_guest", state="poweredon"),
        task("xenserver_guest_info"), *(task("xenserver_guest_powerstate", state=state) for state in states),
        task("xenserver_guest", state="present", **changed), task("xenserver_guest_info"),
    ]}]  # fmt: skip


def _run(ansible: Path, play: list[dict[str, Any]]) -> None:
    path = ansible / "play.json"
    path.write_text(json.dumps(play))
    python = ansible / "venv" / "bin" / "python"
    environment = {
        **os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ansible / "collections"), "HOME": str(ansible),
        "ANSIBLE_PYTHON_INTERPRETER": str(python), "ANSIBLE_LOCALHOST_WARNING": "false", "LC_ALL": "C.UTF-8",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }  # fmt: skip
    done = subprocess.run(
        [str(python.parent / "ansible-playbook"), str(path)], env=environment, cwd=ansible, capture_output=True,
        text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "failed=0" in done.stdout


def test_the_life_of_a_vm(ansible: Path) -> None:
    with Simulated.start("two-pools", http=True) as site:
        pool = site.pools[0]
        (vm,) = site.call(0, "VM.get_by_name_label", "web-01")
        snapshot = site.call(0, "VM.snapshot", vm, "golden", [])
        assert site.call(0, "VM.get_is_a_template", snapshot)
        _run(ansible, _play(pool, "golden"))
        (made,) = site.call(0, "VM.get_by_name_label", NAME)
        record = site.call(0, "VM.get_record", made)
        assert (record["power_state"], record["is_a_template"], record["name_description"]) == (
            "Halted", False, "from a snapshot",
        )  # fmt: skip
        assert record["other_config"]["base_template_name"] == "golden"
        assert (record["VCPUs_max"], record["memory_static_max"]) == (1, 2 << 30)
        (disk,) = [site.call(0, "VBD.get_VDI", v) for v in record["VBDs"] if site.call(0, "VBD.get_type", v) == "Disk"]
        assert site.call(0, "VDI.get_virtual_size", disk) == 60 << 30
        site.lets_go_of(NAME)
        end = _play(pool, "golden")[0] | {"tasks": [{"community.general.xenserver_guest": {
            "hostname": pool.url, "username": pool.user, "password": pool.password, "validate_certs": False,
            "name": NAME, "state": "absent", "force": True,
        }}]}  # fmt: skip
        _run(ansible, [end])
        assert site.call(0, "VM.get_by_name_label", NAME) == []
