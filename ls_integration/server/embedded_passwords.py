"""A new password on the embedded server: Label Studio's own command, asked without words.

``label-studio reset_password`` asks with `getpass`. In a session without a
terminal that reads standard input, so no password stands on a command line.
"""

import subprocess
from pathlib import Path

from pydantic import SecretStr

from ls_integration.errors import ServerError, ServerTimeout
from ls_integration.server.embedded_environment import command, environment
from ls_integration.server.embedded_files import State

_DEADLINE_S = 120.0
_DONE = ("Password successfully changed", "Entered password is the same as current")


def set_password(data_dir: Path, state: State, email: str, password: SecretStr) -> None:
    """Give an account of the embedded server another password.

    Parameters
    ----------
    data_dir : Path
        Absolute data dir of the server, which may run meanwhile.
    state : State
        How it was started last.
    email : str
        Whose password.
    password : SecretStr
        The new one.

    Raises
    ------
    ServerError
        If Label Studio's command does not say that it was done
        (`ServerTimeout`: says nothing for two minutes).
    """
    remedy = "run the same command again"
    try:
        done = subprocess.run(
            reset_command(data_dir, email),
            env=environment(data_dir, Path(state.media), state.host),
            cwd=data_dir,
            input=f"{password.get_secret_value()}\n",
            capture_output=True,
            text=True,
            check=False,
            # No terminal: getpass then reads standard input.
            start_new_session=True,
            timeout=_DEADLINE_S,
            umask=0o077,
        )
    except subprocess.TimeoutExpired:
        msg = f"Label Studio did not change the password in {_DEADLINE_S:g} s; {remedy}"
        raise ServerTimeout(msg) from None
    if not any(line.strip().endswith(_DONE) for line in done.stdout.splitlines()):
        said = (done.stdout.strip() or done.stderr.strip()).splitlines()
        msg = (
            f"Label Studio did not change the password of {email} "
            f"({said[-1] if said else f'exit code {done.returncode}'}); {remedy}"
        )
        raise ServerError(msg)


def reset_command(data_dir: Path, email: str) -> list[str]:
    """Build Label Studio's command; it holds no secret.

    Parameters
    ----------
    data_dir : Path
        Absolute data dir of the server.
    email : str
        Whose password.

    Returns
    -------
    list of str
        For `subprocess.run`.
    """
    start = command(data_dir, "", 0)
    python = start[: start.index("start")]
    return [*python, "reset_password", "--data-dir", str(data_dir), f"--username={email}"]
