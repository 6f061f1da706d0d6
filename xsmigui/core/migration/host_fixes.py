"""What is done to a host for its maintenance: the next call, of what the host's record shows.

A key of `other_config` cannot be overwritten: it is removed and added (xapi answers MAP_DUPLICATE_KEY otherwise), so
what the host's lists are to be is noted in the journal before the first of them is removed.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import m_
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.evacuation import LISTS, MODE
from xsmigui.core.migration.fixes import EnterMaintenance, Fix, LeaveMaintenance, OfHost, ShutDownHere, StrikeOff
from xsmigui.core.migration.steps import Done, Request, Step
from xsmigui.core.refs import HostRef
from xsmigui.core.releases import Since, pool_knows

ADD: Final = "host.add_to_other_config"
REMOVE: Final = "host.remove_from_other_config"


def host_of(fix: Fix) -> HostRef | None:
    """The host whose keys a fix writes; None if it writes none."""
    return fix.host if isinstance(fix, OfHost | ShutDownHere) else None


def settled(fix: Fix, record: Mapping[str, Any], inventory: Inventory) -> Fix:
    """A fix with what it needs to know of its host before it changes anything: `record` is the host as its server has
    it now, since events of our own writes may still be on their way."""
    host = host_of(fix)
    if host is None or host not in inventory.host:
        return fix
    config = dict(record["other_config"])
    known = inventory.with_record("host", host, replace(inventory.host[host], other_config=config))
    match fix:
        case EnterMaintenance():
            return replace(
                fix,
                lists=_texts(evacuation.lists_of_leaving(known, host, fix.leaving)),
                was_enabled=bool(record["enabled"]),
                was_marked=config.get(MODE) == "true",
                for_good=pool_knows(inventory, Since.DISABLED_FOR_GOOD),
            )
        case StrikeOff(everybody=True):
            return replace(fix, lists=dict.fromkeys(LISTS, ""))
        case StrikeOff():
            return replace(fix, lists=_texts(evacuation.lists_of_waiting(known, host)))
        case ShutDownHere() if fix.vm in inventory.VM:
            return replace(fix, lists=_texts(evacuation.with_halted(known, host, fix.vm)))
    return fix


def _texts(lists: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {key: ",".join(uuids) for key, uuids in lists.items()}


def next_of_host(fix: OfHost, host: Mapping[str, Any]) -> Step:
    """The next call; a host that is gone needs none."""
    if not host:
        return Done()
    match fix:
        case EnterMaintenance():
            return _enter(fix, host)
        case LeaveMaintenance():
            if not host["enabled"]:
                return Request("host.enable", (fix.host,), m_("enable {host}", host=fix.host_name))
            return _written(fix, {MODE: ""}, host) or Done()
        case StrikeOff():
            return _written(fix, fix.lists or {}, host) or Done()


def _enter(fix: EnterMaintenance, host: Mapping[str, Any]) -> Step:
    if host["enabled"]:
        for_good = (False,) if fix.for_good else ()
        return Request("host.disable", (fix.host, *for_good), m_("disable {host}", host=fix.host_name))
    return _written(fix, {MODE: "true"} | (fix.lists or {}), host) or Done()


def back_of_host(fix: EnterMaintenance, host: Mapping[str, Any]) -> Step:
    """The next call on the way back of a host that could not enter maintenance mode: it stands as it did before."""
    if not host:
        return Done()
    if fix.was_enabled and not host["enabled"]:
        return Request("host.enable", (fix.host,), m_("enable {host}", host=fix.host_name))
    return Done() if fix.was_marked else _written(fix, {MODE: ""}, host) or Done()


def _written(fix: OfHost | ShutDownHere, wanted: Mapping[str, str], host: Mapping[str, Any]) -> Request | None:
    """The call that brings the host's keys nearer to what they are to be; None if they are."""
    config = host["other_config"]
    for key, text in wanted.items():
        if config.get(key, "") == text:
            continue
        if key in config:
            return Request(REMOVE, (fix.host, key), m_("take {key} off {host}", key=key, host=fix.host_name))
        return Request(ADD, (fix.host, key, text), m_("note {key} on {host}", key=key, host=fix.host_name))
    return None


def next_of_list(fix: ShutDownHere, host: Mapping[str, Any]) -> Request | None:
    """The call that notes on the host whom it has to start again; None if it is noted, or the host is gone."""
    return _written(fix, fix.lists or {}, host) if host else None
