"""What runs in the embedded server's process: Label Studio's command line, mended.

What is mended is in `mended`, how it keeps its database and answers requests in
`embedded_serving`.
"""

import importlib
from typing import Any

from ls_integration.server import embedded_serving, mended


def main() -> None:
    """Run Label Studio's own command line.

    Raises
    ------
    AttributeError
        If this Label Studio is built differently and cannot be mended.
    """
    server: Any = importlib.import_module("label_studio.server")
    set_up = server._setup_env

    def set_up_and_mend() -> None:
        set_up()
        mended.mend()
        embedded_serving.close_uploads()
        embedded_serving.tune_database()

    server._setup_env = set_up_and_mend
    # Called with both by name; without it Label Studio would start its own server.
    if not callable(server._app_run):
        raise AttributeError(server.__name__)
    server._app_run = embedded_serving.serve
    server.main()


if __name__ == "__main__":
    main()
