"""What every test stands on: a folder of its own, no keyring, no threads left over, no errors logged unseen."""

import logging
import signal
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from keyring.backends.null import Keyring as NoKeyring

settings.register_profile("house", deadline=None)  # no test asserts a time
settings.load_profile("house")

# What is started in the background (`&`, nohup) ignores these, and so do the programs that it starts: tests of signals
# would send them for nothing.
for _name, _handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    if hasattr(signal, _name) and signal.getsignal(getattr(signal, _name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, _name), _handler)

LINGERING = ("asyncio_", "ThreadPoolExecutor", "QThread", "Dummy-", "pydevd", "pytest_timeout")
"""Beginnings of the names of threads that belong to loops and tools."""


BESIDE = Path(__file__).parents[2] / "shared"
"""Databases and recordings of real servers, which are not part of the project."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The ordinary run needs the checkout, Python and nothing else: the tests that need more are left out of it, rather
    than skipped, unless they are asked for (``-m node``) or what they need is there."""
    absent = {"shared": not BESIDE.is_dir(), **{m: m not in config.getoption("markexpr") for m in ("node", "ansible")}}
    left_out = [item for item in items if any(absent[m.name] for m in item.iter_markers() if m.name in absent)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


class _Errors(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if record.name == "aiohttp.server" and isinstance(error, ConnectionError):
            return  # the simulator's client left before its answer came
        self.seen.append(record)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Reports go from process to process as UTF-8; what some tests log on purpose is none."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "replace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of settings, certificates and logs: never the real one. Nor is the keyring."""
    import keyring

    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XSMIGUI_HOME", str(folder))
    monkeypatch.setattr(keyring.core, "_keyring_backend", NoKeyring())
    return folder


@pytest.fixture(autouse=True)
def expected_errors() -> Iterator[list[str]]:
    """Beginnings of the messages that a test logs as errors on purpose; any other fails it."""
    handler = _Errors()
    logging.getLogger().addHandler(handler)
    expected: list[str] = []
    yield expected
    logging.getLogger().removeHandler(handler)
    unseen = [r for r in handler.seen if not r.getMessage().startswith(tuple(expected) or ("\0",))]
    assert not unseen, [r.getMessage() for r in unseen]


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    """Threads that a test starts end with it."""
    before = set(threading.enumerate())
    yield

    def left() -> list[str]:
        new = set(threading.enumerate()) - before
        return [t.name for t in new if t.is_alive() and not t.name.startswith(LINGERING)]

    deadline = time.monotonic() + 5
    while left() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left()
