"""Errors of the storage drivers: `SR_BACKEND_FAILURE_<number>`, whose second parameter is the driver's own sentence.

The numbers are those of xapi-project/sm, libs/sm/core/XE_SR_ERRORCODES.xml; they are the same in all releases.
"""

from typing import Final

from xsmigui.core.errors.entry import Entry
from xsmigui.core.problems import Page
from xsmigui.core.text import N_

FAILED: Final = N_("The driver of the SR failed: {1}")

USED: Final = N_("It is still in use, perhaps on another host: find out where, then try again.")
LOCKED: Final = N_("Another operation holds the SR: wait until it has ended, then try again.")
LOST: Final = N_("Check the storage and the path of the host to it, repair the SR, then try again.")
DAMAGED: Final = N_("Don't write to this SR: look at /var/log/SMlog on the host and at the storage itself first.")
FULL: Final = N_("Free some space there, then start the move again.")
CHAIN: Final = N_("Delete snapshots that are no longer needed, wait until the SR has coalesced them, then try again.")
LOGIN: Final = N_("Check the access of the host's initiator (IQN, CHAP, network) to the target, then repair the SR.")
MOUNT: Final = N_("Check that the file server exports the share to every host, then repair the SR.")
PATHS: Final = N_("Check the paths of the host to the storage (multipathing), then repair the SR.")
AGAIN: Final = N_("Rescan the SR and try again; if it fails again, look at /var/log/SMlog on the host.")
TRACKING: Final = N_("Disable changed block tracking of the disk, then try again; the next backup is then a full one.")
SETTINGS: Final = N_("Correct the connection of the SR (its device configuration), then repair it.")
LICENCE: Final = N_("The licence of the host does not include this kind of SR.")
CONNECT: Final = N_("Restart the toolstack of the host while no task runs there, then try again.")
OTHER: Final = N_("Choose another SR.")

NUMBERS: Final[dict[str, tuple[int, ...]]] = {
    USED: (16, 24, 56, 445),
    LOCKED: (37, 58, 104, 201, 205),
    LOST: (19, 40, 46, 47, 52, 53, 65, 92, 93, 100, 117, 118, 135, 144, 180, 200, 222, 223, 453, 461),
    DAMAGED: (41, 49, 66, 119, 175, 181),
    FULL: (44, 127, 128, 129, 167),
    CHAIN: (82, 109),
    LOGIN: (67, 68, 69, 70, 71, 83, 84, 85, 86, 141, 182),
    MOUNT: (72, 73, 74, 75, 76, 88, 108, 111, 112, 113, 114, 116, 140, 224, 225),
    PATHS: (430, 431, 432, 433, 434),
    AGAIN: (43, 50, 51, 54, 55, 57, 59, 60, 61, 62, 63, 64, 78, 79, 80, 81, 110, 202, 203, 204, 1200),
    TRACKING: (457, 458, 459, 460),
    SETTINGS: (1, 2, 20, 48, 87, 89, 90, 91, 94, 95, 96, 97, 98, 99, 101, 102, 103, 105, 106, 107, 115, 142),
    LICENCE: (454,),
    CONNECT: (150, 151, 152, 153, 154),
    OTHER: (38,),
}
"""What to do, and the numbers for which it helps."""

HINTS: Final[dict[int, str]] = {number: hint for hint, numbers in NUMBERS.items() for number in numbers}

ANY: Final = N_("Check the SR and its storage, then try again.")


def entry(code: str) -> Entry:
    """The entry of an `SR_BACKEND_FAILURE` with its number, or without one."""
    number = code.rpartition("_")[2]
    hint = HINTS.get(int(number), ANY) if number.isdecimal() else ANY
    return Entry(FAILED, hint, "R50" if hint == FULL else "", Page.storage)
