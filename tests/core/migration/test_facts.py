from tests.core.migration.helpers import away, blocks, inside, problem, rules, yes
from tests.core.site import TwoPools
from xsmigui.core.failures import ServerFailure, Unreachable
from xsmigui.core.migration.defaults import resolve
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.facts import Answer, CanBootHere, CanMigrate, MayCall, OperationValid, Question, assertion
from xsmigui.core.problems import Page
from xsmigui.core.refs import HostRef


def motions(evaluation: Evaluation) -> list[Question]:
    """The questions about VMs."""
    return [question for question in evaluation.questions if not isinstance(question, MayCall)]


def test_a_live_migration_asks_whether_the_vm_could_run_there() -> None:
    site = TwoPools()
    found = evaluate(site.site, inside(site, site.web))
    assert found.questions == (
        MayCall(site.madrid.id, ("VM.pool_migrate", "VM.set_affinity")),
        CanBootHere(site.madrid.id, site.web, site.m3),
    )
    assert found.pending
    assert found.plan is None
    done = evaluate(site.site, inside(site, site.web), yes(found))
    assert not done.pending
    assert done.plan is not None


def test_a_storage_migration_asks_with_the_very_maps() -> None:
    site = TwoPools()
    (question,) = motions(evaluate(site.site, away(site, site.web)))
    assert isinstance(question, CanMigrate)
    assert (question.pool, question.target) == (site.madrid.id, site.lisboa.id)
    assert (question.host, question.network) == (site.l1, site.l_storage_net)
    assert [sr for _vdi, sr in question.vdi_map] == [site.l_nfs, site.l_nfs]
    assert question.vif_map == (("OpaqueRef:Madrid/VIF/web 0", site.l_lan),)
    assert question.options == ()


def test_another_choice_is_another_question() -> None:
    site = TwoPools()
    first = evaluate(site.site, away(site, site.web))
    other = evaluate(site.site, away(site, site.web).on_same_sr(site.l1_local), yes(first))
    assert other.questions
    assert other.questions != first.questions


def test_the_gate_s_reason_is_asked_for() -> None:
    site = TwoPools()
    site.madrid.set(site.web, allowed_operations=[])
    waiting = evaluate(site.site, inside(site, site.web))
    gate = OperationValid(site.madrid.id, site.web, "pool_migrate")
    assert waiting.questions == (gate,)
    assert "asking for the reason" in problem(waiting, "R05").message
    refused = Answer(ServerFailure("VM_HAS_VUSBS", (site.web,)))
    found = evaluate(site.site, inside(site, site.web), {gate: refused})
    assert motions(found) == []
    assert problem(found, "R71").message == "web has a USB device attached."
    assert (problem(found, "R71").page, problem(found, "R71").source) == (Page.destination, "server")
    allowed = evaluate(site.site, inside(site, site.web), {gate: Answer()})
    assert [type(q) for q in allowed.questions] == [MayCall, CanBootHere]


def test_nothing_is_asked_where_we_know_why() -> None:
    site = TwoPools()
    site.madrid.set(site.web, allowed_operations=[], VUSBs=["OpaqueRef:usb"])
    found = evaluate(site.site, inside(site, site.web))
    assert found.questions == ()
    assert blocks(found) == ["R71"]


def test_nothing_is_asked_without_a_host() -> None:
    site = TwoPools()
    site.madrid.set(site.web, allowed_operations=[])
    assert evaluate(site.site, inside(site, site.web).on(site.web, HostRef("gone"))).questions == ()


def test_a_refusal_belongs_to_its_rule_and_page() -> None:
    site = TwoPools()
    draft = away(site, site.web)
    (question,) = motions(evaluate(site.site, draft))
    refusal = Answer(ServerFailure("HOST_CANNOT_ATTACH_NETWORK", (site.l1, site.l_storage_net)))
    found = evaluate(site.site, draft, {question: refusal})
    assert problem(found, "R82").message == "l1 is not on the network Storage."
    assert problem(found, "R82").page is Page.storage_network
    assert found.plan is None


def test_a_refusal_whose_page_is_not_in_the_flow_stands_on_the_summary() -> None:
    site = TwoPools()
    draft = inside(site, site.web)
    (question,) = motions(evaluate(site.site, draft))
    found = evaluate(site.site, draft, {question: Answer(ServerFailure("VIF_NOT_IN_MAP", ("x",)))})
    assert problem(found, "R80").page is Page.summary


def test_silence_is_a_block_too() -> None:
    site = TwoPools()
    draft = inside(site, site.web)
    (question,) = motions(evaluate(site.site, draft))
    found = evaluate(site.site, draft, {question: Answer(Unreachable("https://madrid", "timed out"))})
    assert blocks(found) == ["R05"]
    assert problem(found, "R05").page is Page.destination
    assert "R05" in rules(found)


def test_there_is_no_question_without_a_host_or_a_storage_network() -> None:
    site = TwoPools()
    (bare,) = resolve(site.site, site.madrid.move(site.web)).moves
    assert assertion(bare) is None
    for pif in site.lisboa.get_all("PIF"):
        site.lisboa.set(pif, IP="")
    (silent,) = resolve(site.site, away(site, site.web)).moves
    assert assertion(silent) is None


def test_r08_the_session_s_rights_are_asked_for() -> None:
    """In both pools, once for all VMs, and what is denied is said with the roles that would do."""
    site = TwoPools()
    draft = away(site, site.web, site.db)
    found = evaluate(site.site, draft)
    asked = [question for question in found.questions if isinstance(question, MayCall)]
    assert [(q.pool, q.methods) for q in asked] == [
        (site.lisboa.id, ("host.migrate_receive", "VM.set_affinity")),
        (site.madrid.id, ("VM.assert_can_migrate", "VM.migrate_send")),
    ]
    refused = Answer(
        ServerFailure("RBAC_PERMISSION_DENIED", ("VM.migrate_send",)), roles=("pool-admin", "pool-operator")
    )
    denied = evaluate(site.site, draft, {**yes(found), asked[1]: refused})
    assert blocks(denied) == ["R08"]
    said = problem(denied, "R08")
    assert said.message == "Your role in Madrid does not allow VM.migrate_send."
    assert said.hint == "Log in there as a user with one of these roles: pool-admin, pool-operator."
    untold = evaluate(site.site, draft, {**yes(found), asked[1]: Answer(refused.failure)})
    assert problem(untold, "R08").hint == "Log in there as a user whose role allows it."
    assert (said.page, said.subject.name) == (Page.destination, "Madrid")
    silent = evaluate(site.site, draft, {**yes(found), asked[0]: Answer(Unreachable("https://lisboa", "timed out"))})
    assert blocks(silent) == ["R05"]
    assert evaluate(site.site, draft, yes(found)).plan is not None
