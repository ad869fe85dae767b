"""The scientist's own instructions and rated examples."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from ls_integration.errors import SourceError
from ls_integration.workflows.examples import find_examples, publish_examples, write_examples
from ls_integration.workflows.instructions import read_text


def picture(path: Path, value: int, **options: object) -> Path:
    """Write a small picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4, 3), value, dtype=np.uint8)).save(path, **options)
    return path


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """Write two structures with two examples, and one on top."""
    folder = tmp_path / "examples"
    for name, value in (
        ("actin/a_0.31.png", 10),
        ("actin/b_0.9.png", 20),
        ("tubulin/c_1.png", 30),
        ("tubulin/d_0.png", 40),
        ("top_0.5.png", 50),
    ):
        picture(folder / name, value)
    return folder


def test_markdown_becomes_html_and_html_becomes_text(tmp_path: Path) -> None:
    """Label Studio would store a script as it is."""
    path = tmp_path / "text.md"
    path.write_text("# Criteria\n\n- **sharp**\n\n<script>alert(1)</script>\n")
    html = read_text(path)
    assert "<h1>Criteria</h1>" in html
    assert "<strong>sharp</strong>" in html
    assert "<script" not in html


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe\x00"])
def test_unreadable_instructions_are_one_line(tmp_path: Path, content: bytes) -> None:
    """Empty ones, too."""
    path = tmp_path / "text.md"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"instructions .*text\.md"):
        read_text(path)


def test_examples_are_grouped_best_first(examples: Path) -> None:
    """The rating stands as the file's name writes it."""
    found = [(example.structure, example.answer) for example in find_examples(examples)]
    assert found == [
        ("", "0.5"),
        ("actin", "0.9"),
        ("actin", "0.31"),
        ("tubulin", "1"),
        ("tubulin", "0"),
    ]


@pytest.mark.parametrize("name", ["plain.png", "x_7.png", "x_1.5.png", "x_0.5_.png"])
def test_a_name_without_a_rating_is_named(examples: Path, name: str) -> None:
    """The remedy is said."""
    picture(examples / name, 60)
    with pytest.raises(SourceError, match=rf"{name} \(1\); rename"):
        find_examples(examples)


def test_a_folder_without_examples_is_refused(tmp_path: Path) -> None:
    """As is one that does not exist."""
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(SourceError, match=str(folder)):
            find_examples(folder)


def test_published_examples_tell_nothing_but_their_pixels(examples: Path, tmp_path: Path) -> None:
    """Neither the file's name nor metadata go to the server."""
    info = PngImagePlugin.PngInfo()
    info.add_text("rating", "0.123")
    picture(examples / "told_0.123.png", 99, pnginfo=info)
    found = find_examples(examples)
    pictures = tmp_path / "media" / "study"
    names = publish_examples(found, pictures, [])
    for example, name in zip(found, names, strict=True):
        assert example.path.stem not in name
        content = (pictures / name).read_bytes()
        assert b"0.123" not in content
        with Image.open(pictures / name) as shown, Image.open(example.path) as original:
            assert np.array_equal(np.asarray(shown), np.asarray(original.convert("RGB")))
    assert publish_examples(found, pictures, []) == names


def test_an_example_that_is_an_item_is_refused(examples: Path, tmp_path: Path) -> None:
    """Whatever the format: the pixels count."""
    item = picture(tmp_path / "media" / "item.webp", 20, lossless=True)
    with pytest.raises(SourceError, match=r"also items of the study: b_0\.9\.png \(1\)"):
        publish_examples(find_examples(examples), tmp_path / "media", [item])


def test_the_html_names_structure_and_rating(examples: Path) -> None:
    """And nothing of a hostile folder name is taken for markup."""
    picture(examples / "<b>x" / "e_0.2.png", 70)
    found = find_examples(examples)
    html = write_examples(found, [f"{n}.png" for n in range(len(found))], lambda name: f"/d/{name}")
    assert html.count("<img ") == len(found)
    assert "<h4>actin</h4>" in html
    assert "&lt;b&gt;x" in html
    assert "<b>x" not in html


def test_examples_of_labels_are_named_after_them(tmp_path: Path) -> None:
    """Hyphens stand for spaces; the longer label is not taken for the shorter one."""
    for name in ("b_no-artifact", "a_artifact", "c_artifact"):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    labels = ("artifact", "no artifact")
    found = [(one.path.name, one.answer) for one in find_examples(tmp_path, labels)]
    assert found == [
        ("a_artifact.png", "artifact"),
        ("c_artifact.png", "artifact"),
        ("b_no-artifact.png", "no artifact"),
    ]
    Image.new("RGB", (4, 4)).save(tmp_path / "d_0.7.png")
    with pytest.raises(SourceError, match=r"artifact or no-artifact at the end.*d_0\.7\.png"):
        find_examples(tmp_path, labels)
