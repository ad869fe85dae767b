"""What runs in the embedded server's process: Label Studio, mended and made quicker.

An export that fetches pictures (COCO and YOLO "with images", Pascal VOC) sends
the owner's token along wherever a task's ``image`` points to Label Studio's own
address, and puts the answer into the archive. So any member could read the
owner's token with a task whose image is ``/api/current-user/token`` (seen with
1.23.2). Label Studio leaves such pictures out if it does not know its own
address; here it never does. Ours are files below the document root or in the
study anyway.

The memory: where somebody corrects an answer, the first one is kept inside it,
see `first_answers`. Label Studio itself has no history of an annotation.

How it keeps its database and answers requests is in `embedded_serving`.
"""

import importlib
import sys
from typing import Any

from ls_integration.first_answers import keep_first_answer
from ls_integration.server import embedded_serving


def main() -> None:
    """Run Label Studio's own command line.

    Raises
    ------
    AttributeError
        If this Label Studio is built differently and the hole cannot be
        closed (better no server than an open one), or it cannot be made quicker.
    """
    server: Any = importlib.import_module("label_studio.server")
    set_up = server._setup_env

    def set_up_and_close() -> None:
        set_up()
        functions: Any = importlib.import_module("data_export.functions")
        if not callable(functions.get_export_hostname):
            raise AttributeError(functions.__name__)
        functions.get_export_hostname = _unknown
        # The only caller takes the function by name when it is imported.
        if "data_export.api" in sys.modules:
            sys.modules["data_export.api"].__dict__["get_export_hostname"] = _unknown
        _remember_first_answers()
        embedded_serving.tune_database()
        embedded_serving.save_answers_at_once()
        embedded_serving.write_counters_directly()

    server._setup_env = set_up_and_close
    # Called with both by name; without it Label Studio would start its own server.
    if not callable(server._app_run):
        raise AttributeError(server.__name__)
    server._app_run = embedded_serving.serve
    server.main()


def _remember_first_answers() -> None:
    """Let Django call us before it overwrites an annotation."""
    signals: Any = importlib.import_module("django.db.models.signals")
    models: Any = importlib.import_module("tasks.models")
    # A function of the module: Django forgets receivers that nobody else holds.
    signals.pre_save.connect(_keep_first_answer, sender=models.Annotation)


def _keep_first_answer(
    sender: Any, instance: Any, update_fields: Any = None, **_options: object
) -> None:
    """Write the first answer into an annotation that is about to be overwritten."""
    is_touched = update_fields is None or "result" in update_fields
    if instance.pk is None or not is_touched or not _is_result(instance.result):
        return
    stored = sender.objects.filter(pk=instance.pk).values("result", "was_cancelled").first()
    if stored is not None and _is_result(stored["result"]):
        instance.result = keep_first_answer(
            stored["result"],
            instance.result,
            was_skipped=bool(stored["was_cancelled"]),
            is_skipped=bool(instance.was_cancelled),
        )


def _is_result(value: object) -> bool:
    """Tell a result from what else the API lets in."""
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _unknown(_request: object) -> None:
    """Say that Label Studio does not know its own address."""


if __name__ == "__main__":
    main()
