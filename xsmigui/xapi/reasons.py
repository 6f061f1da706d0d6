"""Why a socket failed, in the words of the operating system."""

import errno
import os
import ssl

from xsmigui.core.text import one_line


def reason(error: BaseException) -> str:
    """What the operating system says, without the addresses and numbers around it."""
    if isinstance(error, (ConnectionResetError, ssl.SSLEOFError)):
        return "the connection was closed"
    if isinstance(error, OSError) and error.strerror:
        number = error.errno or 0
        is_system = number in errno.errorcode and not isinstance(error, ssl.SSLError)
        return os.strerror(number) if is_system else one_line(error.strerror)  # asyncio puts the address into strerror
    return one_line(str(error)) or type(error).__name__
