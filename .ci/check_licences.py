"""Check the licences of everything that a user of the package gets with it.

Runs pip-licenses over the closure of the core dependencies and of the extras
`server`, `ml`, `consensus`, `onnx`, `dask`, `remote` and `s3`; development tools stay with us and
are not asked.
"""

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("", "server", "ml", "consensus", "onnx", "dask", "remote", "s3")

ALLOWED = {
    # permissive
    "0BSD",
    "3-Clause BSD License",
    "Apache Software License",
    "Apache-2.0",
    "BSD 3-Clause",
    "BSD License",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CNRI-Python",  # CPython's own of before 2001, in regex
    "HPND",
    "ISC",
    "ISC License (ISCL)",
    "MIT",
    "MIT License",
    "MIT-0",
    "MIT-CMU",
    "PSF-2.0",
    "Python Software Foundation License",
    "TCL",  # the BSD-like licence of Tcl, in ujson
    "The Unlicense (Unlicense)",
    "Zope Public License",  # BSD-like, in waitress
    # weak copyleft: libraries that are used as they are and can be exchanged
    "LGPL-3.0-only",
    "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)",
}
"""Licences as the packages spell them. GPL and AGPL are not among them."""

REFUSED_NAMES = {
    "krippendorff": "GPL; fine as an oracle in tests, not as a dependency",
    "pingouin": "GPL; fine as an oracle in tests, not as a dependency",
}

READ_BY_HAND = {
    "label-studio-sdk": "Apache-2.0, by the LICENSE file of its wheel",
    "partd": "BSD-3-Clause, by the LICENSE.txt of its wheel (its metadata say BSD)",
    "skops": "MIT, by the LICENSE file of its wheel",
}
"""Packages whose metadata name no licence: what their own licence file says."""


def closure() -> list[str]:
    """Collect all installed packages that the package and its extras need."""
    found: set[str] = set()
    waiting = [("ls-integration", extra) for extra in EXTRAS]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            continue  # of another platform, or overridden away in pyproject.toml
        found.add(name)
        for requirement in map(Requirement, lines):
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            for wanted in ("", *requirement.extras):
                step = (canonicalize_name(requirement.name), wanted)
                if step not in seen:
                    seen.add(step)
                    waiting.append(step)
    return sorted(found - {"ls-integration"})


def licences(names: list[str]) -> dict[str, str]:
    """Ask pip-licenses about each package."""
    command = [
        *(sys.executable, "-m", "piplicenses", "--from=mixed", "--format=json"),
        *("--packages", *names),
    ]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {canonicalize_name(row["Name"]): row["License"] for row in json.loads(answer)}


def is_allowed(licence: str) -> bool:
    """Tell whether all named licences, or one of a choice, are on the list."""
    choices = licence.split(" OR ")
    return any(all(part in ALLOWED for part in re.split(r" AND |; ", choice)) for choice in choices)


def main() -> int:
    """Print one line for each package that may not come along; 1 if there is one."""
    named = licences(closure())
    complaints = [
        f"{name}: {REFUSED_NAMES[name]}" for name in sorted(REFUSED_NAMES.keys() & named.keys())
    ]
    for name, licence in sorted(named.items()):
        if name not in READ_BY_HAND and not is_allowed(licence):
            complaints.append(f"{name}: licence '{licence}' is not among the allowed ones")
    complaints += [
        f"{name}: no longer needed in READ_BY_HAND" for name in READ_BY_HAND.keys() - named
    ]
    for line in complaints:
        print(f"licences: {line}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
