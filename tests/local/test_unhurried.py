"""What may take as long as somebody likes does not hold up the end of the program."""

import asyncio
import socket
import threading

import pytest

from xsmigui.local.unhurried import Loop, PatientNames


def test_a_loop_ends_while_no_name_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered = threading.Event(), threading.Event()

    def silent(*_arguments: object) -> list[object]:
        asked.set()
        answered.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", silent)

    async def look_up() -> None:
        task = asyncio.create_task(asyncio.open_connection("xen.example", 443))
        await asyncio.to_thread(asked.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(look_up())
    assert not answered.is_set()  # the loop has ended all the same
    answered.set()


def test_names_are_looked_up() -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, PatientNames)
        (found, *_more) = runner.run(loop.getaddrinfo("127.0.0.1", 443, type=socket.SOCK_STREAM))
    assert found[4] == ("127.0.0.1", 443)
