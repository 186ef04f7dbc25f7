"""What the warm process holds for its forks must not change what others get."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path

SCRIPT = """\
import ssl
plain = ssl.create_default_context
import threading
import certifi
import tasks._forked
from prefect.client import orchestration

assert threading.active_count() == 1
assert ssl.create_default_context is plain, "everybody else makes contexts as before"
ours = orchestration.ssl.create_default_context
assert ours(cafile=certifi.where()) is ours(cafile=certifi.where())
insecure = ours()
insecure.check_hostname, insecure.verify_mode = False, ssl.CERT_NONE
for other in (ours(), ours(cafile=certifi.where()), ssl.create_default_context()):
    assert (other.check_hostname, other.verify_mode) == (True, ssl.CERT_REQUIRED)
print("well")
"""


def test_turning_verification_off_for_one_client_of_prefect_turns_it_off_for_no_other() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout == "well\n", done.stderr
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED


RESULTS = """\
import asyncio
import pathlib
import pickle
import sys
import tasks._forked
from prefect.client.schemas.objects import State
from prefect._internal.result_records import ResultRecordMetadata
from prefect.results import get_result_store, aget_default_result_storage
from prefect.serializers import PickleSerializer
from pratique.errors import Refused

class Evil:
    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path(sys.argv[1]) / "trace",)

stored = pathlib.Path(sys.argv[1]) / "result"
stored.write_bytes(pickle.dumps(Evil()))
state = State(type="COMPLETED", data=ResultRecordMetadata(serializer=PickleSerializer(), storage_key=str(stored)))
try:
    asyncio.run(state.aresult(raise_on_failure=False))
except Refused as refused:
    print(refused)
# Prefect's server is not asked where results are stored: there is none, and nothing is waited for.
asyncio.run(aget_default_result_storage())
"""


def test_a_result_that_a_state_refers_to_is_not_read(tmp_path: Path) -> None:
    environment = {**os.environ, "PREFECT_API_URL": "http://127.0.0.1:1/api"}
    command = [sys.executable, "-c", RESULTS, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "a state refers to a stored result: no run stores one, and none is read\n", done.stderr
    assert not (tmp_path / "trace").exists()
