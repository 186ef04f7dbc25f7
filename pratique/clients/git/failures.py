"""What Git complains of while it fetches, as `Refused` or `Transient`.

Git has one exit status for everything, so its English messages are read; the first row that matches decides.
"""

from __future__ import annotations

from pratique.errors import Refused, Transient
from pratique.scrub import scrub

_NO_ACCESS = "give this machine access: an SSH key, ~/.netrc or GIT_ASKPASS"
_NO_REPOSITORY = "check the address, and that this machine may read it"

_REFUSED = (
    (("Authentication failed", "could not read Username", "could not read Password"), "login was refused", _NO_ACCESS),
    (("Permission denied", "error: 401", "error: 403"), "access was denied", _NO_ACCESS),
    (("Host key verification failed",), "the host's key is not known", "add the host to ~/.ssh/known_hosts"),
    (
        ("SSL certificate", "certificate verif", "self-signed"),
        "the certificate was not accepted",
        "see GIT_SSL_CAINFO",
    ),
    (("couldn't find remote ref",), "there is no such ref", "push it, or name another"),
    (("fsck error", "badObject", "invalid tree", "malformed"), "an object in it is malformed", "repair the repository"),
    (("transport '",), "this way of fetching is not allowed", _NO_REPOSITORY),
    (("dubious ownership",), "its files belong to somebody else", "run as their owner"),
)
_TRANSIENT = (
    *("Could not resolve host", "Name or service not known", "Temporary failure in name resolution"),
    *("Connection refused", "Connection timed out", "Connection reset", "Connection closed", "No route to host"),
    *("Failed to connect", "Couldn't connect", "timed out", "Operation too slow", "Empty reply from server"),
    *("Network is unreachable", "SSL_ERROR_SYSCALL", "GnuTLS recv error", "OpenSSL SSL_read", "RPC failed"),
    *("early EOF", "unexpected disconnect", "hung up unexpectedly", "invalid index-pack output"),
    *("error: 429", "error: 500", "error: 502", "error: 503", "error: 504"),
)
_ABSENT = ("not found", "does not appear to be a git repository", "does not exist", "is this a git repository", "error: 404")


def fetch_error(repository: str, complaint: str) -> Refused | Transient:
    """The error to raise where fetching from `repository` failed with `complaint`."""
    for signs, problem, remedy in _REFUSED:
        if any(sign in complaint for sign in signs):
            return Refused(f"{repository}: {problem} ({remedy}); git says: {last_words(complaint)}")
    # Before the signs of trouble: a missing repository over SSH ends with "hung up unexpectedly" as well.
    if any(sign in complaint for sign in _ABSENT):
        return Refused(f"{repository}: there is no Git repository ({_NO_REPOSITORY}); git says: {last_words(complaint)}")
    if any(sign in complaint for sign in _TRANSIENT):
        return Transient(f"{repository} could not be reached; git says: {last_words(complaint)}")
    return Refused(f"{repository} could not be fetched; git says: {last_words(complaint)}")


def last_words(complaint: str) -> str:
    """The line of the complaint that says most, on one line and without control characters, 300 letters at most."""
    lines = [line.strip() for line in scrub(complaint).splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))]
    line = (telling or lines or ["nothing"])[0]
    return "".join(letter if letter.isprintable() else " " for letter in line)[:300]
