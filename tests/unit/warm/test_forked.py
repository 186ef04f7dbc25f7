"""What the warm process holds for its forks must not change what others get."""

from __future__ import annotations

import ssl
import subprocess
import sys

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
