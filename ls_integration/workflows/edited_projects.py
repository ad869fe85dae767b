"""Projects that somebody has edited by hand: what is not the study's is left out, in one line."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from ls_integration.errors import some_of
from ls_integration.label_config import parse
from ls_integration.study import Project


@dataclass(frozen=True)
class Edits:
    """What of a project's tasks is the study's; filled while they are read.

    Attributes
    ----------
    project : Project
        Of the study.
    item_ids : collection of str
        All items of the study.
    counts : Counter
        Tasks of each item that has any.
    foreign : list of int
        Tasks that are not the study's.
    """

    project: Project
    item_ids: Collection[str]
    counts: Counter[str] = field(default_factory=Counter)
    foreign: list[int] = field(default_factory=list)

    def leave_out(self, tasks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Note what there is, and take what the study asked about.

        Parameters
        ----------
        tasks : sequence of dict
            ``id`` and ``data`` each.

        Returns
        -------
        list of dict
            Those of the study's items; of a page for several items all that name one.
        """
        ours = []
        for task in tasks:
            item_id = str(task["data"].get("item_id") or "")
            if not item_id or (not self.project.view and item_id not in self.item_ids):
                self.foreign.append(int(task["id"]))
                continue
            self.counts[item_id] += 1
            ours.append(task)
        return ours

    def line(self, changed: Sequence[str] = ()) -> str | None:
        """Say what is other than the study sent it.

        Parameters
        ----------
        changed : sequence of str, optional
            From `changed_tags`.

        Returns
        -------
        str or None
            One line with what to do; None: nothing is.
        """
        # Of a page for several items only an import knows which there should be.
        missing = (
            [] if self.project.view else [one for one in self.item_ids if not self.counts[one]]
        )
        doubled = [item_id for item_id, count in self.counts.items() if count > 1]
        found = []
        if missing:
            found.append(
                f"items have no task there: {some_of(missing)}, the same import or extend again "
                "sends them"
            )
        if doubled:
            found.append(
                f"items have several tasks: {some_of(doubled)}, the same import or replay again "
                "removes copies that nobody has touched"
            )
        if self.foreign:
            found.append(
                f"tasks are not of this study and are left out: {some_of(sorted(self.foreign))}"
            )
        if changed:
            found.append(f"the label config was changed in {some_of(changed)}, put it back")
        if not found:
            return None
        project = self.project
        return f"{project.title} ({project.project_id}) was edited by hand: {'; '.join(found)}"


def changed_tags(on_server: str, ours: str) -> list[str]:
    """Compare what answers depend on in two label configs.

    Parameters
    ----------
    on_server : str
        The project's XML, perhaps edited by hand.
    ours : str
        That of the study's kind.

    Returns
    -------
    list of str
        Tags with a name that differ in it, in their choices or in their keys. Style
        and text may.

    Raises
    ------
    TaskError
        If one of them is no label config.
    """
    theirs, wanted = _named_tags(on_server), _named_tags(ours)
    return [
        name for name in dict.fromkeys([*wanted, *theirs]) if wanted.get(name) != theirs.get(name)
    ]


def _named_tags(xml: str) -> Mapping[str, tuple[object, ...]]:
    parse(xml)  # says in our words what is no XML
    return {
        f"<{tag.tag} name='{tag.get('name')}'>": (
            tag.get("toName"),
            tag.get("value"),
            tag.get("choice"),
            tag.get("required"),
            tuple((child.get("value"), child.get("hotkey")) for child in tag),
        )
        for tag in ElementTree.fromstring(xml).iter()
        if tag.get("name")
    }
