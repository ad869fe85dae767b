"""The process that reads the broken files of `tests.test_fuzz`: it may crash, hang, or grow.

One line of JSON in, ``[reader, folder]``; one line out: what came of it. Warnings are errors
here, as in all tests, and the address space of one file is limited.
"""

import json
import resource
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from ls_integration.errors import IntegrationError
from tests.fuzz_readers import READERS

ADDRESS_SPACE_BYTES = 6 * 1024**3
"""More than is there already: what asks for more is refused by the system, not by luck."""


def in_memory_kb(name: str) -> int:
    """Read a line of this process's status, for example VmHWM, the most memory used so far."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0])


def attempt(name: str, folder: Path) -> dict[str, Any]:
    """Read one file and tell how that ended and how much more memory it took."""
    unlimited = resource.RLIM_INFINITY
    limit = in_memory_kb("VmSize") * 1024 + ADDRESS_SPACE_BYTES
    before_kb = in_memory_kb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM counts from here
    resource.setrlimit(resource.RLIMIT_AS, (limit, unlimited))
    outcome: dict[str, Any] = {}
    try:
        if name:
            READERS[name].read(folder / READERS[name].file)
    except IntegrationError as error:
        outcome = {"line": str(error)}
    except BaseException:
        outcome = {"traceback": traceback.format_exc()}
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (unlimited, unlimited))
    return {**outcome, "more_mb": (in_memory_kb("VmHWM") - before_kb) // 1024}


def serve() -> None:
    """Answer until the caller closes its end."""
    answers = sys.stdout
    sys.stdout = sys.stderr
    warnings.simplefilter("error")
    for line in sys.stdin:
        name, folder = json.loads(line)
        answers.write(json.dumps(attempt(name, Path(folder))) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
