"""Exchanges recorded with a real xapi 24.10 and 26.17, replayed: all of them agree."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.holding import PATIENCE
from tests.simulated import Simulated
from tests.simulator.inside import SHARED

TOOL = SHARED / "tools" / "replay.py"
AGREEMENT = {
    "wire": 54, "records": 41, "events": 22, "tasks": 18, "gate": 40, "disks": 9, "lifecycle": 94, "motion": 68,
    "crosspool": 61, "matrix-2617": 222, "motion-2617": 50, "reading-2617": 140, "records-2617": 29,
}  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize("name", AGREEMENT)
@pytest.mark.skipif(not TOOL.exists(), reason="no transcripts beside the checkout")
def test_transcript(name: str) -> None:
    path = SHARED / "data" / "transcripts" / f"{name}.json"
    wanted = json.loads(path.read_text())["database"]
    databases = [SHARED / "data" / "pools" / d for d in (wanted if isinstance(wanted, list) else [wanted])]
    with Simulated.start(databases=databases, http=True) as site:
        urls = ",".join(p.url for p in site.pools)
        command = [sys.executable, str(TOOL), urls, "root", "secret", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        for pool in site.pools:  # a recording may take away what it has connected
            for vm in site.run(lambda pool=pool.pool: {row["name_label"] for row in pool.db.table("VM").values()}):  # type: ignore[misc]
                site.lets_go_of(vm)
    agreed = re.findall(r"^agree (\d+) of", done.stdout, re.MULTILINE)
    assert agreed, done.stderr
    assert int(agreed[0]) == AGREEMENT[name], done.stdout
