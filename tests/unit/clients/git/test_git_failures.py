"""What Git complains of, in our words. The complaints are Git 2.39's and 2.47's own, and those of hosts in front of it."""

from __future__ import annotations

import pytest

from pratique.clients.git.failures import fetch_error, last_words
from pratique.errors import Refused, Transient

REPOSITORY = "https://git.example.org/hello.git"


@pytest.mark.parametrize(
    ("complaint", "kind", "phrase"),
    [
        ("fatal: Authentication failed for 'https://git.example.org/hello.git/'", Refused, "login was refused"),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", Refused, "login was refused"),
        ("git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.", Refused, "access was denied"),
        ("fatal: unable to access 'x': The requested URL returned error: 403", Refused, "access was denied"),
        ("Host key verification failed.\nfatal: Could not read from remote repository.", Refused, "known_hosts"),
        ("fatal: unable to access 'x': SSL certificate problem: self-signed certificate", Refused, "GIT_SSL_CAINFO"),
        ("fatal: unable to access 'x': server certificate verification failed. CAfile: none", Refused, "GIT_SSL_CAINFO"),
        ("remote: Repository not found.\nfatal: repository 'x' not found", Refused, "there is no Git repository"),
        ("ERROR: Repository not found.\nfatal: the remote end hung up unexpectedly", Refused, "there is no Git repository"),
        ("fatal: '/srv/x' does not appear to be a git repository", Refused, "there is no Git repository"),
        ("fatal: couldn't find remote ref refs/pull/9/head", Refused, "no such ref"),
        ("error: object 1a: hasDotgit: contains '.git'\nfatal: fsck error in packed object", Refused, "malformed"),
        ("fatal: transport 'http' not allowed", Refused, "not allowed"),
        ("fatal: something nobody has seen before", Refused, "could not be fetched"),
        ("fatal: unable to access 'x': Could not resolve host: git.example.org", Transient, "could not be reached"),
        ("ssh: connect to host x port 22: Connection timed out", Transient, "could not be reached"),
        ("fatal: unable to access 'x': Failed to connect to x port 443: Connection refused", Transient, "could not be reached"),
        ("fatal: unable to access 'x': The requested URL returned error: 503", Transient, "could not be reached"),
        ("fatal: unable to access 'x': The requested URL returned error: 429", Transient, "could not be reached"),
        ("error: RPC failed; curl 56 GnuTLS recv error (-9)\nfatal: early EOF", Transient, "could not be reached"),
        ("fatal: unable to access 'x': Operation too slow. Less than 1000 bytes/sec", Transient, "could not be reached"),
        ("kex_exchange_identification: Connection closed by remote host", Transient, "could not be reached"),
    ],
)
def test_a_complaint_is_a_no_or_ask_again(complaint: str, kind: type[Exception], phrase: str) -> None:
    error = fetch_error(REPOSITORY, complaint)
    assert type(error) is kind
    assert phrase in str(error)
    assert REPOSITORY in str(error)


def test_what_a_server_writes_stays_on_one_short_line() -> None:
    assert last_words("remote: \x1b[2Jhello\nfatal: it \x07failed\nmore") == "fatal: it  failed"
    assert last_words("") == "nothing"
    assert len(last_words("x" * 10_000)) == 300
