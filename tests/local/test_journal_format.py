"""What is written is of a known form: whoever changes it gives it a new version, and a sample that stays readable."""

import json
import shutil
from pathlib import Path

import pytest

from tests.samples import HERE, JOURNALS, form
from xsmigui.core.jobs import State
from xsmigui.local.documents import VERSION
from xsmigui.local.journal import JournalFile
from xsmigui.local.journalfile import FILE


def test_a_changed_form_has_a_new_version_and_a_sample() -> None:
    known = json.loads((HERE / "form.json").read_text()) if HERE.exists() else None
    assert form() == known, "raise documents.VERSION and run: python -m tests.samples"


@pytest.mark.parametrize("version", range(2, VERSION + 1))
async def test_the_samples_of_all_versions_are_read(tmp_path: Path, version: int) -> None:
    shutil.copy(JOURNALS / f"version-{version}" / "ended.sqlite3", tmp_path / FILE)
    journal = JournalFile(tmp_path)
    jobs = await journal.all()
    assert [job.state for job in jobs] == [State.done, State.done]
    assert all(vm.verified for job in jobs for vm in job.vms)
    assert await journal.unreadable() == []
    await journal.close()
