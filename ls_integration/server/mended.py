"""Label Studio in our processes: mended and made quicker, embedded and in a container.

An export that fetches pictures (COCO and YOLO "with images", Pascal VOC) sends
the owner's token along wherever a task's ``image`` points to Label Studio's own
address, and puts the answer into the archive. So any member could read the
owner's token with a task whose image is ``/api/current-user/token`` (seen with
1.23.2). Label Studio leaves such pictures out if it does not know its own
address; here it never does. Ours are files below the document root or in the
study anyway.

The memory: where somebody corrects an answer, the first one is kept inside it,
see `first_answers`. Label Studio itself has no history of an annotation.

Each of the dozen small transactions of one answer waits for the disk; here the
whole answer is one. Most of the time of a listing of tasks went into preparing the same
lists for each task anew, and into Python's search for garbage among what was loaded at the
start (docs/performance.md); here neither is done. Django must be set up before.
"""

import gc
import importlib
import sys
from typing import Any

from ls_integration.first_answers import keep_first_answer


def mend() -> None:
    """Change what all our servers change.

    Raises
    ------
    AttributeError
        If this Label Studio is built differently and the hole cannot be
        closed (better no server than an open one), or it cannot be made quicker.
    """
    _close_the_hole_of_exports()
    _remember_first_answers()
    _save_answers_at_once()
    _write_counters_directly()
    _prepare_lists_once_a_page()


def leave_start_out_of_collections() -> None:
    """Let Python's garbage collector pass over all that is loaded by now, for good.

    To be called when the application is loaded, before the first request.

    Notes
    -----
    A full collection walks through every object that lives; those of Label Studio's
    code are more than half a million and never garbage. `gc.freeze
    <https://docs.python.org/3/library/gc.html#gc.freeze>`_.
    """
    urls: Any = importlib.import_module("django.urls")
    # The views are imported with the first request otherwise.
    _ = urls.get_resolver().url_patterns
    gc.collect()
    gc.freeze()


def _close_the_hole_of_exports() -> None:
    """Let Label Studio not know its own address when it fetches pictures."""
    functions: Any = importlib.import_module("data_export.functions")
    if not callable(functions.get_export_hostname):
        raise AttributeError(functions.__name__)
    functions.get_export_hostname = _unknown
    # The only caller takes the function by name when it is imported.
    if "data_export.api" in sys.modules:
        sys.modules["data_export.api"].__dict__["get_export_hostname"] = _unknown


def _unknown(_request: object) -> None:
    """Say that Label Studio does not know its own address."""


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


def _save_answers_at_once() -> None:
    """Store an answer and all that it changes (its task's state, counters) in one transaction.

    Besides being quicker, a server that is killed in between leaves no answer
    behind whose task still counts as open.

    Raises
    ------
    AttributeError
        If this Label Studio stores answers elsewhere.
    """
    view: Any = importlib.import_module("tasks.api").AnnotationsListAPI
    transaction: Any = importlib.import_module("django.db.transaction")
    view.perform_create = transaction.atomic(view.perform_create)


def _write_counters_directly() -> None:
    """Write the counters of tasks row by row instead of as one expression of all rows.

    After an import Label Studio sets three numbers for each task. Django writes a
    thousand tasks at a time as three ``CASE WHEN`` of a thousand branches each,
    and building them took half of an import's time (profiled with 1.23.2). The
    same values, one prepared statement executed many times, take none of it.

    Raises
    ------
    AttributeError
        If this Label Studio keeps its tasks elsewhere.
    """
    task: Any = importlib.import_module("tasks.models").Task
    connections: Any = importlib.import_module("django.db").connections
    transaction: Any = importlib.import_module("django.db.transaction")
    queries: Any = type(task.objects.get_queryset())
    by_expression = queries.bulk_update

    def bulk_update(self: Any, objs: Any, fields: Any, batch_size: int | None = None) -> Any:
        objects = list(objs)
        columns = [self.model._meta.get_field(name) for name in fields]
        values = [[getattr(one, column.attname) for column in columns] for one in objects]
        # What is no plain value, or not one of many, is left to Django.
        is_plain = not any(hasattr(value, "resolve_expression") for row in values for value in row)
        if not objects or not is_plain or any(one.pk is None for one in objects):
            return by_expression(self, objects, fields, batch_size=batch_size)
        connection = connections[self.db]
        quoted = connection.ops.quote_name
        assignments = ", ".join(f"{quoted(column.column)} = %s" for column in columns)
        table, key = quoted(self.model._meta.db_table), quoted(self.model._meta.pk.column)
        rows = [
            [
                *(
                    column.get_db_prep_save(value, connection)
                    for column, value in zip(columns, row, strict=True)
                ),
                one.pk,
            ]
            for one, row in zip(objects, values, strict=True)
        ]
        with (
            transaction.atomic(using=self.db, savepoint=False),
            connection.cursor() as cursor,
        ):
            cursor.executemany(f"UPDATE {table} SET {assignments} WHERE {key} = %s", rows)
        return len(objects)

    queries.bulk_update = bulk_update


def _prepare_lists_once_a_page() -> None:
    """Let one serializer write the annotations of all tasks of a page, one its predictions.

    The Data Manager's makes both anew for each task, with all their fields: three quarters
    of the time of a page (docs/performance.md).

    Raises
    ------
    AttributeError
        If this Label Studio lists tasks in another way.
    """
    module: Any = importlib.import_module("data_manager.serializers")
    listed = module.DataManagerTaskSerializer
    annotations_of, _ = listed.get_annotations, listed.get_predictions
    annotations, predictions = module.AnnotationsDMFieldSerializer, module.PredictionSerializer

    def kept(page: Any, serializer: Any, **options: Any) -> Any:
        # One object lists all tasks of a page, and nothing else.
        found = page.__dict__.setdefault("_ls_integration_lists", {})
        if serializer not in found:
            found[serializer] = serializer(many=True, read_only=True, **options)
        return found[serializer]

    def get_annotations(self: Any, task: Any) -> Any:
        if not self.context.get("annotations") or self.context.get("annotations_stub"):
            return annotations_of(self, task)
        return kept(self, annotations, context=self.context).to_representation(
            task.annotations.all()
        )

    def get_predictions(self: Any, task: Any) -> Any:
        return kept(self, predictions, default=[]).to_representation(task.predictions)

    listed.get_annotations, listed.get_predictions = get_annotations, get_predictions
