"""How much of a server's answer is taken. What goes beyond is no answer of a XenAPI server (`NotSpeaking`).

Each limit lies far above what honest servers send and far below what hurts this computer.
"""

from typing import Final

CALL: Final = 16 << 20
"""Bytes of the answer to a single call. The largest known is a network's record in a pool of the vendor's maximum
(64 hosts × 1,000 VMs, two interfaces each): 6 MB of references."""

LOAD: Final = 256 << 20
"""Bytes of one class, or of one answer of `event.from`: 64,000 VMs of 3.4 KB each are 220 MB."""

ONE_PIECE: Final = 32 << 20
"""Bytes of an answer that is not of xapi's compact form and so has to be decoded in one piece, which takes many times
its size in memory. Only proxies and old servers write so, for pools that are small."""

ROWS: Final = 1_000_000
"""Objects of one class. In a pool of the vendor's maximum it is disks and their connections: some 300,000."""

NESTING: Final = 64
"""Elements of XML inside one another: a map in the record of an event is at the twenty-second place. In JSON the
interpreter's own limit holds, since its decoder counts along with it."""

PARAMETERS: Final = 64
"""Parameters of an error: CANNOT_EVACUATE_HOST has one for each VM that cannot move, the others fewer than ten."""

PARAMETER: Final = 16 << 10
"""Characters of one parameter of an error. Storage drivers put whole tracebacks into it; what is longer is cut."""

CONNECT: Final = 15.0
"""Seconds for a connection and its TLS handshake."""
