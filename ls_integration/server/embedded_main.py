"""What runs in the embedded server's process: Label Studio with one hole closed.

An export that fetches pictures (COCO and YOLO "with images", Pascal VOC) sends
the owner's token along wherever a task's ``image`` points to Label Studio's own
address, and puts the answer into the archive. So any member could read the
owner's token with a task whose image is ``/api/current-user/token`` (seen with
1.23.2). Label Studio leaves such pictures out if it does not know its own
address; here it never does. Ours are files below the document root or in the
study anyway.
"""

import importlib
import sys
from typing import Any


def main() -> None:
    """Run Label Studio's own command line.

    Raises
    ------
    AttributeError
        If this Label Studio is built differently and the hole cannot be
        closed: better no server than an open one.
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

    server._setup_env = set_up_and_close
    server.main()


def _unknown(_request: object) -> None:
    """Say that Label Studio does not know its own address."""


if __name__ == "__main__":
    main()
