"""The ML backend of a container: what the environment names, served.

The adapter itself is `ls_integration.serving.application`, so that the command
``ls-integration backend`` of an installed wheel runs the very same code.
"""

from flask import Flask

from ls_integration.serving.application import application_from_environment


def make_application() -> Flask:
    """Make the web application.

    Returns
    -------
    Flask
        Serving the score table that ``LS_INTEGRATION_SCORES`` names.
    """
    return application_from_environment()
