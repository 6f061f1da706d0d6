"""Changing the preferences from the window, which follows at once."""

from collections.abc import Callable

from PySide6.QtWidgets import QApplication, QWidget

from xsmigui.ui.activity.view import ActivityView
from xsmigui.ui.dialogs.preferences import edit_preferences
from xsmigui.ui.style import apply
from xsmigui.ui.window.menus import Menus
from xsmigui.ui.window.services import Services


async def change_preferences(
    window: QWidget, services: Services, menus: Menus, activity: ActivityView, look: Callable[[], object]
) -> None:
    """Show the dialog; `look` shows the tree as the settings say."""
    before = services.preferences.now
    if not await edit_preferences(window, services.preferences, services.languages, services.folder):
        return
    now = services.preferences.now
    for field, toggle in menus.toggles.items():
        toggle.setChecked(bool(getattr(now, field)))
    app = QApplication.instance()
    if isinstance(app, QApplication):
        apply(app, now.theme)
    activity.limit.setValue(now.storage_limit)
    look()
    services.apply(before)
