# ruff: noqa: INP001  # a script, no package
"""`python deployments/job_template.py TYPE`: the base job template of a work pool of containers, as JSON.

Prefect's own template of that type, as this version of Prefect ships it, with what `deployments/job-templates.yaml` says put in
the place of its variables: none is left, so that a deployment or a run has nothing to set. Prefect's server refuses job
variables by that template. Its workers merge `env` into what is fixed here all the same, should one get past the server.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import prefect
import yaml
from prefect.utilities.templating import apply_values

OURS = Path(__file__).with_name("job-templates.yaml")
THEIRS = Path(prefect.__file__).parent / "server/api/collections_data/views/aggregate-worker-metadata.json"


def job_template(kind: str) -> dict[str, Any]:
    """The template; `KeyError` for a type, or a variable, that Prefect or we do not know."""
    workers = json.loads(THEIRS.read_text()).values()
    template: dict[str, Any] = next(found[kind] for found in workers if kind in found)["default_base_job_configuration"]
    ours = yaml.safe_load(OURS.read_text())[kind]
    properties = template["variables"]["properties"]
    for name, value in ours["variables"].items():
        properties[name]["default"] = value
    values = {name: field["default"] for name, field in properties.items() if field.get("default") is not None}
    return {
        "job_configuration": apply_values(merged(template["job_configuration"], ours.get("configuration", {})), values),
        "variables": {"type": "object", "properties": {}, "additionalProperties": False},
    }


def merged(theirs: Any, ours: Any) -> Any:
    """Ours over theirs: mappings by key, lists by position."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        both = {key: merged(theirs[key], ours[key]) for key in theirs.keys() & ours.keys()}
        return {**theirs, **ours, **both}
    if isinstance(theirs, list) and isinstance(ours, list):
        return [merged(one, other) for one, other in zip(theirs, ours, strict=True)]
    return ours


if __name__ == "__main__":
    print(json.dumps(job_template(sys.argv[1]), indent=2))  # noqa: T201  # its output
