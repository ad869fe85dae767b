"""Label Studio's listing of tasks, as our servers answer it."""

from typing import Any

from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server.client import Client

XML = label_config_xml("sted_quality")
CONTROL = parse(XML).choices()
MANY_TASKS = 13


def test_each_task_of_a_page_has_its_own_answers_and_predictions(client: Client) -> None:
    """One serializer writes all tasks of a page; nothing of one task stays for the next."""
    project_id = client.post("/api/projects", json={"title": "Listing", "label_config": XML})["id"]
    tasks = [
        {
            "data": {"image": f"/data/{number}.webp", "item_id": f"item{number}"},
            "annotations": [
                {"result": choice_result(CONTROL, label), "lead_time": float(number)}
                for label in ("normal", "anomaly")[: number % 3]
            ],
            "predictions": [
                {
                    "result": choice_result(CONTROL, "normal"),
                    "score": number / 100,
                    "model_version": v,
                }
                for v in ("one", "two")[: number // 3 % 3]
            ],
        }
        for number in range(MANY_TASKS)
    ]
    client.post(f"/api/projects/{project_id}/import", json=tasks)
    params = {"project": project_id, "page_size": 100, "fields": "all", "resolve_uri": "false"}
    listed = client.get("/api/tasks", params=params)["tasks"]
    assert len(listed) == MANY_TASKS
    for sent, task in zip(tasks, sorted(listed, key=lambda one: one["id"]), strict=True):
        assert task["data"] == sent["data"]
        assert said(task, "annotations", "lead_time") == said(sent, "annotations", "lead_time")
        assert said(task, "predictions", "score", "model_version") == said(
            sent, "predictions", "score", "model_version"
        )
        alone = client.get(f"/api/tasks/{task['id']}")
        for kind, names in (
            ("annotations", ("id", "created_at", "was_cancelled")),
            ("predictions", ("id", "created_at", "task", "project")),
        ):
            assert said(task, kind, *names) == said(alone, kind, *names)
    client.delete(f"/api/projects/{project_id}")


def said(task: dict[str, Any], kind: str, *names: str) -> list[tuple[Any, ...]]:
    """Give some fields of a task's annotations or predictions, without their order."""
    rows = [(one["result"], *(one.get(name) for name in names)) for one in task[kind]]
    return sorted(rows, key=repr)
