"""Processor features by name."""

from xsmigui.core.features import NAMES, comparable, missing, name, words


def test_every_word_has_at_most_32_names_and_no_name_twice() -> None:
    assert all(len(word) <= 32 for word in NAMES)
    given = [feature for word in NAMES for feature in word if feature != "-"]
    assert len(given) == len(set(given))


def test_well_known_places() -> None:
    places = {(0, 23): "mmx", (1, 0): "sse3", (1, 25): "aesni", (1, 28): "avx", (2, 20): "nx", (2, 29): "lm"}
    places |= {(3, 5): "abm", (3, 22): "topoext", (5, 5): "avx2", (5, 16): "avx512f", (5, 20): "smap", (6, 2): "umip"}
    places |= {(7, 8): "itsc", (8, 12): "ibpb", (8, 28): "psfd", (9, 10): "md_clear", (9, 31): "ssbd"}
    places |= {
        (10, 4): "avx_vnni",
        (10, 23): "avx_ifma",
        (11, 8): "auto_ibrs",
        (16, 0): "rdcl_no",
        (16, 18): "fb_clear_ctrl",
    }
    assert {place: name(*place) for place in places} == places


def test_a_place_without_a_name_is_told_by_its_numbers() -> None:
    assert name(3, 31) == "word 3 bit 31"
    assert name(99, 0) == "word 99 bit 0"
    assert missing("80000000", "00000000") == ["pbe"]
    assert missing("00000400", "00000000") == ["word 0 bit 10"]


def test_what_cannot_be_compared() -> None:
    assert words("1-zz") is None
    assert not comparable("", "ff")
    assert not comparable("ff", "")
    assert not comparable("1-2-3-4", "1-2-3-4-5")
    assert comparable("1-2-3-4", "1-2-3-4")
    assert missing("f-f-f-f", "0-0-0-0-0") == []
