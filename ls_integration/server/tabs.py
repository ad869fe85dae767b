"""Tabs of the Data Manager: lists of a project's tasks, filtered and sorted."""

from collections.abc import Sequence
from typing import Any

from ls_integration.kinds.kind import Tab
from ls_integration.server.client import Client

_PATH = "/api/dm/views"


def ensure_tabs(client: Client, project_id: int, tabs: Sequence[Tab]) -> dict[str, int]:
    """Make those tabs of a project that are not there yet.

    A tab is known by its title; one that is there stays as people have made it.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    tabs : sequence of Tab
        Wanted, from left to right.

    Returns
    -------
    dict of str to int
        Title -> id of the tab. ``/projects/P/data?tab=ID`` shows it, and
        ``&labeling=1`` behind that is the stream of its tasks in its order.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    """
    known = {
        str((view.get("data") or {}).get("title")): int(view["id"])
        for view in client.get(_PATH, params={"project": project_id})
    }
    ids = {}
    for tab in tabs:
        if tab.title not in known:
            body = {"project": project_id, "data": _view(tab)}
            known[tab.title] = int(client.post(_PATH, json=body)["id"])
        ids[tab.title] = known[tab.title]
    return ids


def _view(tab: Tab) -> dict[str, Any]:
    view: dict[str, Any] = {
        "title": tab.title,
        "type": "list",
        "target": "tasks",
        "filters": {
            "conjunction": "and",
            "items": [
                {
                    "filter": f"filter:tasks:{one.column}",
                    "operator": one.operator,
                    "type": one.type,
                    "value": one.value,
                }
                for one in tab.filters
            ],
        },
        "ordering": [f"{'-' if tab.is_descending else ''}tasks:{tab.order_by}"]
        if tab.order_by
        else [],
        "hiddenColumns": {
            "explore": [f"tasks:{column}" for column in tab.hidden],
            "labeling": [f"tasks:{column}" for column in tab.hidden],
        },
        # Without it Label Studio sorts a field of the data as text: 1e-05 above 0.9.
        "columnsDisplayType": {f"tasks:{column}": "Number" for column in tab.numbers},
    }
    return view
