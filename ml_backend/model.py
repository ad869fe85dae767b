"""The ML backend of a container: what the environment names, served.

The adapter itself is `ls_integration.serving`, so that the command
``ls-integration backend`` of an installed wheel runs the very same code.
"""

import sys

from flask import Flask

from ls_integration.errors import IntegrationError
from ls_integration.workflows.backend_environment import application_from_environment

LOAD_FAILED = 4
"""With this code of a worker gunicorn gives up, where it would start another one."""


def make_application() -> Flask:
    """Make the web application.

    Returns
    -------
    Flask
        Serving the model that ``LS_INTEGRATION_MODEL`` names, or the score table
        of ``LS_INTEGRATION_SCORES``.

    Raises
    ------
    SystemExit
        If it cannot be served, with one line in the log.
    """
    try:
        return application_from_environment()
    except IntegrationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(LOAD_FAILED)
