"""What the label pages of the kind ``cutouts`` say to people. Pure."""

from ls_integration.kinds.page_texts import html_of

CRITERION = (
    "An <b>artifact</b> is light or damage that is not of the sky: a ghost or scattered light of "
    "a bright star (rings, arcs, broad bright patches with an edge), the trail of a satellite or "
    "aircraft, a bleed trail, a bad column or row, a cosmic ray that spoils the picture, or a "
    "fault of the processing. Stars, galaxies, nebulae and the usual spikes of a bright star are "
    "<b>no artifact</b>, and neither is noise. A cutout holds an artifact if any part of one "
    "reaches into it."
)
"""The default text on what counts; a scientist's own comes with ``--instructions``."""

_KEYS = "<b>1</b> artifact<br><b>2</b> no artifact<br><b>3</b> unsure: the label stays as it is<br>"
_LEGEND = (
    "<b>Purple</b>: false positive (the model sees an artifact, the label does not). "
    "<b>Blue</b>: false negative (the label says artifact, the model sees none). "
    "<b>Green with red</b>: true positive (both say artifact). <b>Grey</b>: both say no artifact."
)
_CONFIDENCE = "The number in a box is the model's confidence that it holds an artifact."
_STOPPING = (
    "Your answers are saved one by one: you can stop at any time and go on later. Escape closes "
    "these instructions."
)


def cutout_keys(*, blind: bool) -> str:
    """Write the line beside the answer, once there is one.

    Parameters
    ----------
    blind : bool
        The page starts empty.

    Returns
    -------
    str
        ``keys`` of the task's data.
    """
    if blind:
        return "Enter submits and goes on"
    return "agree: Enter · disagree: the other key, then Enter"


def frame_keys(*, blind: bool) -> str:
    """Write how one goes from tile to tile.

    Parameters
    ----------
    blind : bool
        No tile comes before others.

    Returns
    -------
    str
        ``keys`` of the task's data.
    """
    order = "" if blind else ", errors first"
    return f"Alt+. or a click: next tile{order}; then 1, 2 or 3. Enter: next frame"


def cutout_instructions(*, blind: bool) -> str:
    """Write the default instructions of the page of one cutout.

    Parameters
    ----------
    blind : bool
        Nothing of labels and predictions is shown.

    Returns
    -------
    str
        HTML of paragraphs.
    """
    paragraphs = [
        "You see one cutout of a telescope frame at a time, and beside it the tiles around it. "
        "<b>Does the cutout hold an artifact?</b>",
        CRITERION,
    ]
    if blind:
        paragraphs.append(f"{_KEYS}<b>Enter</b> submits and goes on.")
    else:
        paragraphs += [
            "The page starts from the <b>present label</b>, which may be wrong, and so may the "
            "model. If you agree with it, press <b>Enter</b>. If you disagree, press the "
            "<b>other</b> key, then Enter. (Pressing the key of the answer that is already set "
            "takes it away.)",
            f"{_KEYS}<b>Enter</b> submits and goes on, at the end of a frame to the next one.",
            f"{_LEGEND} {_CONFIDENCE}",
        ]
    paragraphs += [
        "The dashed frame marks the cutout in its surroundings. To judge a neighbour as well, "
        "click it, then press <b>Shift+1</b> (artifact) or <b>Shift+2</b> (no artifact). "
        "Neighbours that you do not touch do not count as reviewed.",
        "The whole frame is one link away, under the table. A remark is optional.",
        "To correct an earlier answer, go back with the arrow <b>&lt;</b> at the bottom left, "
        "press the other key, then Enter; the arrow <b>&gt;</b> goes on. <b>Ctrl+Space</b> (on a "
        "Mac: <b>Option+Enter</b>) skips.",
        _STOPPING,
    ]
    return html_of(paragraphs)


def frame_instructions(*, blind: bool) -> str:
    """Write the default instructions of the page of a whole frame.

    Parameters
    ----------
    blind : bool
        Nothing of labels and predictions is shown.

    Returns
    -------
    str
        HTML of paragraphs.
    """
    paragraphs = [
        "You see a whole telescope frame with a box around each tile that is asked about. "
        "<b>Which of them hold an artifact?</b>",
        CRITERION,
        "<b>Alt+.</b> goes from tile to tile, a click reaches any tile; then<br>"
        f"{_KEYS}<b>Enter</b> submits the frame and goes on to the next one.",
        "Tiles that you do not answer do not count as reviewed: answer also where you agree.",
    ]
    if not blind:
        paragraphs.insert(3, f"{_LEGEND} {_CONFIDENCE} The errors come first.")
    zoom = "" if blind else " Numbers and red are shown while the whole frame is."
    paragraphs += [
        f"Zoom, brightness and contrast are beside the picture.{zoom} To correct an earlier frame, "
        "go back with the arrow <b>&lt;</b> at the bottom left.",
        _STOPPING,
    ]
    return html_of(paragraphs)
