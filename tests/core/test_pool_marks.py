"""What tells a pool from a copy of its database."""

import pytest

from tests.core.site import PoolBuilder
from xsmigui.core.pool_marks import PoolMark, is_same, mark_of
from xsmigui.core.refs import PoolId

MARK = PoolMark(pool=PoolId("p"), url="https://10.0.0.1", fingerprint="ab", members=("10.0.0.2", "10.0.0.3"))
PLAIN = PoolMark(pool=PoolId("p"), url="http://10.0.0.1", fingerprint="")


@pytest.mark.parametrize(
    ("mark", "url", "fingerprint", "expected"),
    [
        (MARK, "https://10.0.0.1", "ab", True),
        (MARK, "https://pool.example", "ab", True),  # the same coordinator by another name
        (MARK, "https://10.0.0.1", "cd", False),  # a copy at the same address, or a new certificate: somebody knows
        (MARK, "https://10.0.0.9", "cd", False),  # a copy elsewhere
        (MARK, "https://10.0.0.2", "cd", True),  # another member has become the coordinator
        (MARK, "https://10.0.0.2:8443", "cd", True),
        (MARK, "https://10.0.0.22", "cd", False),
        (MARK, "http://10.0.0.1", "", False),
        (PLAIN, "http://10.0.0.1", "", True),
        (PLAIN, "http://10.0.0.9", "", False),
    ],
)
def test_the_same_pool(mark: PoolMark, url: str, fingerprint: str, expected: bool) -> None:
    assert is_same(mark, url, fingerprint) is expected


def test_what_a_pool_is_known_by() -> None:
    pool = PoolBuilder()
    first, second = pool.host("m1"), pool.host("m2")
    pool.set(first, address="10.0.0.1")
    pool.set(second, address="10.0.0.2")
    inventory = pool.inventory()
    mark = mark_of("https://10.0.0.1", "ab", inventory)
    assert mark.pool == inventory.id
    coordinator = inventory.host[inventory.pool.master].address if inventory.pool.master in inventory.host else ""
    assert set(mark.members) == {"10.0.0.1", "10.0.0.2"} - {coordinator}


@pytest.mark.parametrize(
    ("address", "url", "same"),
    [
        ("10.0.0.2", "https://10.0.0.2", True),
        ("10.0.0.2", "https://10.0.0.2:8443", True),
        ("10.0.0.2:8443", "https://10.0.0.2:8443", True),
        ("10.0.0.2:8443", "https://10.0.0.2:8444", False),
        ("2001:DB8:0::2", "https://[2001:db8::2]", True),
        ("Xen2", "https://xen2", True),
        ("[", "https://xen2", False),
        ("", "https://xen2", False),
    ],
)
def test_members_are_recognised_however_their_address_is_written(address: str, url: str, same: bool) -> None:
    mark = PoolMark(pool=PoolId("p"), url="https://10.0.0.1", fingerprint="ab", members=(address,))
    assert is_same(mark, url, "cd") is same
