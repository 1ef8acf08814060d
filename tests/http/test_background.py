"""Background tasks are only recorded here."""

from __future__ import annotations

import pytest

from ketch.http.background import BackgroundTask, BackgroundTasks


def work(number: int, *, name: str = "") -> None:
    raise AssertionError("nothing here runs a task")


def test_tasks_are_recorded_in_order() -> None:
    tasks = BackgroundTasks([BackgroundTask(work, 1)])
    tasks.add_task(work, 2, name="x")
    assert tasks.tasks == [(work, (1,), {}), (work, (2,), {"name": "x"})]
    assert BackgroundTask(work, 3).tasks == [(work, (3,), {})]


def test_a_result_instead_of_a_function_is_refused() -> None:
    with pytest.raises(TypeError, match="a background task is a callable, not NoneType"):
        BackgroundTasks().add_task(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a background task is a callable, not int"):
        BackgroundTask(3)  # type: ignore[arg-type]
