"""Random walks: whatever an operator clicks and whatever the servers tell, the wizard stands and says the truth."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.edits import Edit, edits
from tests.core.site import TwoPools
from tests.ui.driving import Drive, settled
from tests.ui.wizard.desk import Desk
from xsmigui.core.problems import Page
from xsmigui.ui.wizard.choice import ChoiceCombo

clicks = st.tuples(
    st.sampled_from(["next", "back", "step", "combo", "radio", "box", "drop", "restore"]), st.integers(0, 9)
)
ways = st.lists(st.one_of(clicks, st.tuples(st.just("edit"), edits)), min_size=4, max_size=14)
selections = st.sampled_from([("web",), ("db",), ("files",), ("sleeper",), ("web", "db"), ("files", "web")])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(selections, st.booleans(), ways)
def test_walks(drive: Drive[None], vms: tuple[str, ...], crosses: bool, way: list[tuple[str, int | Edit]]) -> None:
    drive(walk(vms, crosses, way))


async def walk(vms: tuple[str, ...], crosses: bool, way: list[tuple[str, int | Edit]]) -> None:
    site = TwoPools()
    desk = Desk(site, *(getattr(site, name) for name in vms))
    if crosses:
        desk.front().combo.choose(site.lisboa.id)
    for what, how in way:
        if callable(how):
            how(site.madrid)
            desk.publish()
            desk.drafting._gathered()  # at once: time passes for nobody here
        else:
            click(desk, what, how)
        holds(desk)
        await asyncio.sleep(0)
    await desk.answered()
    holds(desk)
    desk.close()
    await settled()


def click(desk: Desk, what: str, how: int) -> None:
    wizard, page = desk.wizard, desk.front()
    combos = [c for c in page.findChildren(ChoiceCombo) if c.isEnabled()]
    match what:
        case "next":
            (wizard.next if wizard.next.isEnabled() else wizard.back).click()
        case "back":
            wizard.back.click()
        case "step":
            wizard._step_clicked(wizard.steps.item(how % wizard.steps.count()))
        case "combo" if combos:
            combo = combos[how % len(combos)]
            usable = [ref for ref, _text, usable in combo._shown if usable and ref != "add-server"]
            if usable:
                combo.choose(usable[how % len(usable)])
        case "radio" if page.page is Page.storage:
            (page.same, page.each, page.keep)[how % 3].click()
        case "box" if page.page is Page.summary:
            list(page.options.values())[how % 3].click()
        case "drop":
            desk.store.disconnected(desk.site.lisboa.id if how % 2 else desk.site.madrid.id)
            desk.drafting._gathered()
        case "restore":
            desk.publish()
            desk.drafting._gathered()


def holds(desk: Desk) -> None:
    """What is true of a wizard at any time."""
    wizard, evaluation = desk.wizard, desk.drafting.evaluation
    assert not desk.heard
    assert wizard.page in evaluation.pages
    assert wizard.stack.currentWidget() is wizard.pages[wizard.page]
    assert wizard.steps.count() == len(evaluation.pages)
    assert wizard.next.isVisible() != wizard.finish.isVisible()
    if wizard.finish.isEnabled():
        assert evaluation.plan is not None
    if evaluation.blocked(wizard.page) is not None:
        assert not wizard.next.isEnabled()
        assert wizard.next.toolTip()
    if wizard.finish.isVisible() and not wizard.finish.isEnabled():
        assert wizard.finish.toolTip()
    for combo in wizard.pages[wizard.page].findChildren(ChoiceCombo):
        if combo._current is not None and combo.isEnabled() and combo.currentIndex() >= 0:
            assert combo._shown[combo.currentIndex()][0] == combo._current
