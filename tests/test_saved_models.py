"""A model comes back as it was saved, and nothing else is taken for one."""

import copy
import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ls_integration.errors import ModelError
from ls_integration.models import saved
from ls_integration.models.card import ModelCard, Training, make_version
from ls_integration.models.model import RECIPE_FEATURES, Model
from ls_integration.models.saved import load_model, other_libraries, read_model, save_model
from tests.model_files import (
    members_of,
    nodes,
    packed,
    small_model,
    training_data,
    with_schema,
)


@pytest.fixture(scope="module")
def model() -> Model:
    """Train a small model."""
    return small_model()


@pytest.fixture(scope="module")
def data(model: Model, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Give its file's bytes."""
    path = tmp_path_factory.mktemp("model") / "m.skops"
    save_model(path, model)
    return path.read_bytes()


def refused(data: bytes) -> str:
    """Give the one line with which a file is refused."""
    with pytest.raises(ModelError) as caught:
        read_model(data, "evil.skops")
    line = str(caught.value)
    assert line.startswith("evil.skops is not a model that can be used: ")
    assert "\n" not in line
    assert len(line) < 700
    return line


@pytest.mark.parametrize("recipe", RECIPE_FEATURES)
def test_every_recipe_comes_back_bit_for_bit(recipe: str, tmp_path: Path) -> None:
    """Also from a second loading: the same scores, the same card."""
    model = small_model(recipe)
    features = training_data(recipe)[0]
    wanted = model.score_features(features)
    assert len(set(wanted.tolist())) > 2
    path = tmp_path / "m.skops"
    save_model(path, model)
    for _ in range(2):
        loaded = load_model(path)
        assert loaded.card == model.card
        assert np.array_equal(loaded.score_features(features), wanted)
    assert model.version in path.with_suffix(".card.md").read_text()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.card.md", "m.skops"]


def test_a_file_without_pickle(data: bytes) -> None:
    """Nothing in it is a pickle: JSON, and arrays of plain numbers."""
    for name, part in members_of(data).items():
        if name.endswith(".json"):
            json.loads(part)
        else:
            assert np.load(io.BytesIO(part), allow_pickle=False).dtype.kind in "biuf"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_truncated_files_are_refused(data: bytes, draw: st.DataObject) -> None:
    """Wherever the file was cut."""
    refused(data[: draw.draw(st.integers(0, len(data) - 1))])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_flipped_bits_change_nothing_or_are_refused(
    data: bytes, model: Model, draw: st.DataObject
) -> None:
    """Never another error; a flip that is let through is in a date or another idle field."""
    altered = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 3))):
        place = draw.draw(st.integers(0, len(data) - 1))
        altered[place] ^= 1 << draw.draw(st.integers(0, 7))
    features = training_data("sted-rating")[0]
    try:
        loaded = read_model(bytes(altered), "flipped.skops")
    except ModelError:
        return
    assert loaded.card == model.card
    assert np.array_equal(loaded.score_features(features), model.score_features(features))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_altered_files_with_right_checksums_are_refused_or_score(
    data: bytes, draw: st.DataObject
) -> None:
    """Somebody who packs a file anew meets our error, or has made a model of numbers."""
    members = members_of(data)
    name = draw.draw(st.sampled_from(sorted(members)))
    part = bytearray(members[name])
    place = draw.draw(st.integers(0, min(len(part), 4000) - 1))
    part[place] = draw.draw(st.integers(0, 255))
    with np.errstate(all="ignore"):
        try:
            loaded = read_model(packed({**members, name: bytes(part)}), "packed.skops")
            scores = loaded.score_features(training_data("sted-rating")[0])
        except ModelError:
            return
    assert np.all((scores >= 0) & (scores <= 1))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused(noise: bytes) -> None:
    """Text, pictures, nothing."""
    refused(noise)
    refused(b"PK\x03\x04" + noise)


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    """An array, a pickle, a skops file of another program, a folder, nothing at all."""
    import pickle

    import skops.io
    from sklearn.linear_model import LinearRegression

    arrays = io.BytesIO()
    np.savez(arrays, image=np.zeros((3, 3)))
    refused(arrays.getvalue())
    refused(pickle.dumps({"a": 1}))
    foreign = skops.io.dumps(LinearRegression())
    assert "was not written by `train`" in refused(foreign)
    for path in (tmp_path, tmp_path / "none.skops"):
        with pytest.raises(ModelError, match="cannot read the model .*; correct --model"):
            load_model(path)


@pytest.mark.parametrize(
    ("loader", "module", "name"),
    [
        ("FunctionNode", "os", "system"),
        ("TypeNode", "subprocess", "Popen"),
        ("MethodNode", "builtins", "str"),
        ("OperatorFuncNode", "operator", "attrgetter"),
        ("PartialNode", "functools", "partial"),
        ("ConstructorFromReduceNode", "builtins", "bytearray"),
        ("ObjectNode", "ls_integration.server.client", "Client"),
        # skops itself would trust these two.
        ("ObjectNode", "sklearn.ensemble._forest", "RandomForestClassifier"),
        ("FunctionNode", "numpy", "save"),
        ("JsonNode", "os", "system"),
    ],
)
def test_types_that_no_model_needs_are_refused(
    data: bytes, loader: str, module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever in the file they stand; skops is not even asked."""

    def fail(*_: Any, **__: Any) -> None:
        pytest.fail("skops has read it")

    monkeypatch.setattr("skops.io.loads", fail)
    evil = {"__loader__": loader, "__module__": module, "__class__": name, "__id__": 1}

    def hide(schema: dict[str, Any]) -> None:
        lists = [node for node in nodes(schema) if node["__loader__"] in ("ListNode", "TupleNode")]
        lists[-1]["content"].append(evil)

    assert f"{module}.{name} as {loader}" in refused(with_schema(data, hide))
    assert f"{module}.{name} as {loader}" in refused(with_schema(data, lambda s: s.update(evil)))


def test_objects_that_stand_for_others_are_refused(data: bytes) -> None:
    """Forty nested pairs of references would be 2**40 objects to look at."""

    def nest(schema: dict[str, Any]) -> None:
        inner: dict[str, Any] = {
            "__loader__": "ListNode",
            "__module__": "builtins",
            "__class__": "list",
            "__id__": 1,
            "content": [],
        }
        for number in range(2, 42):
            inner = {**inner, "__id__": number, "content": [inner, {"__id__": number - 1}]}
        schema["content"]["content"]["more"] = inner

    assert "None.None as None" in refused(with_schema(data, nest))

    def same_id(schema: dict[str, Any]) -> None:
        for node in nodes(schema):
            node["__id__"] = 7

    assert "another object under a known id" in refused(with_schema(data, same_id))


def test_a_deeply_nested_file_is_refused(data: bytes) -> None:
    """It would exhaust the stack."""
    members = members_of(data)
    deep = b'{"protocol": 2, "content": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert "damaged" in refused(packed({**members, "schema.json": deep}))


@pytest.mark.parametrize("protocol", [0, 1, 3, True, None, "2"])
def test_other_protocols_are_refused(data: bytes, protocol: Any) -> None:
    """Old ones have readers of their own."""
    line = refused(with_schema(data, lambda schema: schema.update(protocol=protocol)))
    assert "train again" in line


def test_bombs_are_refused_before_they_are_unpacked(
    data: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Packed members, members that overlap, arrays larger than their bytes, large files."""
    members = members_of(data)
    zeros = b"\0" * 50_000_000
    assert "or packed" in refused(packed({**members, "1.npy": zeros}, zipfile.ZIP_DEFLATED))
    array = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        array, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
    )
    assert "not what it holds" in refused(packed({**members, "1.npy": array.getvalue()}))
    objects = io.BytesIO()
    np.save(objects, np.array([None, 1]), allow_pickle=True)
    assert "not what it holds" in refused(packed({**members, "1.npy": objects.getvalue()}))
    # Every entry of the directory points at the largest member.
    largest = max(members, key=lambda name: len(members[name]))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = archive.getinfo(largest)
        start = archive.start_dir
    directory = bytearray(data[start:])
    place = 0
    while (place := directory.find(b"PK\x01\x02", place)) >= 0:
        directory[place + 20 : place + 28] = struct.pack("<II", info.file_size, info.file_size)
        directory[place + 42 : place + 46] = struct.pack("<I", info.header_offset)
        place += 46
    refused(data[:start] + bytes(directory))
    monkeypatch.setattr(saved, "MAX_MODEL_BYTES", 1000)
    (tmp_path / "large.skops").write_bytes(data)
    with pytest.raises(ModelError, match="larger than 1,000 bytes"):
        load_model(tmp_path / "large.skops")


def test_names_that_leave_the_archive_are_refused(data: bytes) -> None:
    """Nothing is unpacked to disk, and still."""
    for name in ("../1.npy", "/etc/1.npy", "a/1.npy", "1.npz", "1.pkl"):
        assert "was not written by `train`" in refused(packed({**members_of(data), name: b""}))


def altered_array(data: bytes, place: int, change: Any) -> bytes:
    """Change the array of one node of the support vectors' machine."""
    members = members_of(data)
    keys = svm_arrays(json.loads(members["schema.json"]))
    name = keys[place]
    array = np.load(io.BytesIO(members[name]))
    changed = io.BytesIO()
    np.save(changed, change(array))
    return packed({**members, name: changed.getvalue()})


def svm_arrays(schema: dict[str, Any]) -> list[str]:
    """Name the files of the arrays of the first machine in a schema."""
    machine = next(node for node in nodes(schema) if ".svm." in node["__module__"])
    content = machine["content"]["content"]
    names = ("support_vectors_", "support_", "_dual_coef_", "_intercept_", "_n_support", "_probA")
    return [content[name]["file"] for name in names]


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize(
    "change",
    [
        lambda array: array[..., :0],
        lambda array: array.astype("float32"),
        lambda array: np.concatenate([array, array], axis=-1),
    ],
    ids=["empty", "narrow", "long"],
)
def test_sizes_that_compiled_code_would_trust_are_compared(
    data: bytes, place: int, change: Any
) -> None:
    """A machine whose coefficients are fewer than its vectors would be read beyond its end."""
    if place == 5:
        change = lambda array: np.ones(3)  # noqa: E731
    line = refused(altered_array(data, place, change))
    assert "do not fit together" in line or "not what it holds" in line


def test_unknown_features_are_refused(data: bytes) -> None:
    """Numbers of a later version mean something else."""
    members = members_of(data)
    for version in ("sted-99", RECIPE_FEATURES["cutouts"]):
        card = json.loads(members["card.json"]) | {"features_version": version}
        line = refused(packed({**members, "card.json": json.dumps(card).encode()}))
        assert f"'{version}', which this version cannot compute" in line


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "cats"),
        ("threshold", "0.5"),
        ("threshold", float("nan")),
        ("version", "../../up"),
        ("version", "=1+1"),
        ("scores", {"AUC": {"value": 2, "more": 1}}),
        ("n_items", None),
        ("parameters", {"a": []}),
        ("surplus", 1),
    ],
)
def test_cards_are_checked(model: Model, field: str, value: Any) -> None:
    """Each field is of its type, and the error names it."""
    card = json.loads(model.card.to_json())
    assert ModelCard.from_json(json.dumps(card)) == model.card
    changed = copy.deepcopy(card) | {field: value}
    with pytest.raises(ModelError, match="model card is damaged") as caught:
        ModelCard.from_json(json.dumps(changed))
    assert field in str(caught.value) or field == "version" or "JSON" in str(caught.value)


def test_the_card_says_what_people_must_know(model: Model) -> None:
    """Data, groups, numbers with intervals, threshold, what it is not for, libraries."""
    text = model.card.to_text()
    for words in (
        "60 items in 5 sessions, 36 of them anomalies",
        "AUC: 0.7500 (95 %: 0.5000 to 1.0000)",
        "AP: undefined (one class)",
        "Threshold 0.5: by hand",
        "Not for other microscopes",
        "scikit-learn",
    ):
        assert words in text


def test_the_version_names_all_that_decides() -> None:
    """The same training has the same name, any other another one."""
    training = Training("cutouts", "0" * 64, "cutout-1", {"numpy": "2.2.6"}, {"seed": 0})
    version = make_version(training)
    assert version.startswith("cutouts-")
    assert version == make_version(copy.deepcopy(training))
    others = [
        Training("cutouts", "1" * 64, "cutout-1", {"numpy": "2.2.6"}, {"seed": 0}),
        Training("cutouts", "0" * 64, "cutout-2", {"numpy": "2.2.6"}, {"seed": 0}),
        Training("cutouts", "0" * 64, "cutout-1", {"numpy": "2.2.7"}, {"seed": 0}),
        Training("cutouts", "0" * 64, "cutout-1", {"numpy": "2.2.6"}, {"seed": 1}),
    ]
    assert len({version, *map(make_version, others)}) == 5


def test_other_libraries_are_told(model: Model) -> None:
    """A model of another scikit-learn may score otherwise."""
    assert other_libraries(model.card) == []
    card = json.loads(model.card.to_json())
    card["libraries"]["scikit-learn"] = "1.5.0"
    (line,) = other_libraries(ModelCard.from_json(json.dumps(card)))
    assert line.startswith("scikit-learn 1.5.0, here ")


def test_a_model_scores_images_of_its_kind_only(model: Model) -> None:
    """And says which it is for."""
    with pytest.raises(ModelError, match="is of sted-quality, not of cutouts"):
        model.score_cutouts(np.zeros((400, 400)), np.zeros((1, 2), dtype=np.int64), 200)
