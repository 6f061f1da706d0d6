from xsmigui.core.problems import Problem, Severity, Subject, worst


def problem(severity: Severity, raw: str = "") -> Problem:
    return Problem(
        rule="R53", severity=severity, subject=Subject("VDI", "u", "disk"), finding="A.", advice="B.", raw=raw
    )


def test_worst() -> None:
    assert worst([]) is None
    assert worst((problem(Severity.info), problem(Severity.block), problem(Severity.warn))) is Severity.block


def test_json_is_what_the_command_line_promises() -> None:
    assert problem(Severity.warn).as_json() == {
        "rule": "R53",
        "severity": "warn",
        "subject": {"class": "VDI", "uuid": "u", "name": "disk"},
        "message": "A.",
        "hint": "B.",
        "facts": {"message": "A.", "hint": "B."},
        "fix": "",
        "source": "local",
    }
    assert problem(Severity.block, "CODE(x)").as_json()["raw"] == "CODE(x)"


def test_sentence_and_blocks() -> None:
    assert problem(Severity.info).sentence() == "A. B."
    assert problem(Severity.block).blocks
    assert not problem(Severity.warn).blocks
