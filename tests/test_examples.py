"""The example notebooks run as they are, and hold no outputs."""

import json
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.ipynb"))
KERNEL = "of-the-tests"
KINDS = ["cutouts", "sted-quality", "sted-rating"]


@pytest.fixture(autouse=True)
def _nobodys_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep Jupyter out of the home of whoever runs the tests; its kernel is this Python."""
    for name in (
        "HOME",
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
        "IPYTHONDIR",
    ):
        folder = tmp_path / name.lower()
        folder.mkdir()
        monkeypatch.setenv(name, str(folder))
    kernel = tmp_path / "jupyter" / "kernels" / KERNEL / "kernel.json"
    kernel.parent.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": KERNEL, "language": "python"}
    kernel.write_text(json.dumps(spec), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_one_for_each_question() -> None:
    """And no other."""
    assert [path.stem for path in EXAMPLES] == KINDS


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_no_outputs_are_kept(path: Path) -> None:
    """Git has words and code only: no output, no count, no trace of a machine; words first."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.cells[0].cell_type == "markdown"
    for cell in notebook.cells:
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_runs(path: Path, tmp_path: Path) -> None:
    """Each cell without an error or a warning, from a folder of nobody's; each last line shows."""
    notebook = nbformat.read(path, as_version=4)
    place = tmp_path / "place"
    place.mkdir()
    where = {"metadata": {"path": str(place)}}
    client = NotebookClient(notebook, kernel_name=KERNEL, timeout=240, resources=where)
    client.execute()
    shown = 0
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type == "execute_result", output
            shown += 1
            assert "text/html" in output.data or "text/plain" in output.data
    assert shown == sum(cell.cell_type == "code" for cell in notebook.cells)
    html = [
        out.data.get("text/html", "") for cell in notebook.cells for out in cell.get("outputs", [])
    ]
    assert sum("<iframe" in text for text in html) == 1
    assert any("<table" in text for text in html)
    assert list(place.iterdir()) == []


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    """No page of traceback for a folder that is not there."""
    call = "import ls_integration\nls_integration.open_study('nowhere')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(call)])
    where = {"metadata": {"path": str(tmp_path)}}
    client = NotebookClient(notebook, kernel_name=KERNEL, resources=where, allow_errors=True)
    client.execute()
    (output,) = notebook.cells[0].outputs
    (line,) = output.traceback
    assert line.startswith("SourceError: nowhere holds no annotations.csv, and there is no study")
