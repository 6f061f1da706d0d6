#!/usr/bin/env bash
# aiohttp 3.14.5: closing a session cancels the requests that wait for a free connection.
#
# A session with one connection has two requests: one is being answered, the other waits for the connection. When the
# session is closed, the first one fails with ClientConnectionError, as documented for a closed connector. The second one
# ends with asyncio.CancelledError, although nobody has cancelled its task: code that treats an error of the wire as "try
# again" and a cancellation as "stop" stops for good.
#
# Expected: both fail with a ClientError.
# Seen with Python 3.11.7, aiohttp 3.14.5:
#   busy request: ClientConnectionError('Connector is closed.')
#   waiting request: cancelled
#
# Ends with 0 while this is so, with another status if it has changed or could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check aiohttp==3.14.5
cat >"$folder/run.py" <<'PYTHON'
import asyncio
import sys

import aiohttp
from aiohttp import web


def outcome(task):
    return "cancelled" if task.cancelled() else repr(task.exception())


async def main():
    begun, end = asyncio.Event(), asyncio.Event()

    async def answer(_request):
        begun.set()
        await end.wait()
        return web.Response()

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))

    async def get():
        async with session.get(f"http://127.0.0.1:{port}/") as response:
            return response.status

    busy = asyncio.create_task(get())
    await begun.wait()
    waiting = asyncio.create_task(get())
    for _ in range(20):  # it comes to the connector and waits there
        await asyncio.sleep(0)
    assert not waiting.done()
    await session.close()
    await asyncio.wait({busy, waiting}, timeout=30)
    end.set()
    await runner.cleanup()
    print("Python", sys.version.split()[0], "aiohttp", aiohttp.__version__)
    print("busy request:", outcome(busy))
    print("waiting request:", outcome(waiting))
    return isinstance(busy.exception(), aiohttp.ClientError) and waiting.cancelled()


sys.exit(0 if asyncio.run(main()) else 1)
PYTHON
"$folder/venv/bin/python" "$folder/run.py"
