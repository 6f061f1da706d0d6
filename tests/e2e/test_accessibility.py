"""The program as a process of its own on a screen of its own, driven from outside through the accessibility bus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import accessibility
from tests.e2e.serving import Pool, Simulator

if reason := accessibility.missing():
    pytest.skip(reason, allow_module_level=True)

from tests.e2e.accessibility import ENABLED, PATIENCE, SELECTED, Outside, Screen, Thing, wait_for


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    made = Screen()
    yield made
    made.close()


@pytest.fixture
def program(screen: Screen, tmp_path: Path) -> Iterator[Outside]:
    outside = Outside(screen, tmp_path)
    yield outside
    outside.close()


def action(program: Outside, name: str) -> Thing:
    """A menu's entry; menus need not be open for it."""
    found: Thing = wait_for(lambda: next((t for t in program.root.walk() if t.id == name), None))
    return found


def connect(program: Outside, pool: Pool) -> None:
    action(program, "actionAddServer").press()
    sheet = program.find("addServerDialog")
    program.find("serverEdit", sheet).write(pool.url)
    program.find("userEdit", sheet).write(pool.user)
    program.find("passwordEdit", sheet).write(pool.password)
    program.find("connectButton", sheet).press()
    question = program.find("certificateDialog")
    assert any(pool.fingerprint in thing.name.replace("\n", "") for thing in question.walk())
    program.find("trustButton", question).press()
    program.gone("addServerDialog")


def item(below: Thing, name: str, role: str) -> Thing:
    """A line of a tree or a list, by the beginning of its name."""
    found: Thing = wait_for(
        lambda: next((t for t in below.walk() if t.role == role and t.name.startswith(name)), None), what=name
    )
    return found


def choose(program: Outside, combo: str, name: str, below: Thing) -> None:
    box = program.find(combo, below)
    item(box, name, "list item").act("Toggle")
    wait_for(lambda: box.name.startswith(name), what=f"{name} in {combo}")


def step(program: Outside, wizard: Thing, page: str) -> Thing:
    """Press Next as soon as it can be pressed; answers the page that then is in front. Pressed again where nothing came
    of it: an action that arrives while Qt renews its tree of accessible objects is dropped."""
    button = program.find("nextButton", wizard)

    def pressed() -> Thing | None:
        wait_for(lambda: button.has(ENABLED), what="Next")
        button.press()
        try:
            return program.find(page, wizard, patience=PATIENCE / 5)
        except AssertionError:
            return None

    found: Thing = wait_for(pressed, what=page)
    return found


def test_a_vm_migrates_by_names_alone(program: Outside) -> None:
    with Simulator("--speed", "0") as site:
        for pool in site.pools:
            connect(program, pool)
        tree = program.find("resourceTree")
        line = item(tree, "web-01", "tree item")
        line.act("Toggle")
        wait_for(lambda: [t.name for t in tree.children() if t.has(SELECTED)] == ["web-01, running"], what="web-01")
        wait_for(lambda: program.find("objectName").name == "web-01", what="the VM at the right")
        entry = action(program, "actionMigrateVm")
        wait_for(lambda: entry.has(ENABLED), what="Migrate")
        assert not action(program, "actionMoveVm").has(ENABLED)
        entry.press()

        wizard = program.find("migrateWizard")
        assert wizard.name == "Migrate VM: web-01"
        choose(program, "destinationCombo", "Lisboa", wizard)
        home = step(program, wizard, "homeServerPage")
        server = next(t for t in home.walk() if t.role == "combo box")
        choose(program, server.id, "lisboa-02", home)
        storage = step(program, wizard, "storagePage")
        program.find("sameSrRadio", storage).press()
        choose(program, "sameSrCombo", "iSCSI Lisboa", storage)
        networks = step(program, wizard, "networksPage")
        box = next(t for t in networks.walk() if t.role == "combo box")
        choose(program, box.id, "Guests", networks)
        carrier = step(program, wizard, "storageNetworkPage")
        choose(program, "storageNetworkCombo", "Storage", carrier)
        summary = step(program, wizard, "summaryPage")
        finish = program.find("finishButton", wizard)
        wait_for(lambda: finish.has(ENABLED), what="Finish")
        text = program.find("summaryView", summary).text()
        for word in ("web-01", "lisboa-02", "iSCSI Lisboa", "Guests", "Storage"):
            assert word in text
        finish.press()
        program.gone("migrateWizard")

        activity = program.find("activityView")
        wait_for(lambda: any("done, and verified" in t.name for t in activity.walk()), what="done")

        def below_its_host() -> bool:
            names = [t.name for t in tree.children()]
            arrived = [n for n, name in enumerate(names) if name.startswith("web-01")]
            return len(arrived) == 1 and names.index("lisboa-02") < arrived[0] < names.index("archive-lx, halted")

        wait_for(below_its_host, what="the VM below its new host")
        action(program, "actionQuit").press()
        assert program.process.wait(PATIENCE) == 0


def test_everything_that_can_be_used_has_a_name(program: Outside) -> None:
    with Simulator("--speed", "0") as site:
        connect(program, site["Madrid"])
        item(program.find("resourceTree"), "db-postgres", "tree item").act("Toggle")
        wait_for(lambda: program.find("objectName").name == "db-postgres", what="the VM at the right")
        action(program, "actionMigrateVm").press()
        program.find("migrateWizard")
        roles = ("push button", "check box", "radio button", "combo box", "text", "tree", "table", "menu item")
        unnamed = []
        for thing in program.root.walk():
            try:
                if thing.role in roles and thing.has(accessibility.SHOWING) and not thing.name:
                    unnamed.append(f"{thing.role} {thing.id}")
            except accessibility.Gone:
                continue
        assert not unnamed
        program.process.terminate()
        assert program.process.wait(PATIENCE) == 0
