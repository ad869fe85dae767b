"""A JPEG file without everything that is not its picture, and without loss.

Pillow could save the decoded picture once more with the tables of its source
(``quality="keep"``). On the eight real frames (4,200 x 2,200, colour at half
the resolution) single pixels then differ by 23 to 34 of 255 levels, 2 to 5 % of
the values by more than 2: a tile would not look in the frame as in its cutout.
Copying the segments that decoding needs leaves every pixel as it is, and takes
milliseconds.
"""

import re
from pathlib import Path

from ls_integration.errors import SourceError

# Numbers of markers and layout of segments: ITU-T T.81 (1992), table B.1 and annex B.
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_HUFFMAN_TABLES, _QUANTIZATION_TABLES, _RESTART_INTERVAL = 0xC4, 0xDB, 0xDD
_KEPT = {_HUFFMAN_TABLES, _QUANTIZATION_TABLES, _RESTART_INTERVAL, _SCAN}
# Baseline, extended and progressive, all with Huffman codes: what browsers decode.
_FRAME_HEADERS = {0xC0, 0xC1, 0xC2}
_COMMENT, _APPLICATION = 0xFE, range(0xE0, 0xF0)
_JFIF, _ADOBE = 0xE0, 0xEE

# In the data of a scan 0xFF is followed by 0 or is a restart marker.
_AFTER_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")

# They tell decoders the colour model. Written anew, since they also hold resolution,
# thumbnail and version. JFIF (ITU-T T.871): version 1.01, square pixels.
_PLAIN_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_PLAIN_ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"  # and the transform, one byte
_ADOBE_TRANSFORM = 11


def plain_jpeg(content: bytes) -> bytes | None:
    """Leave out what is not the picture: notes, orientation, profiles, thumbnails, a second one.

    Parameters
    ----------
    content : bytes
        A JPEG file.

    Returns
    -------
    bytes or None
        A JPEG file that decodes to the same pixels; None if the file is no
        whole one, or not grey or three colours of 8 bit with Huffman codes.
    """
    if content[:2] != bytes((0xFF, _START)):
        return None
    kept = [content[:2]]
    at, colours = 2, 0
    while content[at : at + 1] == b"\xff":
        marker = content[at + 1] if at + 1 < len(content) else _START
        if marker == 0xFF:  # fill
            at += 1
            continue
        if marker == _END:
            return b"".join([*kept, content[at : at + 2]]) if colours else None
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4])
        body = content[at + 4 : end]
        if marker in _FRAME_HEADERS and len(body) > 5:
            colours = body[5]
            if body[0] != 8 or colours not in {1, 3}:
                return None
        elif marker in _APPLICATION or marker == _COMMENT:
            kept.append(_colour_model(marker, body))
        elif marker not in _KEPT:
            return None
        if marker in _KEPT or marker in _FRAME_HEADERS:
            kept.append(content[at:end])
        at = end
        if marker == _SCAN:
            following = _AFTER_SCAN.search(content, end)
            if following is None:
                return None
            at = following.start()
            kept.append(content[end:at])
    return None


def read_plain_jpeg(path: Path) -> bytes:
    """Read the picture of a JPEG file and nothing else of it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bytes
        See `plain_jpeg`.

    Raises
    ------
    SourceError
        If it has no such picture, or is not to be read.
    """
    try:
        plain = plain_jpeg(path.read_bytes())
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror or error}); mend that, rerun"
        raise SourceError(msg) from error
    if plain is None:
        msg = f"{path} is no longer the JPEG that it was; put it back, or import anew"
        raise SourceError(msg)
    return plain


def _colour_model(marker: int, body: bytes) -> bytes:
    """Write anew what an application's segment says of the colours; mostly nothing."""
    if marker == _JFIF and body.startswith(b"JFIF\x00"):
        return _PLAIN_JFIF
    if marker == _ADOBE and body.startswith(b"Adobe") and len(body) > _ADOBE_TRANSFORM:
        return _PLAIN_ADOBE + body[_ADOBE_TRANSFORM : _ADOBE_TRANSFORM + 1]
    return b""
