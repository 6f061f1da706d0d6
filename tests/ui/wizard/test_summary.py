"""Summary of a batch: a paragraph first, a line for each VM, details only where they are wanted."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtWidgets import QPushButton

from tests.core.site import TwoPools
from tests.ui.driving import child, driven
from tests.ui.wizard.desk import Desk
from tests.ui.wizard.test_batch import crowd
from xsmigui.core.problems import Page
from xsmigui.ui.wizard.summary import SummaryPage

GIB = 1 << 30


async def summary_of(desk: Desk) -> SummaryPage:
    await desk.answered()
    await desk.go_to(Page.summary)
    page = desk.wizard.pages[Page.summary]
    assert isinstance(page, SummaryPage)
    return page


@driven
async def test_one_vm_is_shown_whole() -> None:
    site = TwoPools()
    desk = Desk(site, site.web, destination=site.lisboa.id)
    page = await summary_of(desk)
    text = page.view.toPlainText()
    assert text.startswith("1 VM → Lisboa; ")
    assert "Storage network" in text
    assert not page.all.isVisible()
    desk.close()


@pytest.mark.parametrize("number", [40, 200])
def test_a_batch_begins_with_its_sums_and_has_a_line_for_each_vm(number: int, drive: object) -> None:
    async def work() -> None:
        site = TwoPools()
        vms = crowd(site, number)
        for ref in site.madrid.get_all("VDI"):
            site.madrid.set(ref, physical_utilisation=GIB // 4)
        for host in site.lisboa.get_all("host_metrics"):
            site.lisboa.set(host, memory_total=4096 * GIB)
        for sr in site.lisboa.get_all("SR"):
            site.lisboa.set(sr, physical_size=1 << 50, physical_utilisation=0, virtual_allocation=0)
        desk = Desk(site, *vms, destination=site.lisboa.id)
        page = await summary_of(desk)
        first = page.view.toPlainText().splitlines()[0]
        assert first.startswith(f"{number} VMs → Lisboa; {number} disks: ")
        assert "of it written." in first
        assert "Estimate: " in first
        assert f"{number - 3} VMs will wait in the queue" in first
        assert page.view.toPlainText().count("▸") == number
        assert "<table" not in page._shown
        page.view.anchorClicked.emit(QUrl("1"))
        assert page._shown.count("<table") == 1
        assert page.view.toPlainText().count("▾") == 1
        every = child(page, QPushButton, "allDetailsButton")
        every.click()
        assert page._shown.count("<table") == number
        every.click()
        assert "<table" not in page._shown
        desk.close()

    drive(work())  # type: ignore[operator]
