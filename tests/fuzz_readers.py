"""Every reader of the package: what a valid file of it looks like, and how such files break.

The table is complete if it names whatever opens, decodes or parses a file or an answer of
Label Studio; `tests.test_fuzz` compares it with a search through the package.
"""

import gzip
import io
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from tests.broken_files import (
    Break,
    broken_bytes,
    broken_csv,
    broken_fits,
    broken_json,
    broken_json_lines,
    broken_npy,
    broken_parquet,
    broken_png,
    broken_text,
    broken_tiff,
    broken_xml,
    broken_zip,
)

COUNTS = np.random.default_rng(3).poisson(5, (12, 17)).astype(np.uint16)
COLOURS = np.random.default_rng(4).integers(0, 256, (12, 17, 3), dtype=np.uint8)


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes
    ----------
    file : str
        What the broken file is called.
    read : callable
        Reads it.
    seeds : callable
        Makes valid files.
    breaks : tuple of callable
        How they break.
    covers : tuple of str
        Modules of the package whose reading this is, below ``ls_integration``.
    beside : callable
        Makes files that stay whole.
    names_file : bool
        Whether the error must name the file.
    """

    file: str
    read: Callable[[Path], object]
    seeds: Callable[[], Sequence[bytes]]
    breaks: tuple[Break, ...]
    covers: tuple[str, ...]
    beside: Callable[[], Mapping[str, bytes]] = field(default=dict)
    names_file: bool = True


# Valid files.


def saved(write: Callable[..., object], *values: Any, **options: Any) -> bytes:
    """Give the bytes that something writes to a stream."""
    content = io.BytesIO()
    write(content, *values, **options)
    return content.getvalue()


def npys() -> list[bytes]:
    return [
        saved(np.save, COUNTS),
        saved(np.save, np.asfortranarray(COUNTS.astype(">f4"))),
        saved(np.save, np.array([[{}, 1]], dtype=object), allow_pickle=True),
    ]


def npzs() -> list[bytes]:
    return [
        saved(np.savez, COUNTS),
        saved(np.savez_compressed, image=COUNTS.astype(float), other=np.arange(3)),
    ]


def tiffs() -> list[bytes]:
    import tifffile

    picture = Image.fromarray(COUNTS)
    return [
        saved(tifffile.imwrite, COUNTS),
        saved(tifffile.imwrite, COUNTS, compression="zlib", predictor=True),
        saved(tifffile.imwrite, np.stack([COUNTS] * 3), imagej=True),
        saved(tifffile.imwrite, COLOURS, photometric="rgb", byteorder=">"),
        saved(tifffile.imwrite, np.stack([COUNTS] * 2), ome=True),
        saved(tifffile.imwrite, COUNTS, bigtiff=False, tile=(16, 16)),
        saved(picture.save, format="TIFF", compression="tiff_lzw"),
        saved(Image.fromarray(COLOURS).save, format="TIFF", compression="jpeg"),
    ]


def pngs() -> list[bytes]:
    pictures = [
        Image.fromarray(COUNTS),
        Image.fromarray(COLOURS),
        Image.fromarray(COLOURS).convert("P"),
        Image.fromarray(COLOURS).convert("LA"),
    ]
    return [saved(picture.save, format="PNG") for picture in pictures]


def jpegs() -> list[bytes]:
    return [
        saved(Image.fromarray(COLOURS).save, format="JPEG", comment="a note"),
        saved(Image.fromarray(COLOURS[..., 0]).save, format="JPEG", progressive=True),
        saved(Image.fromarray(COLOURS).convert("CMYK").save, format="JPEG"),
    ]


def webps() -> list[bytes]:
    return [
        saved(Image.fromarray(COLOURS).save, format="WEBP", lossless=True),
        saved(Image.fromarray(COLOURS).save, format="WEBP"),
    ]


def fitses() -> list[bytes]:
    from astropy.io import fits

    sky = fits.Header()
    for key, value in [("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CRPIX1", 5.0)]:
        sky[key] = value
    for key, value in [("CRPIX2", 5.0), ("CRVAL1", 10.0), ("CRVAL2", 20.0)]:
        sky[key] = value
    for key, value in [("CD1_1", -1e-4), ("CD2_2", 1e-4), ("CD1_2", 0.0), ("CD2_1", 0.0)]:
        sky[key] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = saved(fits.PrimaryHDU(COUNTS.astype(np.float32), sky).writeto)
        scaled = saved(fits.PrimaryHDU(COUNTS).writeto)
        table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.arange(3.0))])
        units = [fits.PrimaryHDU(), table, fits.ImageHDU(np.stack([COUNTS] * 2))]
        several = saved(fits.HDUList(units).writeto)
        packed = saved(
            fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(COUNTS.astype(np.int16))]).writeto
        )
    return [plain, scaled, several, packed, gzip.compress(plain, 1)]


def training_npzs() -> list[bytes]:
    parts = {
        "features": np.arange(12, dtype=np.float32).reshape(4, 3),
        "target": np.array([0.0, 1.0, 0.0, 1.0]),
        "groups": np.array(["a", "a", "b", ""]),
        "features_version": np.array("sted-1"),
    }
    return [saved(np.savez, **parts), saved(np.savez_compressed, **parts)]


RATINGS = [0.1, 0.8, 0.9]


def session_npzs() -> list[bytes]:
    table = np.array([[1, 0.1, 0.5, 1.5], [0, 0.8, 0.2, 2.0], [np.nan, 0.9, np.nan, np.nan]])
    empty = np.array([], dtype=np.str_)
    return [
        saved(np.savez, classifications=table, fp_errors=empty, fn_errors=empty),
        saved(np.savez_compressed, classifications=table[:, :2]),
    ]


def reannotations() -> list[bytes]:
    return [saved(np.save, np.array([[0.5, 0.0], [np.nan, 1.0], [0.25, 2.0]]))]


def selections() -> list[bytes]:
    return [
        saved(np.savez, paths=np.array(["./a/b/1-0.1.npz", "./a/b/2-0.8.npz"]), ids=np.arange(2.0))
    ]


def stacks() -> list[bytes]:
    images = np.stack([COUNTS] * 3)
    parts = {"rating": np.array(RATINGS, np.float32), "session": np.array(["a", "a", "b"])}
    return [
        saved(np.savez, images=images, id=np.array([1, 2, 3]), **parts),
        saved(np.savez_compressed, images=images.astype(">f4")),
    ]


def models() -> list[bytes]:
    import zipfile

    import skops.io

    from tests.model_files import small_model

    contents = []
    for recipe in ("sted-rating", "cutouts"):
        model = small_model(recipe)
        content = io.BytesIO(skops.io.dumps(model.estimator))
        with zipfile.ZipFile(content, "a") as archive:
            archive.writestr("card.json", model.card.to_json())
        contents.append(content.getvalue())
    return contents


def cards() -> list[bytes]:
    from tests.model_files import small_model

    return [small_model().card.to_json().encode()]


def networks() -> list[bytes]:
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("ReduceMean", ["flat"], ["score"], axes=[1], keepdims=1),
    ]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 16, 16])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return [model.SerializeToString()]


SIDECAR = b"""\
kind = "sted-quality"
version = "mean-1"
threshold = 0.5
[input]
size_px = 16
channels = 1
layout = "nchw"
normalise = "none"
mean = [0.0]
std = [1.0]
[output]
means = "probability"
positive = 0
"""


def csv_bytes(text: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode()]


MANIFEST = """\
path,rating,structure,group,model_score,model_label,item_id,note
a.png,0.7,actin,s1,0.25,normal,a,
b.png,0.2,actin,s1,0.75,anomaly,b,"x, y"
sub/c.png,,tubulin,s2,,,c,
"""
TEST_PATHS = "/x/Actin/test/1-0.793.npy\n/x/Actin/test/2-0.1.npy\n/x/Tub/test/3-0.5.npy\n"
TEST_SCORES = "0.25\n0.75\n1e-3\n"
ANNOTATIONS = """\
item_id,annotator,round,label,rating,remark,skipped,prefilled,changed,lead_time_s,created_at,more
a,Ann,1,anomaly,,'=1+1,false,false,,1.5,2026-01-01T00:00:00Z,x
b,Ann,1,normal,,,false,true,false,2.5,2026-01-01T00:00:05Z,
a,Bob,1,normal,,,false,false,,0.5,2026-01-01T00:00:00Z,
b,Bob,1,,,,true,false,,,,
"""
ITEMS = """\
item_id,position,image,source_path,label,rating,model_score,model_label,structure
a,0,x/a.webp,a.npz,anomaly,0.2,0.75,anomaly,actin
b,1,x/b.webp,b.npz,normal,0.8,0.25,normal,tubulin
"""
SCORES = """\
item_id,path,model_score,model_label,model_version
a,a.npz,0.75,anomaly,m1
b,b.npz,0.25,normal,m1
"""


def parquet_bytes(text: str, **types: str) -> Callable[[], list[bytes]]:
    """Give what makes a Parquet file of a CSV text."""

    def make() -> list[bytes]:
        frame = pd.read_csv(io.StringIO(text))
        frame = frame.astype({name: kind for name, kind in types.items() if name in frame})
        return [saved(frame.to_parquet, index=False)]

    return make


def cutout_tables() -> list[bytes]:
    from tests.cutout_tables import BARE, SMALL

    return [SMALL.encode(), BARE.encode(), SMALL.replace(",", ";").replace("\n", "\r\n").encode()]


def json_bytes(*values: Any) -> Callable[[], list[bytes]]:
    return lambda: [json.dumps(value).encode() for value in values]


STUDY: dict[str, Any] = {
    "schema_version": 1,
    "uuid": "5b0c2c3e-4a39-4f0b-9d4f-1f6f0b1f0a11",
    "kind": "sted-quality",
    "title": "A study",
    "blind": True,
    "server_url": "http://localhost:8080",
    "salt": "0" * 64,
    "pictures_folder": "0" * 16,
    "options": {"seed": 1, "frames": {"A": {"size_px": [10, 10]}}},
    "left_out": ["a"],
    "extensions": [{"part": 2, "source": "/x", "left_out": []}],
    "people": {"Ann": 1},
    "projects": [{"key": "a", "title": "A", "project_id": 4, "annotator": "Ann", "round": 1}],
    "versions": {"ls-integration": "0.1"},
}
OPENED = {"project_id": 4, "opened_at_s": 1.5, "server_start": None, "item_ids": ["a", "b"]}
JOURNAL = "".join(
    json.dumps(line) + "\n"
    for line in (
        {"event": "project", "key": "a", "server_start": "x"},
        {"event": "batch", "batch": "b1", **OPENED},
        {"event": "sent", "batch": "b1", "count": 2},
        {"event": "predictions", "batch": "b2", **OPENED},
    )
).encode()
RESULTS_MANIFEST = {
    "schema": 1,
    "study": {"uuid": "u", "title": "A", "kind": "sted-quality", "positive": "anomaly"},
    "files": {"items.csv": "0" * 64},
}


def task_of(kind: str) -> dict[str, Any]:
    """Make a task as the server lists it."""
    from tests.test_pulled import make_task

    task = make_task(3)
    data: dict[str, Any] = {"item_id": "a", "image": "/data/x.webp"}
    meta = {"first_answer": [{"from_name": "label", "value": {"choices": ["anomaly"]}}]}
    answers: list[dict[str, Any]]
    if kind == "sted_rating":
        answers = [
            {"from_name": name, "to_name": "image", "type": "choices", "value": {"choices": [text]}}
            for name, text in (("tenths", "0.7"), ("hundredths", "3"))
        ]
        answers[0]["meta"] = {"rating": 0.735}
    elif kind == "sted_quality":
        answers = [
            {"from_name": "label", "to_name": "image", "type": "choices", "meta": meta}
            | {"value": {"choices": ["normal"]}, "origin": "manual"}
        ]
    else:
        data["tiles"] = {"t0": "a", "t1": "b"}
        answers = [
            {"id": "t1", "from_name": name, "to_name": "image", "type": "choices"}
            | {"value": {"choices": ["artifact"]}, "meta": meta}
            for name in ("neighbour", "verdict")
        ]
        answers.append({"from_name": "remark", "type": "textarea", "value": {"text": ["odd"]}})
    prediction = {**task["predictions"][0], "result": answers, "score": 0.5}
    annotation = {**task["annotations"][0], "result": answers, "parent_prediction": 3}
    return {**task, "data": data, "annotations": [annotation], "predictions": [prediction]}


def listing() -> list[bytes]:
    page = {
        "tasks": [task_of("sted_quality")],
        "total": 1,
        "total_annotations": 1,
        "total_predictions": 1,
        "static": [{"model_version": "m", "count": 1, "latest": "2026-11-22T11:25:03Z"}],
    }
    return [json.dumps(page).encode()]


def json_bytes_of(kind: str) -> Callable[[], list[bytes]]:
    return lambda: [json.dumps([task_of(kind)]).encode()]


def dotenv() -> list[bytes]:
    return [
        b"LABEL_STUDIO_URL=http://localhost:8080\nLABEL_STUDIO_API_KEY='abc'\n"
        b"LS_INTEGRATION_MEDIA=/srv/media\nLS_INTEGRATION_READERS=2\nOTHER=x\n"
        b"LS_INTEGRATION_REQUEST_LIMIT_S=120\nLS_INTEGRATION_BACKEND_PASSWORD=long-enough-1\n"
    ]


def label_configs() -> list[bytes]:
    from ls_integration.resources import label_config_xml

    names = ("sted_quality", "sted_rating", "cutouts", "cutouts_frame")
    return [label_config_xml(name).encode() for name in names]


def scored_tiles() -> list[bytes]:
    import tempfile

    from ls_integration.workflows.score_files import TileScores, write_scores

    places = np.array([[0, 0], [200, 0]], dtype=np.int64)
    tiles = TileScores(
        places, np.array([0.1, 0.9]), np.array([False, True]), np.ones((2, 3), np.float32)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        write_scores(path, "a", tiles, {"model_version": "m", "threshold": 0.5})
        return [path.read_bytes()]


def part_lines() -> list[bytes]:
    lines = ({"key": "k"}, {"part": 0, "value": [1.0]}, {"part": 1, "value": None})
    return ["".join(json.dumps(line) + "\n" for line in lines).encode()]


# What reads them.


def read_image(path: Path, **options: Any) -> object:
    from ls_integration.images.read import read_image as read

    return read(path, **options)


def read_frame(path: Path) -> None:
    from ls_integration.errors import SourceError
    from ls_integration.images.drawing import frame_picture_suffix
    from ls_integration.images.frames import frame_shape
    from ls_integration.images.frames import read_frame as read

    frame_picture_suffix([path])
    for choice in ({"bands": (0,)}, {"hdu": 1}):
        with suppress(SourceError):
            read(path, **choice)
    frame_shape(path)
    read(path)


def draw_frame(path: Path) -> None:
    from ls_integration.images.drawing import draw_frame as draw
    from ls_integration.images.jpeg import read_plain_jpeg

    draw([path])
    read_plain_jpeg(path)


def read_picture(path: Path) -> None:
    from ls_integration.workflows.check_study import _is_picture
    from ls_integration.workflows.result_pictures import study_pictures

    _is_picture(path)
    show = study_pictures(pd.DataFrame({"image": [path.name]}), path.parent)
    assert show is not None
    show(0)


def read_example(path: Path) -> None:
    from ls_integration.workflows.examples import hash_pixels

    hash_pixels(path)


def read_training(path: Path) -> None:
    from ls_integration.models.training_data import load_training

    load_training(path.with_name("m.skops"))


def items_table() -> pd.DataFrame:
    return pd.DataFrame({"item_id": ["a", "b", "c"], "rating": RATINGS, "source_index": [0, 1, 2]})


def read_session(path: Path) -> None:
    from ls_integration.results.anomagui import count_rows
    from ls_integration.results.anomagui import read_session as read

    count_rows(path)
    read(path, items_table())


def read_reannotations(path: Path) -> None:
    from ls_integration.results.ratings import read_reannotations as read

    read(path, items_table(), annotator="Ann")


def read_selection(path: Path) -> None:
    from ls_integration.kinds.rating_selection import read_selection as read

    read(path)


def read_stack(path: Path) -> None:
    from ls_integration.workflows.sted_images import open_sted

    source = open_sted(path)
    # Six batches of a header that lies are as good as a million.
    for number in range(min(len(source.batches), 6)):
        source.read(number)


def read_model(path: Path) -> None:
    from ls_integration.models.loading import load_scorer

    load_scorer(path, 1)


def read_card(path: Path) -> None:
    from ls_integration.models.card import ModelCard

    ModelCard.from_json(path.read_bytes()).to_text()


def read_sidecar(path: Path) -> None:
    from ls_integration.models.onnx_sidecar import read_sidecar as read

    read(path)


def read_source(path: Path) -> None:
    from ls_integration.kinds.sted_source import read_source as read

    read(path if path.name == "manifest.csv" else path.parent, check_files=False)


def read_ratings(path: Path) -> None:
    from ls_integration.kinds.sted_source import read_source as read

    read(path.parent / "images", ratings=path)


def read_annotations(path: Path) -> None:
    from ls_integration.annotations import newest_answers
    from ls_integration.annotations import read_annotations as read

    newest_answers(read(path))


def score_folder(path: Path) -> None:
    from ls_integration.results.tables import read_folder

    read_folder(path.parent)


def read_score_table(path: Path) -> None:
    from ls_integration.serving.score_table import read_score_table as read

    read(path, threshold=0.5, source_paths={"a": "a.npz", "b": "b.npz"})


def read_cutouts(path: Path) -> None:
    from ls_integration.kinds.cutouts_table import read_predictions_table
    from ls_integration.results.test_outputs import splice_labels

    table = read_predictions_table(path)
    if table.has_label_new:
        assert splice_labels(table, {}) == path.read_bytes()
    splice_labels(table, {0: not table.present[0]})


def read_edited(path: Path) -> None:
    from ls_integration.kinds.cutouts_edited import read_edited_outputs
    from tests.cutout_tables import SMALL, parse

    read_edited_outputs(path, parse(SMALL))


def read_study(path: Path) -> None:
    from ls_integration.study import load

    load(path.parent)


def read_journal(path: Path) -> None:
    from ls_integration.study import PREDICTIONS_EVENT, is_over, open_batches
    from ls_integration.study import read_journal as read

    journal = read(path.parent)
    for event in ("batch", PREDICTIONS_EVENT):
        for entry in open_batches(journal, event).values():
            is_over(entry, "x")
            assert set(entry["item_ids"]) is not None  # as `server.noted_requests.settle`


def read_study_table(path: Path) -> None:
    from ls_integration import study

    reads: dict[str, Callable[[Path], object]] = {
        "items": study.read_items,
        "predictions": study.read_predictions,
        "seen": study.read_seen,
        "moved": study.read_moved,
        "uploads": study.read_uploads,
    }
    reads[path.stem](path.parent)


def read_pulled(path: Path) -> None:
    from ls_integration.study.pulled import prediction_versions, read_tasks
    from ls_integration.study.pulled import read_pulled as read

    pulled = read(path.with_suffix(".parquet"), {"project_id": 4})
    list(read_tasks(pulled))
    prediction_versions(pulled)


def pulled_copy() -> dict[str, bytes]:
    import tempfile

    from ls_integration.server.task_pages import _rows
    from ls_integration.study.pulled import writing_pulled
    from tests.test_pulled import make_task

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "4.parquet"
        with writing_pulled(path, {"project_id": 4}, [1], 5) as write:
            write(_rows([make_task(1), make_task(2)]))
        return {one.name: one.read_bytes() for one in Path(folder).iterdir()}


def read_manifest(path: Path) -> None:
    from ls_integration.results.folder import read_manifest as read

    read(path.parent)


def read_scored_tiles(path: Path) -> None:
    from ls_integration.workflows.score_files import read_facts, read_scored

    read_facts(path)
    read_scored(path, ["image_name", "grid_x", "model_score", "label", "look"])


def read_part(path: Path) -> None:
    from ls_integration.workflows.part_file import PartFile

    PartFile(path.with_name("out.csv"), "k").read()


def read_settings(path: Path) -> None:
    import os

    from ls_integration.settings import load

    here = Path.cwd()
    os.chdir(path.parent)
    try:
        load()
    finally:
        os.chdir(here)


def read_token(path: Path) -> None:
    from ls_integration.settings import load

    path.chmod(0o600)
    load(token_file=path, password_file=path)


def read_label_config(path: Path) -> None:
    from ls_integration.errors import ConfigError
    from ls_integration.label_config import parse
    from ls_integration.serving.pages import page_form
    from ls_integration.workflows.edited_projects import changed_tags

    # As an answer of the server, which is text: any character can stand in JSON.
    xml = path.read_bytes().decode(errors="surrogateescape")
    refused = None
    for read in (
        parse,
        partial(changed_tags, ours="<View/>"),
        partial(page_form, model_kind="sted-quality"),
    ):
        try:
            read(xml)
        except ConfigError as error:
            refused = error
    if refused is not None:
        raise refused


def read_answers(path: Path) -> None:
    from ls_integration.answers import answers_from_tasks, in_one_table, with_memory
    from ls_integration.kinds import cutouts_regions, sted_quality_page, sted_rating
    from ls_integration.label_config import parse
    from ls_integration.resources import label_config_xml

    name = path.stem
    config = parse(label_config_xml(name))
    kinds: dict[str, Any] = {"sted_quality": sted_quality_page, "sted_rating": sted_rating}
    reader = kinds.get(name, cutouts_regions).read_answer(config)
    labels = () if name == "sted_rating" else ("normal", "anomaly", "artifact", "clean")
    try:
        tasks = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return  # `server.client` says so
    if not isinstance(tasks, list):
        return  # `server.pull` says so
    rows = answers_from_tasks(
        tasks,
        read=reader,
        labels=labels,
        project_id=4,
        round_number=1,
        names={1: "Ann"},
        sent_labels={"a": "normal"},
    )
    with_memory(in_one_table([rows]), pd.DataFrame())


def read_listing(path: Path) -> None:
    from ls_integration.server import pull, task_pages

    client: Any = ListedFromFile(path)
    task_pages.read_totals(client, 4)
    list(task_pages.read_pages(client, 4, above=0, up_to=None))
    task_pages.read_by_ids(client, 4, [3])
    task_pages.read_stamps(client, 4, since_us=None)
    task_pages.read_cuts(client, 4, 10, 2)
    task_pages.read_versions(client, 4)
    pull.list_tasks(client, 4)


class ListedFromFile:
    """A server whose every answer is the content of a file, twice at the most."""

    def __init__(self, path: Path) -> None:
        self.url = "http://localhost:1"
        self._path = path
        self._n_asked = 0

    def get(self, _: str, *, params: Mapping[str, Any]) -> Any:
        self._n_asked += 1
        if self._n_asked > 20:
            # A server that says of every page that there is one more is asked for ever.
            return {"tasks": [], "total": 0}
        try:
            return json.loads(self._path.read_bytes())
        except (ValueError, RecursionError):
            return None

    def get_dated(self, path: str, *, params: Mapping[str, Any]) -> Any:
        return self.get(path, params=params), datetime(2026, 11, 22, tzinfo=UTC)


def read_state(path: Path) -> None:
    from ls_integration.server.embedded_files import read_credentials, read_state

    path.chmod(0o600)
    (read_state if path.stem == "server" else read_credentials)(path.parent)


def read_training_state(path: Path) -> None:
    import logging

    from ls_integration.serving.training import _read_ids

    logging.disable()
    _read_ids(path)


def read_pending(path: Path) -> None:
    from ls_integration.workflows.new_accounts import _read_pending

    _read_pending(path.parent)


def read_demo_tokens(path: Path) -> None:
    from ls_integration.workflows.demo import _read_tokens

    _read_tokens(path)


def read_instructions(path: Path) -> None:
    from ls_integration.workflows.instructions import read_text

    read_text(path)


IMAGES = ("images.read", "images.npy", "images.source_files")
FRAMES = ("images.frames", "images.picture_files", "images.drawing", "images.jpeg")

READERS: dict[str, Reader] = {
    "image .npy": Reader("a.npy", read_image, npys, (broken_npy, broken_bytes), IMAGES),
    "image .npz": Reader("a.npz", read_image, npzs, (broken_zip, broken_bytes), IMAGES),
    "image .tif": Reader(
        "a.tif",
        partial(read_image, projection="max"),
        tiffs,
        (broken_tiff, broken_bytes),
        ("images.tiff",),
    ),
    "image .png": Reader("a.png", read_image, pngs, (broken_png, broken_bytes), IMAGES),
    "image .jpg": Reader("a.jpg", read_image, jpegs, (broken_bytes,), IMAGES),
    "frame .fits": Reader(
        "a.fits", read_frame, fitses, (broken_fits, broken_bytes), ("images.fits",)
    ),
    "frame .fits.gz": Reader(
        "a.fits.gz", read_frame, fitses, (broken_fits, broken_bytes), ("images.fits",)
    ),
    "frame .npy": Reader("a.npy", read_frame, npys, (broken_npy, broken_bytes), FRAMES),
    "frame .tif": Reader("a.tif", read_frame, tiffs, (broken_tiff, broken_bytes), FRAMES),
    "frame .png": Reader("a.png", read_frame, pngs, (broken_png, broken_bytes), FRAMES),
    "frame .jpg": Reader("a.jpg", read_frame, jpegs, (broken_bytes,), FRAMES),
    "frame drawn": Reader("a.jpg", draw_frame, jpegs, (broken_bytes,), FRAMES),
    "picture .webp": Reader(
        "a.webp",
        read_picture,
        webps,
        (broken_bytes,),
        ("workflows.check_study", "workflows.result_pictures"),
    ),
    "picture .png": Reader("a.png", read_picture, pngs, (broken_png, broken_bytes), ()),
    "example .png": Reader(
        "a.png", read_example, pngs, (broken_png, broken_bytes), ("workflows.examples",)
    ),
    "example .jpg": Reader("a.jpg", read_example, jpegs, (broken_bytes,), ()),
    "training .npz": Reader(
        "m.training.npz",
        read_training,
        training_npzs,
        (broken_zip, broken_bytes),
        ("models.training_data",),
    ),
    "session .npz": Reader(
        "Ann.npz", read_session, session_npzs, (broken_zip, broken_bytes), ("results.anomagui",)
    ),
    "reannotations.npy": Reader(
        "reannotations.npy",
        read_reannotations,
        reannotations,
        (broken_npy, broken_bytes),
        ("results.ratings",),
    ),
    "imgs_to_check.npz": Reader(
        "imgs_to_check.npz",
        read_selection,
        selections,
        (broken_zip, broken_bytes),
        ("kinds.rating_selection",),
    ),
    "stack .npz": Reader(
        "a.npz", read_stack, stacks, (broken_zip, broken_bytes), ("workflows.sted_images",)
    ),
    "model .skops": Reader(
        "m.skops",
        read_model,
        models,
        (broken_zip, broken_bytes),
        ("models.saved", "models.trusted"),
    ),
    "model card": Reader(
        "card.json",
        read_card,
        cards,
        (broken_json, broken_bytes),
        ("models.card",),
        names_file=False,
    ),
    "network .onnx": Reader(
        "net.onnx",
        read_model,
        networks,
        (broken_bytes,),
        ("models.onnx_network",),
        beside=lambda: {"net.toml": SIDECAR},
    ),
    "network .toml": Reader(
        "net.toml",
        read_sidecar,
        lambda: [SIDECAR],
        (broken_text, broken_bytes),
        ("models.onnx_sidecar",),
    ),
    "manifest.csv": Reader(
        "manifest.csv",
        read_source,
        csv_bytes(MANIFEST),
        (broken_csv, broken_text, broken_bytes),
        ("kinds.sources_csv",),
    ),
    "test_paths.csv": Reader(
        "test_paths.csv",
        read_source,
        csv_bytes(TEST_PATHS),
        (broken_text, broken_bytes),
        ("kinds.sources_sted",),
        beside=lambda: {"test_scores.csv": TEST_SCORES.encode()},
    ),
    "test_scores.csv": Reader(
        "test_scores.csv",
        read_source,
        csv_bytes(TEST_SCORES),
        (broken_text, broken_bytes),
        ("kinds.sources_sted",),
        beside=lambda: {"test_paths.csv": TEST_PATHS.encode()},
    ),
    "ratings.csv": Reader(
        "ratings.csv",
        read_ratings,
        csv_bytes("path,rating\na.png,0.5\n"),
        (broken_csv, broken_bytes),
        ("kinds.sources_sted",),
        beside=lambda: {"images/a.png": pngs()[0]},
    ),
    "annotations.csv": Reader(
        "annotations.csv",
        read_annotations,
        csv_bytes(ANNOTATIONS),
        (broken_csv, broken_text, broken_bytes),
        ("annotations",),
    ),
    "annotations.parquet": Reader(
        "annotations.parquet",
        read_annotations,
        parquet_bytes(ANNOTATIONS),
        (broken_parquet, broken_bytes),
        ("annotations", "parquet"),
    ),
    "items.csv": Reader(
        "items.csv",
        score_folder,
        csv_bytes(ITEMS),
        (broken_csv, broken_text, broken_bytes),
        ("annotations",),
        beside=lambda: {"annotations.csv": ANNOTATIONS.encode()},
    ),
    "items table .parquet": Reader(
        "items.parquet",
        score_folder,
        parquet_bytes(ITEMS),
        (broken_parquet, broken_bytes),
        ("annotations", "parquet"),
        beside=lambda: {"annotations.csv": ANNOTATIONS.encode()},
    ),
    "score table": Reader(
        "scores.csv",
        read_score_table,
        csv_bytes(SCORES),
        (broken_csv, broken_text, broken_bytes),
        ("serving.score_table",),
    ),
    "cutout table": Reader(
        "predictions.csv",
        read_cutouts,
        cutout_tables,
        (broken_csv, broken_text, broken_bytes),
        ("kinds.cutouts_table", "kinds.cutouts_csv", "results.test_outputs"),
    ),
    "edited cutout table": Reader(
        "edited.csv",
        read_edited,
        cutout_tables,
        (broken_csv, broken_text, broken_bytes),
        ("kinds.cutouts_edited",),
    ),
    "study.json": Reader(
        "study.json", read_study, json_bytes(STUDY), (broken_json, broken_bytes), ("study.folder",)
    ),
    "journal.jsonl": Reader(
        "journal.jsonl",
        read_journal,
        lambda: [JOURNAL],
        (broken_json_lines, broken_bytes),
        ("study.journal",),
    ),
    **{
        f"{name}.parquet": Reader(
            f"{name}.parquet",
            read_study_table,
            parquet_bytes(text),
            (broken_parquet, broken_bytes),
            ("study.tables", "parquet"),
        )
        for name, text in {
            "items": ITEMS,
            "predictions": "item_id,label,score,model_version\na,normal,0.5,m\n",
            "seen": "project_id,annotation_id,created_at,item_id,label,prefilled\n4,1,x,a,b,True\n",
            "moved": "item_id,label,server_url,project_id,annotation_id,stored_at\na,b,http://a,1,2,x\n",
            "uploads": "image,address\nx/a.webp,/data/upload/a\n",
        }.items()
    },
    "pulled .parquet": Reader(
        "4.parquet",
        read_pulled,
        lambda: [pulled_copy()["4.parquet"]],
        (broken_parquet, broken_bytes),
        ("study.pulled",),
        beside=pulled_copy,
        names_file=False,
    ),
    "pulled .json": Reader(
        "4.json",
        read_pulled,
        lambda: [pulled_copy()["4.json"]],
        (broken_json, broken_bytes),
        ("study.pulled",),
        beside=pulled_copy,
        names_file=False,
    ),
    "manifest.json": Reader(
        "manifest.json",
        read_manifest,
        json_bytes(RESULTS_MANIFEST),
        (broken_json, broken_bytes),
        ("results.folder",),
    ),
    "scored tiles": Reader(
        "a.parquet",
        read_scored_tiles,
        scored_tiles,
        (broken_parquet, broken_bytes),
        ("workflows.score_files",),
    ),
    "finished parts": Reader(
        ".out.csv.part",
        read_part,
        part_lines,
        (broken_json_lines, broken_bytes),
        ("workflows.part_file",),
    ),
    ".env": Reader(
        ".env", read_settings, dotenv, (broken_text, broken_bytes), ("settings",), names_file=False
    ),
    "token file": Reader(
        "token",
        read_token,
        lambda: [b"0123456789abcdef"],
        (broken_text, broken_bytes),
        ("settings",),
        names_file=False,
    ),
    "label config": Reader(
        "page.xml",
        read_label_config,
        label_configs,
        (broken_xml, broken_bytes),
        ("label_config", "kinds.cutouts_regions", "workflows.check_project"),
        names_file=False,
    ),
    **{
        f"answers, {name}": Reader(
            f"{name}.json",
            read_answers,
            json_bytes_of(name),
            (broken_json,),
            ("answers",),
            names_file=False,
        )
        for name in ("sted_quality", "sted_rating", "cutouts", "cutouts_frame")
    },
    "listing of tasks": Reader(
        "tasks.json",
        read_listing,
        listing,
        (broken_json,),
        ("server.task_pages", "server.pull", "server.client"),
        names_file=False,
    ),
    "server.json": Reader(
        "server.json",
        read_state,
        json_bytes({"pid": 1, "create_time": 2.5, "host": "h", "port": 1, "media": "/m"}),
        (broken_json, broken_bytes),
        ("server.embedded_files",),
    ),
    "credentials.json": Reader(
        "credentials.json",
        read_state,
        json_bytes(
            {
                "url": "http://localhost:1",
                "username": "a@b.c",
                "password": "p" * 20,
                "token": "t" * 40,
            }
        ),
        (broken_json, broken_bytes),
        ("server.embedded_files",),
    ),
    "training state": Reader(
        "state.json",
        read_training_state,
        json_bytes({"new_annotation_ids": [1, 2]}),
        (broken_json, broken_bytes),
        ("serving.training",),
    ),
    "pending passwords": Reader(
        "pending-passwords.json",
        read_pending,
        json_bytes({"Ann": "secret"}),
        (broken_json, broken_bytes),
        ("workflows.new_accounts",),
    ),
    "demo tokens": Reader(
        "tokens.json",
        read_demo_tokens,
        json_bytes({"Ada": "t", "Ben": "t", "Cleo": "t"}),
        (broken_json, broken_bytes),
        ("workflows.demo",),
    ),
    "instructions .md": Reader(
        "i.md",
        read_instructions,
        csv_bytes("# A\n\n- *b* [c](http://d)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"),
        (broken_text, broken_bytes),
        ("workflows.instructions",),
    ),
}
