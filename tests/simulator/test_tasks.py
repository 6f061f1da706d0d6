"""Tasks: the order of their fields, cancelling, destroying, expiry (taskHelper.ml)."""

from __future__ import annotations

from tests.simulator.inside import clients, until


async def test_results_are_xml_and_the_status_comes_last() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "intranet-old")
    order: list[str] = []
    write = one.pool.db.set

    def watch(cls: str, ref: str, **fields: object) -> None:
        if cls == "task":
            order.extend(fields)
        write(cls, ref, **fields)

    one.pool.db.set = watch  # type: ignore[method-assign]
    record = await one.finished(await one("Async.VM.clone", vm, "again"))
    assert record["name_label"] == "Async.VM.clone"
    assert record["status"] == "success"
    assert record["result"].startswith("<value>OpaqueRef:")
    assert order[-5:] == ["allowed_operations", "finished", "progress", "result", "status"]


async def test_a_failure_fills_error_info() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "mail")
    record = await one.finished(await one("Async.VM.clone", vm, "x"))
    assert record["status"] == "failure"
    assert record["error_info"] == ["VM_BAD_POWER_STATE", vm, "halted", "running"]
    assert record["result"] == ""


async def test_synchronous_calls_have_a_task_for_a_moment() -> None:
    one, _ = await clients()
    before = len(one.pool.db.tables["task"].deleted)
    await one("VM.pause", await one.named("VM", "mail"))
    assert len(one.pool.db.tables["task"].deleted) == before + 1
    assert not one.pool.db.table("task")


async def test_cancelling_what_has_ended_changes_nothing() -> None:
    one, _ = await clients()
    task = await one("Async.VM.clone", await one.named("VM", "intranet-old"), "x")
    record = await one.finished(task)
    await one("task.cancel", task)
    assert one.pool.db.row("task", task) == record


async def test_a_pending_task_goes_when_it_has_ended() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "erp-test")
    task = await one("Async.VM.copy", vm, "copy", "OpaqueRef:NULL")
    await until(lambda: one.pool.db.get("task", task, "progress") > 0, one.pool)
    await one("task.destroy", task)
    assert await one("task.get_current_operations", task) == {"task": "destroy"}
    await until(lambda: not one.pool.db.has("task", task), one.pool)
    assert await one.named("VM", "copy")


async def test_finished_tasks_expire() -> None:
    one, _ = await clients()
    task = await one("Async.VM.clone", await one.named("VM", "intranet-old"), "x")
    await one.finished(task)
    one.pool.clock.advance(3901)
    one.pool.collect()
    assert not one.pool.db.has("task", task)


async def test_no_asynchronous_form_of_getters() -> None:
    one, _ = await clients()
    refusal = await one.refused("Async.VM.get_record", "OpaqueRef:none")
    assert refusal == ["Fault", "No async mode for this operation (rpc: VM.get_record)"]
