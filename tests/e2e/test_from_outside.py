"""The program as an operator meets it: a process of its own, known by names alone, moved with mouse, wheel, keys and
the accessibility bus."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import XenAPI

from tests.e2e import accessibility
from tests.e2e.serving import Pool, Simulator

if reason := accessibility.missing():
    pytest.skip(reason, allow_module_level=True)

from jeepney import DBusAddress, HeaderFields, MatchRule, MessageType, message_bus, new_method_return, new_signal
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from tests.e2e.accessibility import (
    ACTIVE,
    CONTROL,
    DOWN,
    ENABLED,
    END,
    FOCUSED,
    SELECTED,
    SHIFT,
    Outside,
    Screen,
    Thing,
    wait_for,
)
from tests.e2e.test_accessibility import action, choose, connect, item, step

BATCH, BLOCKED = 40, 27
MOST_ACTIONS = 15


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


@contextmanager
def another(pool: Pool) -> Iterator[Any]:
    """Another operator, with the vendor's client."""
    session = XenAPI.Session(pool.url, ignore_ssl=True)
    try:
        session.xenapi.login_with_password(pool.user, pool.password)
        yield session.xenapi
    finally:
        session("close")()


def chosen(tree: Thing) -> list[str]:
    return [thing.name for thing in tree.children() if thing.has(SELECTED)]


def quit_(program: Outside) -> None:
    action(program, "actionQuit").press()
    assert program.process.wait(accessibility.PATIENCE) == 0


def test_forty_vms_leave_in_fifteen_actions(program: Outside) -> None:
    """27 of them are blocked and left out, and one network is mapped once for all."""
    with (
        Simulator("--scenario", "scale", "--vms", "60", "--speed", "0") as site,
        another(site.pools[0]) as here,
        another(site.pools[1]) as there,
    ):
        source, target = site.pools
        vms = {f"vm-{number:05d}": here.VM.get_by_name_label(f"vm-{number:05d}")[0] for number in range(BATCH)}
        for number, vm in enumerate(vms.values()):
            here.VM.add_tags(vm, "wave1")
            if number < BLOCKED:
                here.VM.set_blocked_operations(vm, {"migrate_send": "backup", "pool_migrate": "backup"})
        there.network.set_name_label(there.network.get_by_name_label("Guests")[0], "Office")
        for pool in (source, target):
            connect(program, pool)

        hand, tree, actions = program.hand, program.find("resourceTree"), 0
        hand.click(program.find("searchBox"))
        hand.write("wave1")
        actions += 1  # what is searched for
        hand.key("t", CONTROL)
        actions += 1  # one list of VMs
        wait_for(lambda: program.find("searchCount").name.startswith(f"{BATCH} of"), what="what was found")
        hand.key(DOWN)
        actions += 1  # to the first one
        wait_for(lambda: len(chosen(tree)) == 1, what="the first one")
        hand.key(END, SHIFT)
        actions += 1  # to the last one
        wait_for(lambda: len(chosen(tree)) == BATCH, what="all of them")
        wait_for(lambda: program.find("objectName").name == f"{BATCH} VMs selected", what="their page")
        wait_for(lambda: program.find("objectState").name == f"{BLOCKED} cannot be moved", what="their judgement")
        table = program.find("severalTable")
        reasons = [t for t in table.walk() if t.role == "cell" and "backup" in t.name]
        assert len(reasons) >= min(BLOCKED, 5)  # those in sight at least
        program.find("migrateButton").press()
        actions += 1
        wizard = program.find("migrateWizard")
        choose(program, "destinationCombo", target.name, wizard)
        actions += 1
        can_go = f"{BATCH - BLOCKED} of {BATCH} can move"
        wait_for(lambda: program.find("canGoLabel", wizard).name == can_go, what=can_go)
        program.find("leaveOutButton", wizard).press()
        actions += 1
        wait_for(lambda: f"{BLOCKED} are left out" in program.find("canGoLabel", wizard).name, what="left out")
        step(program, wizard, "homeServerPage")
        step(program, wizard, "storagePage")
        networks = step(program, wizard, "networksPage")
        actions += 3
        boxes = [t for t in program.find("sourceNetworkTable", networks).walk() if t.role == "combo box"]
        guests = next(box for box in boxes if "Guests" in box.get("Description") or "Guests" in box.name)
        choose(program, guests.id, "Office", networks)
        actions += 1
        step(program, wizard, "storageNetworkPage")
        step(program, wizard, "summaryPage")
        actions += 2
        finish = program.find("finishButton", wizard)
        wait_for(lambda: finish.has(ENABLED), what="Finish")
        finish.press()
        actions += 1
        program.gone("migrateWizard")
        assert actions <= MOST_ACTIONS
        wait_for(
            lambda: len(set(vms.values()) & set(here.VM.get_all())) == BLOCKED,
            patience=4 * accessibility.PATIENCE,
            what="that those who can have gone",
        )
        for number, vm in enumerate(vms.values()):
            gone = vm not in here.VM.get_all()
            assert gone is (number >= BLOCKED)
        quit_(program)


def test_a_mixed_selection_goes_and_the_wheel_changes_nothing(program: Outside) -> None:
    with Simulator("--speed", "0") as site:
        for pool in site.pools:
            connect(program, pool)
        hand, tree = program.hand, program.find("resourceTree")
        hand.click(item(tree, "web-01", "tree item"))
        wait_for(lambda: chosen(tree) == ["web-01, running"], what="web-01")
        hand.key("f", CONTROL)
        hand.write("old")  # a halted one, found by its name
        wait_for(lambda: program.find("searchCount").name.startswith("1 of"), what="the halted one")
        hand.key(DOWN)
        wait_for(lambda: chosen(tree) == ["intranet-old, halted"], what="intranet-old")
        program.find("searchBox").write("")
        item(tree, "web-01", "tree item").act("Toggle")
        wait_for(lambda: len(chosen(tree)) >= 1, what="a selection")
        if len(chosen(tree)) == 1:  # a toggle selects alone: add the other one
            line = item(tree, "intranet-old", "tree item")
            hand.hold_and_click(line, CONTROL)
        wait_for(lambda: sorted(chosen(tree)) == ["intranet-old, halted", "web-01, running"], what="both")
        wait_for(lambda: program.find("objectName").name == "2 VMs selected", what="their page")
        program.find("migrateButton").press()
        wizard = program.find("migrateWizard")
        assert wizard.name == "Migrate VM: 2 VMs"
        choose(program, "destinationCombo", "Lisboa", wizard)
        home = step(program, wizard, "homeServerPage")
        boxes = [t for t in home.walk() if t.role == "combo box"]
        before = [box.name for box in boxes]
        for box in boxes:
            for down in (True, True, False):
                hand.wheel(box, down)
        destination = program.find("homeServerPage", wizard)
        assert [t.name for t in destination.walk() if t.role == "combo box"] == before
        for page in ("storagePage", "networksPage", "storageNetworkPage", "summaryPage"):
            shown = step(program, wizard, page)
            for box in [t for t in shown.walk() if t.role in ("combo box", "spin button") and t.has(ENABLED)]:
                name = box.name
                hand.wheel(box)
                assert box.name == name
        finish = program.find("finishButton", wizard)
        wait_for(lambda: finish.has(ENABLED), what="Finish")
        finish.press()
        program.gone("migrateWizard")
        activity = program.find("activityView")
        wait_for(lambda: sum("done, and verified" in t.name for t in activity.walk()) >= 2, what="both done")
        quit_(program)


def test_a_lost_pool_and_another_theme(program: Outside) -> None:
    with Simulator("--speed", "0") as site:
        for pool in site.pools:
            connect(program, pool)
        tree = program.find("resourceTree")
        program.hand.click(item(tree, "web-01", "tree item"))
        wait_for(lambda: chosen(tree) == ["web-01, running"], what="web-01")
        program.find("migrateButton").press()
        wizard = program.find("migrateWizard")
        choose(program, "destinationCombo", "Lisboa", wizard)
        for page in ("homeServerPage", "storagePage", "networksPage", "storageNetworkPage", "summaryPage"):
            step(program, wizard, page)
        finish = program.find("finishButton", wizard)
        wait_for(lambda: finish.has(ENABLED), what="Finish")
        site.kill()
        words = program.find("lostPoolsWords", wizard)
        wait_for(lambda: words.name.startswith("Madrid is not connected: retry "), what="the countdown")
        assert not finish.has(ENABLED)
        assert "lost" in finish.get("Description")
        item(tree, "Madrid, retry ", "tree item")
        assert "is not connected" in program.find("connectionWords").name
        assert "unknown" in program.find("canMoveLine").name

        light = brightness(program)
        action(program, "actionPreferences").press()
        sheet = program.find("preferencesDialog")
        choose(program, "themeCombo", "Dark", sheet)
        program.find("savePreferencesButton", sheet).press()
        program.gone("preferencesDialog")
        wait_for(lambda: brightness(program) < 100 < light, what="the dark theme")
        assert chosen(tree) == ["web-01, running"]
        assert program.find("summaryPage", wizard)

        site.start()
        program.find("lostPoolsTryButton", wizard).press()
        wait_for(lambda: finish.has(ENABLED), what="Finish again")
        assert program.seek("lostPoolsWords", wizard) is None
        program.find("cancelButton", wizard).press()
        program.gone("migrateWizard")
        quit_(program)


def brightness(program: Outside) -> int:
    """How light the window is, 0 to 255, at an empty place of its menu bar."""
    window = program.find("mainWindow")
    left, top, width, _height = window.call(f"{accessibility.ATSPI}.Component", "GetExtents", "u", 0)
    look = (
        "from PySide6.QtGui import QGuiApplication as App; import sys; app = App([]);"
        "picture = app.primaryScreen().grabWindow(0).toImage();"
        f"print(picture.pixelColor({left + width - 12}, {top + 8}).lightness())"
    )
    environment = {**program.environment, "QT_QPA_PLATFORM": "xcb"}
    done = subprocess.run([sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_another_language(program: Outside) -> None:
    with Simulator("--speed", "0") as site:
        for pool in site.pools:
            connect(program, pool)
        hand, tree = program.hand, program.find("resourceTree")
        hand.click(item(tree, "web-lx-01", "tree item"))
        hand.key(DOWN, SHIFT)
        hand.key(DOWN, SHIFT)
        wait_for(lambda: len(chosen(tree)) == 3, what="three lines")
        names = [name.split(",")[0] for name in chosen(tree)]
        action(program, "actionPreferences").press()
        sheet = program.find("preferencesDialog")
        choose(program, "languageCombo", "Español", sheet)
        program.find("savePreferencesButton", sheet).press()
        wait_for(lambda: program.find("objectName").name == "3 objetos seleccionados", what="the Spanish window")
        tree = program.find("resourceTree")
        assert [name.split(",")[0] for name in chosen(tree)] == names
        assert tree.name == "Recursos"
        assert action(program, "actionMigrateVm").name.startswith("Asistente para migrar")
        quit_(program)


class Desktop(threading.Thread):
    """A desktop that shows notifications: it keeps them."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self.shown: list[tuple[str, str]] = []
        self._ends = threading.Event()
        self._bus: DBusConnection = open_dbus_connection(address)
        self._bus.send_and_get_reply(message_bus.RequestName("org.freedesktop.Notifications"))

    def run(self) -> None:
        rule = MatchRule(type="method_call", interface="org.freedesktop.Notifications")
        while not self._ends.is_set():
            try:
                message = self._bus.receive(timeout=0.2)
            except TimeoutError:
                continue
            if not rule.matches(message) or message.header.fields[HeaderFields.member] != "Notify":
                continue
            self.shown.append((message.body[3], message.body[4]))
            assert message.header.message_type is MessageType.method_call
            self._bus.send(new_method_return(message, "u", (len(self.shown),)))

    def click(self, number: int) -> None:
        """The operator clicks on a notification, counted from 1."""
        place = DBusAddress("/org/freedesktop/Notifications", interface="org.freedesktop.Notifications")
        self._bus.send(new_signal(place, "ActionInvoked", "us", (number, "default")))

    def close(self) -> None:
        self._ends.set()
        self.join()
        self._bus.close()


def test_a_job_that_ends_while_another_window_is_in_front(program: Outside) -> None:
    desktop = Desktop(program.environment["DBUS_SESSION_BUS_ADDRESS"])
    desktop.start()
    other = (
        "from PySide6.QtWidgets import QApplication, QLineEdit; app = QApplication([]); window = QLineEdit();"
        "window.show(); window.activateWindow(); app.exec()"
    )
    environment = {**program.environment, "QT_QPA_PLATFORM": "xcb"}
    in_front: subprocess.Popen[bytes] | None = None
    try:
        with Simulator("--speed", "20") as site:
            for pool in site.pools:
                connect(program, pool)
            tree = program.find("resourceTree")
            program.hand.click(item(tree, "web-01", "tree item"))
            wait_for(lambda: chosen(tree) == ["web-01, running"], what="web-01")
            program.find("migrateButton").press()
            wizard = program.find("migrateWizard")
            choose(program, "destinationCombo", "Lisboa", wizard)
            for page in ("homeServerPage", "storagePage", "networksPage", "storageNetworkPage", "summaryPage"):
                step(program, wizard, page)
            finish = program.find("finishButton", wizard)
            wait_for(lambda: finish.has(ENABLED), what="Finish")
            in_front = subprocess.Popen([sys.executable, "-c", other], env=environment, stdin=subprocess.DEVNULL)
            window = program.find("mainWindow")
            wait_for(lambda: not wizard.has(ACTIVE) and not window.has(ACTIVE), what="the other window in front")
            finish.press()
            program.gone("migrateWizard")
            wait_for(lambda: desktop.shown, patience=4 * accessibility.PATIENCE, what="the notification")
            assert desktop.shown == [("The job is done", "web-01: done")]
            assert not window.has(ACTIVE)
            desktop.click(1)
            wait_for(lambda: window.has(ACTIVE), what="the window in front")
            jobs = program.find("activityTree")
            wait_for(lambda: any(t.has(FOCUSED) for t in jobs.walk()), what="the keyboard at the job")
            assert any(name.startswith("web-01") for name in chosen(jobs))
            in_front.terminate()
            quit_(program)
    finally:
        desktop.close()
        if in_front is not None:
            in_front.terminate()
            in_front.wait(20)
