"""A server that allows old encryption only: said before it is trusted, and at its place in the window ever after."""

from pathlib import Path

from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton

from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import child, dialog, driven, gone
from tests.ui.programs import running, select
from tests.xapi.front import Front
from xsmigui.core.refs import PoolId
from xsmigui.simulator.certificates import certificate
from xsmigui.simulator.encryption import RSA_ONLY


@driven
async def test_old_encryption_in_tree_and_general(qapp: QApplication, home: Path) -> None:
    with Simulated.start("standalone", http=True) as plain:
        shown = certificate("old", "1", RSA_ONLY)
        with Front(shown, plain.pools[0].url) as front:
            async with running(qapp, home) as program:
                program.window._actions["actionAddServer"].trigger()
                sheet = await dialog("addServerDialog")
                child(sheet, QLineEdit, "serverEdit").setText(front.url)
                child(sheet, QLineEdit, "passwordEdit").setText("secret")
                child(sheet, QPushButton, "connectButton").click()
                question = await dialog("certificateDialog")
                assert "old encryption" in " ".join(label.text() for label in question.findChildren(QLabel))
                child(question, QPushButton, "trustButton").click()
                await gone("addServerDialog")
                pool = PoolId(next(str(s.pool) for s in program.connections.servers()))
                program.window.bridge.flush()
                (top,) = (n for n in program.window.bridge.outline.nodes.values() if n.parent is None)
                assert top.state == "old encryption"
                await select(program, top.id)
                general = program.window.object.general
                await until(lambda: "RSA key exchange" in " ".join(x.text() for x in general.findChildren(QLabel)))
                gateway = program.connections.gateway(pool)
                assert gateway is not None
                assert gateway.is_old
