"""The pools on the network: TLS, both codecs, faults, the official client, and nothing left behind."""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import RemoteDisconnected
from typing import Any

import pytest
import XenAPI

from tests.simulated import ServedPool, Simulated
from xsmigui.simulator.failures import Failure


@pytest.fixture(scope="module")
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


def post(url: str, path: str, body: bytes) -> tuple[int, str, bytes]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url + path, body)
    try:
        with urllib.request.urlopen(
            request, timeout=20, context=context if url.startswith("https") else None
        ) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


def call(pool: ServedPool, method: str, *params: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()
    return json.loads(post(pool.url, "/jsonrpc", body)[2])


@contextmanager
def official(url: str, password: str = "secret") -> Iterator[Any]:
    session = XenAPI.Session(url, ignore_ssl=True)
    try:
        session.xenapi.login_with_password("root", password, "1.1", "test")
        yield session.xenapi
    finally:
        session("close")()


def test_json_of_both_versions(site: Simulated) -> None:
    pool = site.pools[0]
    answer = call(pool, "session.login_with_password", pool.user, pool.password)
    session = answer["result"]
    assert answer == {"jsonrpc": "2.0", "result": session, "id": 7}
    error = call(pool, "VM.get_record", session, "OpaqueRef:none")["error"]
    assert error == {"code": 1, "message": "HANDLE_INVALID", "data": ["VM", "OpaqueRef:none"]}
    old = json.dumps({"id": "x", "method": "VM.get_record", "params": [session, "no"]}).encode()
    status, kind, body = post(pool.url, "/jsonrpc", old)
    assert (status, kind) == (200, "application/json")
    assert json.loads(body) == {"result": None, "error": ["HANDLE_INVALID", "VM", "no"], "id": "x"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/jsonrpc", b"{"),
        ("/jsonrpc", b"[]"),
        ("/jsonrpc", b"x" * 400_000),
        ("/", b"<methodCall>"),
        ("/", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
    ],
)
def test_bodies_that_are_no_calls(site: Simulated, path: str, body: bytes) -> None:
    status, kind, _ = post(site.pools[0].url, path, body)
    assert status == 500
    assert kind.startswith("text/html")


def test_xml_leaves_integers_untagged_and_void_empty(site: Simulated) -> None:
    with official(site.pools[0].url) as xen:
        vm = xen.VM.get_by_name_label("mail")[0]
        assert xen.VM.get_memory_static_max(vm) == str(2 << 30)
        assert xen.VM.get_is_a_template(vm) is False
        assert xen.VM.set_name_description(vm, "<&>") == ""
        assert xen.VM.get_name_description(vm) == "<&>"
        xen.session.logout()


def test_members_name_the_coordinator(site: Simulated) -> None:
    pool = site.pools[0]
    assert len(pool.member_urls) == 2
    with pytest.raises(XenAPI.Failure) as caught, official(pool.member_urls[0], "wrong"):
        pass
    assert caught.value.details == ["HOST_IS_SLAVE", pool.url.removeprefix("https://")]


def test_the_certificate_has_the_fingerprint_that_is_told(site: Simulated) -> None:
    host, port = site.pools[0].url.removeprefix("https://").split(":")
    pem = ssl.get_server_certificate((host, int(port)))
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    assert digest == site.pools[0].fingerprint.replace(":", "")


def test_a_migration_through_the_official_client() -> None:
    with (
        Simulated.start("two-pools") as site,
        official(site.pools[0].url) as here,
        official(site.pools[1].url) as there,
    ):
        vm = here.VM.get_by_name_label("web-02")[0]
        record = here.VM.get_record(vm)
        assert record in list(here.VM.get_all_records().values())
        network = there.network.get_by_name_label("Storage")[0]
        dest = there.host.migrate_receive(there.host.get_all()[0], network, {})
        assert dest["SM"].startswith("http://10.99.0.")
        sr, guests = there.SR.get_by_name_label("NFS Lisboa")[0], there.network.get_by_name_label("Guests")[0]
        disks = [here.VBD.get_VDI(v) for v in record["VBDs"] if here.VBD.get_type(v) == "Disk"]
        params = (vm, dest, True, dict.fromkeys(disks, sr), dict.fromkeys(record["VIFs"], guests), {})
        assert here.VM.assert_can_migrate(*params) == ""
        watch = getattr(here.event, "from")
        token = watch(["task"], "", 1.0)["token"]
        task = here.Async.VM.migrate_send(*params)
        status = "pending"
        while status == "pending":
            batch = watch([f"task/{task}"], token, 10.0)
            token = batch["token"]
            status = next((e["snapshot"]["status"] for e in batch["events"] if e["ref"] == task), status)
        assert status == "success"
        new = here.task.get_result(task).removeprefix("<value>").removesuffix("</value>")
        assert there.VM.get_uuid(new) == record["uuid"]
        assert isinstance(batch["valid_ref_counts"]["task"], int)


def test_faults_refuse_and_drop() -> None:
    with Simulated.start("standalone", http=True) as site:
        pool = site.pools[0]
        session = call(pool, "session.login_with_password", pool.user, pool.password)["result"]
        site.run(lambda: pool.pool.faults.add("pool.get_all", nth=2, failure=Failure("HOST_STILL_BOOTING")))
        assert "result" in call(pool, "pool.get_all", session)
        assert call(pool, "pool.get_all", session)["error"]["message"] == "HOST_STILL_BOOTING"
        assert "result" in call(pool, "pool.get_all", session)
        site.run(lambda: pool.pool.faults.add("pool.get_all", drop=True, delay=0.01))
        with pytest.raises((RemoteDisconnected, ConnectionError)):
            call(pool, "pool.get_all", session)
        assert pool.fingerprint == ""
        assert pool.name == "faro"


def test_nothing_is_left_behind() -> None:
    before = set(threading.enumerate())
    with Simulated.start("standalone") as site:
        vm = site.vm(0, "app")
        assert site.call(0, "VM.get_power_state", vm) == "Running"
        url = site.pools[0].url
    site.stop()
    assert set(threading.enumerate()) == before
    with pytest.raises(urllib.error.URLError):
        post(url, "/jsonrpc", b"{}")


def test_both_protocols_list_the_methods(site: Simulated) -> None:
    pool = site.pools[0]
    listed = call(pool, "system.listMethods")["result"]
    assert {"VM.migrate_send", "event.from", "VM.get_all_records_where"} <= set(listed)
    body = b"<methodCall><methodName>system.listMethods</methodName><params/></methodCall>"
    text = post(pool.url, "/RPC2", body)[2].decode()
    assert text.count("<value>") == len(listed) + 1  # a bare array, without a status


@pytest.mark.parametrize(
    ("method", "path", "session", "status"),
    [
        ("GET", "/", False, 200), ("GET", "/nothing<b>", False, 404), ("PUT", "/nothing", False, 403),
        ("DELETE", "/", False, 501), ("GET", "/rrd_updates", False, 401), ("GET", "/rrd_updates", True, 501),
        ("PUT", "/import", True, 501), ("OPTIONS", "/jsonrpc", False, 200),
    ],
)  # fmt: skip
def test_what_is_no_call(site: Simulated, method: str, path: str, session: bool, status: int) -> None:
    pool = site.pools[0]
    known = call(pool, "session.login_with_password", pool.user, pool.password)["result"]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"Cookie": f"session_id={known}; task_id=x"} if session else {}
    request = urllib.request.Request(pool.url + path.replace("<", "%3C"), method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            got, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            got, text = error.code, error.read().decode()
    assert got == status
    assert "<b>" not in text


@pytest.mark.parametrize("text", [b"caf\xe9", b"\\ud800", b"\xff\xfe"])
def test_a_string_that_is_no_text_is_refused(site: Simulated, text: bytes) -> None:
    pool = site.pools[0]
    session = call(pool, "session.login_with_password", pool.user, pool.password)["result"]
    vm = call(pool, "VM.get_by_name_label", session, "web-01")["result"][0]
    head = f'{{"jsonrpc":"2.0","id":1,"method":"VM.set_name_label","params":["{session}","{vm}","'.encode()
    status, _, body = post(pool.url, "/jsonrpc", head + text + b'"]}')
    assert status == 200
    error = json.loads(body)["error"]
    assert error["message"] == "INVALID_VALUE"
    assert error["data"][0] == "Invalid UTF-8 string in parameter"
    assert call(pool, "VM.get_name_label", session, vm)["result"] == "web-01"
    status, _, body = post(pool.url, "/jsonrpc", b'{"id":"' + text + b'","method":"VM.' + text + b'","params":[]}')
    assert json.loads(body)["error"][0] == "MESSAGE_METHOD_UNKNOWN"
    struct = f'{{"id":1,"method":"network.create","params":["{session}",{{"other_config":{{}},"name_label":"'.encode()
    status, _, body = post(pool.url, "/jsonrpc", struct + text + b'"}]}')
    assert json.loads(body)["error"][0] == "INVALID_VALUE"
    status, _, body = post(pool.url, "/jsonrpc", b'{"id":1,"method":"VM.get_all","params":["' + text + b'"]}')
    assert json.loads(body)["error"][0] == "INVALID_VALUE"


@pytest.mark.parametrize(("algorithm", "digest"), [("sha-256", hashlib.sha256), ("sha-1", hashlib.sha1)])
def test_a_member_tells_its_coordinators_thumbprint(site: Simulated, algorithm: str, digest: Any) -> None:
    pool = site.pools[0]
    port = int(pool.url.rpartition(":")[2])
    coordinator = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))
    asked = {"x-xenapi-request-host-certificate-thumbprint": f"{algorithm}:master"}

    def told(url: str, path: str, body: bytes, headers: dict[str, str]) -> str | None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        request = urllib.request.Request(url + path, body, headers)
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            answer.read()
            return str(answer.headers["x-xenapi-response-host-certificate-thumbprint"] or "") or None

    login = b'{"jsonrpc":"2.0","id":1,"method":"session.login_with_password","params":["root","x"]}'
    xml = (b"<methodCall><methodName>session.login_with_password</methodName><params><param><value>root</value></param>"
           b"<param><value>x</value></param></params></methodCall>")  # fmt: skip
    member = pool.member_urls[0]
    assert told(member, "/jsonrpc", login, asked) == digest(coordinator).hexdigest()
    assert told(member, "/", xml, asked) == digest(coordinator).hexdigest()
    assert told(member, "/jsonrpc", login, {}) is None
    assert told(pool.url, "/jsonrpc", login, asked) is None
    other = {"x-xenapi-request-host-certificate-thumbprint": "md5:master"}
    assert told(member, "/jsonrpc", login, other) is None
