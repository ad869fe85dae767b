"""Find the label configs, from a wheel and from an editable checkout alike.

A wheel carries them as ``ls_integration/label_configs``; an editable install
reads the checkout's own ``label_configs/`` beside the package.
"""

from pathlib import Path

from ls_integration.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent
_FOLDERS = (_PACKAGE / "label_configs", _PACKAGE.parent / "label_configs")


def label_config_path(name: str) -> Path:
    """Find the file of one label config.

    Parameters
    ----------
    name : str
        The config's name, which is its file's without ``.xml``, for example
        ``sted_quality``.

    Returns
    -------
    Path
        The XML file, which exists.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    for folder in _FOLDERS:
        path = folder / f"{name}.xml"
        if path.is_file():
            return path
    known = sorted({path.stem for folder in _FOLDERS for path in folder.glob("*.xml")})
    msg = f"there is no label config '{name}'; known are: {', '.join(known) or 'none'}"
    raise ConfigError(msg)


def label_config_xml(name: str) -> str:
    """Read one label config.

    Parameters
    ----------
    name : str
        The config's name, for example ``sted_quality``.

    Returns
    -------
    str
        The XML as it lies in the file.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    return label_config_path(name).read_text(encoding="utf-8")
