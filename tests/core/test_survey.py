import json

from tests.core.site import TwoPools
from xsmigui.core.survey import survey


def test_an_inventory_as_the_command_line_promises_it() -> None:
    site = TwoPools()
    site.madrid.set(site.web, affinity=site.m2)
    found = json.loads(json.dumps(survey(site.site, {site.madrid.id: "https://m1"})))
    lisboa, madrid = found["pools"]
    assert (lisboa["name"], lisboa["url"]) == ("Lisboa", "")
    assert (madrid["name"], madrid["url"], madrid["version"]) == ("Madrid", "https://m1", "8.4.0")
    assert [host["name"] for host in madrid["hosts"]] == ["m1", "m2", "m3"]
    assert [vm["name"] for vm in madrid["vms"]] == ["db", "files", "sleeper", "web"]
    web, files = madrid["vms"][3], madrid["vms"][1]
    assert (web["host"], web["home_server"], files["host"]) == ("m1", "m2", None)
    assert [disk["sr"] for disk in web["disks"]] == ["m-nfs", "m-nfs"]
    assert [network["network"] for network in web["networks"]] == ["LAN"]
    nfs = next(sr for sr in madrid["srs"] if sr["name"] == "m-nfs")
    assert (nfs["type"], nfs["shared"], nfs["hosts"]) == ("nfs", True, ["m1", "m2", "m3"])


def test_a_pool_without_its_coordinator() -> None:
    site = TwoPools()
    for host in site.madrid.hosts:
        site.madrid.remove(host)
    found = survey(site.site, {})["pools"][1]
    assert (found["version"], found["hosts"]) == ("", [])
