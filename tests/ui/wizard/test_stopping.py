"""The choice of a short stop on the wizard's page Storage."""

from __future__ import annotations

from tests.core.site import TwoPools
from tests.ui.driving import driven
from tests.ui.wizard.desk import Desk
from xsmigui.core.problems import Page


@driven
async def test_it_is_offered_where_disks_of_a_running_vm_move_inside_the_pool() -> None:
    site = TwoPools()
    site.madrid.set(site.m_iscsi, sm_config={"use_vhd": "true"})
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.madrid.id)
    await desk.go_to(Page.storage)
    page = desk.front()
    assert not page.stopping.isVisible(), "no disk moves"
    page.same.click()
    page.combo.choose(site.m_iscsi)
    await desk.answered()
    assert page.stopping.isVisible()
    assert not page.stopping.minutes.isVisible()
    page.stopping.check.click()
    await desk.answered()
    assert desk.drafting.draft.short_stop == 15
    assert page.stopping.minutes.isVisible()
    page.stopping.minutes.setValue(5)
    assert desk.drafting.draft.short_stop == 5
    page.stopping.check.click()
    assert desk.drafting.draft.short_stop == 0
    desk.close()
