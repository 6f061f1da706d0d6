"""A move with a short stop from the wizard's first page to its end, with the real program and a simulated site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import driven
from tests.ui.programs import by_name, connected, next_page, ready, running, wizard_on
from xsmigui.core.jobs import State
from xsmigui.core.problems import Page
from xsmigui.core.verified import What


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


@driven
async def test_a_vm_whose_disks_cannot_be_mirrored(qapp: QApplication, home: Path, site: Simulated) -> None:
    """It goes on running, on the same host, with its disks elsewhere; nothing of ours is left on the server."""
    db = site["Madrid"].pool.db

    def found() -> dict[str, Any]:
        return site.run(lambda: next(dict(v) for v in db.table("VM").values() if v["name_label"] == "backup-cbt"))

    async with running(qapp, home) as program:
        await connected(program, site)
        before = found()
        wizard = await wizard_on(program, "backup-cbt")
        by_name(wizard.pages[Page.destination].combo, "Madrid")  # type: ignore[attr-defined]
        while wizard.page is not Page.storage:
            await next_page(wizard)
        page: Any = wizard.pages[Page.storage]
        page.same.click()
        by_name(page.combo, "iSCSI Madrid")
        await until(lambda: page.stopping.isVisible() and page.stopping.check.isEnabled())
        assert not wizard.next.isEnabled()
        page.stopping.check.click()
        page.stopping.minutes.setValue(2)
        while wizard.next.isVisible():
            await next_page(wizard)
        await ready(wizard)
        await until(wizard.finish.isEnabled)
        wizard.finish.click()
        await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
        job = program.jobs.all()[0]
        assert job.plan.short_stop == 2
        (vm,) = job.vms
        assert (vm.state, vm.verified) == (State.done, True), vm.message
        assert "backup-cbt was down for" in vm.message
        assert any(item.what is What.content for item in vm.items), "proved, before or after"
    after = found()
    assert (after["power_state"], after["resident_on"]) == ("Running", before["resident_on"])
    assert after["blocked_operations"] == before["blocked_operations"]
    assert after["snapshots"] == before["snapshots"]
    assert not [key for key in after["other_config"] if key.startswith("xsmigui")]
