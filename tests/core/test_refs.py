from xsmigui.core.refs import NULL, is_null


def test_null_references() -> None:
    assert is_null(NULL)
    assert is_null("")
    assert not is_null("OpaqueRef:1")
