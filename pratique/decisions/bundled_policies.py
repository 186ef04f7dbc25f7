"""A service's own policies: the Rego files below the folder that its manifest names."""

from __future__ import annotations

from collections.abc import Mapping

from pratique.errors import Invalid, Problem
from pratique.values.manifest import MANIFEST_FILE, Manifest

REGO = ".rego"

_PLACE = f"{MANIFEST_FILE}, policies"


def is_policy(path: str, manifest: Manifest) -> bool:
    """Whether the file is one of the service's own policies, or a test of one."""
    folder = manifest.policies
    return folder is not None and path.endswith(REGO) and (folder == "." or path.startswith(f"{folder}/"))


def policies_of(files: Mapping[str, bytes], manifest: Manifest) -> dict[str, str]:
    """The text of each policy by its path; none where the manifest names no folder of them.

    `files` are those of the infrastructure bundle. A folder without a policy is refused: it would decide nothing.
    """
    if manifest.policies is None:
        return {}
    found = {path: content for path, content in sorted(files.items()) if is_policy(path, manifest)}
    if not found:
        remedy = "name the folder that holds them, or leave the key `policies` out"
        raise Invalid(_PLACE, f"there is no file *{REGO} below {manifest.policies}", remedy)
    texts: dict[str, str] = {}
    problems = []
    for path, content in found.items():
        try:
            texts[path] = content.decode()
        except UnicodeDecodeError:
            problems.append(Problem(path, "the file is not UTF-8", "save it in that encoding"))
    if problems:
        raise Invalid.all_of(problems)
    return texts
