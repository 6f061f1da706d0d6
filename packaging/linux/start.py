"""Where the frozen program begins."""

import sys

from xsmigui.__main__ import main

sys.exit(main())
