"""The image format at the destination, chosen on the Storage page."""

from __future__ import annotations

from tests.core.site import TwoPools
from tests.ui.driving import driven
from tests.ui.wizard.desk import Desk
from xsmigui.core.problems import Page


def newest() -> TwoPools:
    """Both pools let one choose, and the shared SRs of Lisboa know two formats."""
    site = TwoPools()
    for pool in (site.madrid, site.lisboa):
        for host in pool.hosts:
            pool.set(host, software_version={**pool.get(host).software_version, "xapi_build": "26.15.0"})
    site.lisboa.set(site.lisboa.get_all("SM", type="nfs")[0], supported_image_formats=["vhd", "qcow2"])
    return site


@driven
async def test_a_format_is_chosen_where_the_driver_knows_several() -> None:
    site = newest()
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.storage)
    storage = desk.front()
    assert storage.format.isVisible()
    assert storage.format.texts() == ["As the SR decides", "vhd", "qcow2"]
    assert storage.format.currentText() == "As the SR decides"
    storage.format.choose("qcow2")
    assert desk.drafting.draft.image_format == "qcow2"
    await desk.go_to(Page.summary)
    await desk.answered()
    plan = desk.drafting.evaluation.plan
    assert plan is not None
    assert set(plan.moves[0].calls[1].params[7].values()) == {"qcow2"}  # type: ignore[attr-defined]
    desk.close()


@driven
async def test_nothing_is_offered_where_there_is_no_choice() -> None:
    site = TwoPools()  # servers that take no format
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.storage)
    assert not desk.front().format.isVisible()
    desk.close()


@driven
async def test_a_choice_that_no_longer_suits_can_be_taken_back() -> None:
    site = newest()
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.home_server)
    desk.front().table.combo(site.web).choose(site.l1)
    await desk.go_to(Page.storage)
    storage = desk.front()
    storage.format.choose("qcow2")
    storage.combo.choose(site.l1_local)  # a driver that names no formats
    assert storage.format.isVisible()
    assert any("cannot be stored as qcow2" in text for text in desk.wizard.panel.sentences())
    storage.format.choose("")
    assert desk.drafting.draft.image_format == ""
    assert not storage.format.isVisible()
    desk.close()
