"""Pictures are drawn by Qt: no display is needed; where none is set, nothing is shown."""

import os
import sys

if sys.platform == "linux" and not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
