"""Where the installed program begins on Windows: `xsmigui.exe` and `xsmigui-cli.exe` run this module."""

import os
import sys

# The launcher is the whole program: called again with other arguments, it does something else (the demo's simulator).
sys.frozen = True  # type: ignore[attr-defined]

# A program for windows has no console. What is started with pipes (the simulator) has them.
if sys.stdout is None and sys.stderr is None and sys.stdin is None:
    sys.stdin = open(os.devnull, encoding="utf-8")

from xsmigui.__main__ import main  # noqa: E402

sys.exit(main())
