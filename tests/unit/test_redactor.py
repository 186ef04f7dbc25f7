"""Secrets of every shape, in every spelling, on every way out of the process."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import re
import secrets as random
import shlex
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
import yaml
from prefect.states import State

from pratique import scrub as module
from pratique.cli.output import Voice, complain, show_json, show_table
from pratique.clients.engine.container import SECRETS, remember_secrets
from pratique.clients.engine.errors import verdict
from pratique.clients.git.failures import fetch_error
from pratique.clients.ledger.tables import FreeText
from pratique.clients.program import run_program
from pratique.clients.sigstore.free_text import without_secrets
from pratique.decisions.summaries import REASONS
from pratique.errors import Exhausted, Invalid, Refused, Transient, Waiting
from pratique.scrub import REPLACEMENT, Redactor, ScrubbingFilter, redactor, remember, scrub, scrubbed
from pratique.values.digest import digest_of
from pratique.values.evidence import statement_about
from tasks import _step, reports
from tasks._outcome import told
from tasks._step import Scrubbed, clean_of
from tests.unit.clients.test_program import SOON

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def key_of(lines: int) -> str:
    """What looks like a private key."""
    body = "\n".join("".join(random.choice(_LETTERS) for _ in range(64)) for _ in range(lines))
    return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"


SHAPES = {
    "a word": "c4n4ry-hunter2-value",
    "with signs": "c4n4ry\"v\\l'ué&<$x`%/+= end",
    "a private key": key_of(25),
    "a short key": key_of(3),
    "a key with Windows' line ends": key_of(5).replace("\n", "\r\n"),
    "a JSON document": json.dumps({"type": "account", "private_key": key_of(4), "id": random.token_hex(16)}, indent=2),
    "a YAML document": f"user: c4n4ry-{random.token_hex(8)}\n  password: {random.token_hex(12)}\n",
    "a URL": f"postgres://c4n4ry:{random.token_hex(8)}@db.example.org/prod?ssl=1",
    "with white space around": f"  {random.token_hex(12)} \n",
    "with tabs": f"{random.token_hex(8)}\t\t{random.token_hex(8)}",
}


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "within text": lambda secret: f"the password is {secret}, they say",
    "indented": lambda secret: "\n".join(f"        {line}" for line in secret.splitlines()),
    "with times": lambda secret: "\n".join(f"2026-01-02T03:04:05.678Z stderr F {line}" for line in secret.splitlines()),
    "with numbers": lambda secret: "\n".join(f"{number:>4} | {line}" for number, line in enumerate(secret.splitlines())),
    "in quotation marks, line by line": lambda secret: "\n".join(f"> '{line}'," for line in secret.splitlines()),
    "its last lines": lambda secret: "\n".join(secret.splitlines()[-3:]),
    "on one line": lambda secret: " ".join(secret.split()),
    "with bars": lambda secret: " | ".join(secret.splitlines()),
    "JSON": json.dumps,
    "JSON in Unicode": lambda secret: json.dumps({"value": secret}, ensure_ascii=False),
    "JSON in JSON": lambda secret: json.dumps({"message": json.dumps({"value": secret})}),
    "JSON, four times": lambda secret: json.dumps(json.dumps(json.dumps(json.dumps([secret])))),
    "repr of a repr": lambda secret: repr(repr(repr(secret))),
    "Go's JSON": lambda secret: (
        json.dumps(secret, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    ),
    "PHP's JSON": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "Python": repr,
    "Python's bytes": lambda secret: repr(secret.encode()),
    "a list's repr": lambda secret: repr([secret.splitlines(), secret]),
    "a URL's part": lambda secret: quote(secret, safe=""),
    "a URL's path": quote,
    "a form": lambda secret: urlencode({"password": secret}),
    "a URL in small letters": lambda secret: re.sub("%..", lambda match: match[0].lower(), quote_plus(secret)),
    "a shell": shlex.quote,
    "XML": html.escape,
    "base64": b64,
    "base64 of more": lambda secret: b64(f"user:{secret}"),
    "base64 of much more": lambda secret: b64(json.dumps({"auths": {"r.example.org": {"password": "x"}}}) + secret + "and on"),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "base64 in lines": lambda secret: base64.encodebytes(secret.encode()).decode(),
    "hexadecimal": lambda secret: secret.encode().hex(),
    "HEXADECIMAL": lambda secret: secret.encode().hex().upper(),
}

LONGEST_REST = 6
"""Characters in a row that may be left of a secret: at the edges of what is encoded with its neighbours."""


@pytest.fixture(autouse=True)
def _own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_known", set())


def assert_clean(text: str, secret: str, spelled: Callable[[str], str] = str) -> None:
    """Nothing of the secret is left, however it was spelled, but lines that are too short to be any."""
    for line in [spelled(secret), *secret.splitlines()]:
        for part in line.split():
            core = part.strip("\"',|>")
            if len(core) > 2 * LONGEST_REST and core not in ("-----BEGIN", "-----END"):
                assert core not in text, (core, text[:500])


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_secret_of_every_shape_is_found_in_every_spelling(shape: str, spelling: str) -> None:
    secret, spelled = SHAPES[shape], SPELLINGS[spelling]
    remember(secret)
    text = spelled(secret)
    shown = scrub(f"before {text} after")
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert REPLACEMENT in shown
    assert_clean(shown, secret)
    for line in secret.splitlines():
        core = line.strip()
        if len(core) >= module.SHORTEST:
            assert core not in shown
            assert b64(core)[4:-4] not in shown
    # What is left over is as short as the edges of an encoding.
    left = shown.removeprefix("before ").removesuffix(" after").replace(REPLACEMENT, "\0")
    if spelling.startswith(("base64", "hexa", "HEXA")) and spelling != "base64 of much more" and len(secret.splitlines()) == 1:
        assert all(len(part.strip()) <= 2 * LONGEST_REST for part in left.split("\0")), left


CASES: tuple[tuple[list[str], str, str], ...] = (
    (["hunter2"], "the password is hunter2!", "the password is ********!"),
    (["short", "shorter-secret", "shorter"], "shorter-secret shorter short", "******** ******** ********"),
    (["line-one\nline-two\n"], "a line-two b line-one c", "a ******** b ******** c"),
    (["line-one\nline-two\n"], "line-one\nline-two", "********"),
    (["line-one\nline-two\n"], "line-one line-two", "********"),
    (["first-line\nx\n"], "x marks first-line", "x marks ********"),
    (["", "\n", " \n "], "nothing to hide", "nothing to hide"),
    (["abc"], "abc", "********"),
    ([], "hunter2", "hunter2"),
)


@pytest.mark.parametrize(("secrets", "text", "shown"), CASES)
def test_a_redactor_of_ones_own(secrets: list[str], text: str, shown: str) -> None:
    assert Redactor(secrets)(text) == shown
    assert redactor(*secrets)(text) == shown


@pytest.mark.parametrize("at", [6, 7, 8, 11, 15])
@pytest.mark.parametrize("shape", ["a word", "a private key", "a URL", "with white space around"])
def test_a_text_that_was_cut_off_within_a_secret_shows_nothing_of_it(shape: str, at: int) -> None:
    secret = SHAPES[shape].strip()
    remember(SHAPES[shape])
    for line in (secret.splitlines()[0], secret.splitlines()[-1], secret.splitlines()[len(secret.splitlines()) // 2]):
        assert redactor().cut(f"output: {line[:at]}") == f"output: {REPLACEMENT}"
        assert redactor().cut(f"{line[-at:]}, and more") == f"{REPLACEMENT}, and more"
        encoded = b64(line)
        assert redactor().cut(f"output: {encoded[:at]}") == f"output: {REPLACEMENT}"


@pytest.mark.parametrize("text", ["", "x", "an output without any", "output: c4n", "n4ry-hunter2 is within"])
def test_a_text_without_any_stays_as_it_is(text: str) -> None:
    remember(SHAPES["a URL"])
    assert redactor().cut(text) == scrub(text) == text


def test_documents_keep_their_shape() -> None:
    remember("c4n4ry-value")
    document = {"c4n4ry-value": ["c4n4ry-value", 1, None, ("a c4n4ry-value",)], "b": {"c": True}}
    assert scrubbed(document) == {"c4n4ry-value": [REPLACEMENT, 1, None, (f"a {REPLACEMENT}",)], "b": {"c": True}}


# The ways out of the process, each with a secret of every shape in the worst spellings.


def planted(secret: str) -> str:
    return "; ".join(spelled(secret) for name, spelled in SPELLINGS.items() if name != "with bars")


@pytest.fixture(params=SHAPES)
def secret(request: pytest.FixtureRequest) -> str:
    value = SHAPES[request.param]
    remember(value)
    return value


def fail(text: str) -> None:
    raise ValueError(text)


@pytest.mark.parametrize("cut", range(20, 66, 5))
def test_of_a_line_that_others_have_cut_off_less_than_a_block_is_left(cut: int) -> None:
    value = key_of(3)
    remember(value)
    line = value.splitlines()[1]
    shown = scrub(f"invalid literal: '{line[:cut]}... at line 3")
    assert line[:16] not in shown
    assert len(shown) <= len(f"invalid literal: '{REPLACEMENT * 4}... at line 3") + 15


def test_a_log_shows_none(secret: str) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(ScrubbingFilter())
    logger = logging.getLogger("planted")
    logger.addHandler(handler)
    try:
        fail(planted(secret))
    except ValueError:
        logger.exception("%s failed: %r", planted(secret), {"value": secret}, stack_info=True)
    finally:
        logger.removeHandler(handler)
    assert_clean(stream.getvalue(), secret)
    assert "ValueError" in stream.getvalue()


@pytest.mark.parametrize("kind", [Refused, Transient, Exhausted, Waiting, Invalid, ValueError, KeyError, OSError])
def test_a_failure_shows_none(secret: str, kind: type[Exception]) -> None:
    arguments = ("place", planted(secret), "remedy") if kind is Invalid else (planted(secret),)
    failure = kind(*arguments)
    failure.add_note(f"noted: {planted(secret)}")
    clean = clean_of(failure)
    assert type(clean) is (kind if kind in (Refused, Transient, Exhausted, Waiting, Invalid) else Scrubbed)
    assert_clean(f"{clean} {clean!r} {clean.__notes__}", secret)
    assert clean_of(clean) is clean


@pytest.mark.parametrize("kind", [Refused, Transient, Waiting])
async def test_a_state_of_prefect_and_the_last_line_of_its_run_show_none(
    secret: str, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(_step, "get_run_logger", lambda: SimpleNamespace(log=lambda level, line: lines.append(line)))

    @told
    async def flow() -> None:
        raise kind(planted(secret))

    state: State[Any] = await flow()
    assert state.name == kind.__name__
    assert_clean(f"{state!r} {state.message} {state.model_dump_json(exclude={'data'})}", secret)
    assert lines[0].startswith(f"{kind.__name__}: ")
    assert_clean(lines[0], secret)


async def test_a_flow_that_fails_otherwise_shows_none(secret: str) -> None:
    @told
    async def flow() -> None:
        raise RuntimeError(planted(secret))

    with pytest.raises(Scrubbed) as failure:
        await flow()
    assert_clean(str(failure.value), secret)
    assert failure.value.__suppress_context__


def test_a_line_of_a_run_shows_none(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(_step, "get_run_logger", lambda: SimpleNamespace(info=lines.append))
    _step.tell(planted(secret))
    assert_clean(lines[0], secret)


async def test_an_artifact_shows_none(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []

    async def create(*content: object, **named: object) -> None:
        shown.extend([*content, named])

    monkeypatch.setattr(reports, "acreate_markdown_artifact", create)
    monkeypatch.setattr(reports, "acreate_table_artifact", create)
    await reports.write_markdown(planted(secret), key="k", description=planted(secret))
    await reports.write_table([{"why": planted(secret)}], key="k", description="d")
    assert_clean(str(shown), secret)


def test_a_command_shows_none(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        for name in ("console", "complaints"):
            monkeypatch.setattr(f"pratique.cli.output.{name}", Voice())
        Voice().print(planted(secret), markup=False)
        show_json({"reason": planted(secret), "more": [secret]})
        show_table([{"reason": planted(secret)}], empty="")
        complain(Refused(planted(secret)))
    assert_clean(output.getvalue(), secret)


def test_json_of_a_command_stays_json(secret: str) -> None:
    output = io.StringIO()
    with redirect_stdout(output):
        show_json({"at": datetime(2026, 1, 2, tzinfo=UTC), "reason": f'"{secret}"'})
    assert set(json.loads(output.getvalue())) == {"at", "reason"}


def test_the_ledger_keeps_none(secret: str) -> None:
    dialect: Any = None
    assert_clean(str(FreeText().process_bind_param(planted(secret), dialect)), secret)


def test_what_is_signed_holds_none_and_keeps_its_names(secret: str) -> None:
    predicate = {
        "reason": planted(secret),
        "checks": [{"name": "c", "detail": planted(secret)}],
        REASONS: [planted(secret)],
        "policy": {"uri": "urn:pratique:environment:hello:dev:policy"},
    }
    statement = statement_about("hello/releases", digest_of(b"1"), "https://example.org/p", predicate)
    signed = without_secrets(statement)
    assert_clean(signed.payload().decode(), secret)
    assert (signed.subject, signed.predicate["policy"]) == (statement.subject, predicate["policy"])
    plain = statement_about("hello/releases", digest_of(b"1"), "https://example.org/p", {"reason": "well", "x": [1, None]})
    assert without_secrets(plain).payload() == plain.payload()


def test_the_words_of_engine_and_git_show_none(secret: str) -> None:
    assert_clean(str(verdict("start it", planted(secret))), secret)
    assert_clean(str(fetch_error("https://git.example.org/x", f"fatal: {planted(secret)}")), secret)


def test_the_last_words_of_a_program_show_none(secret: str, tmp_path: Path) -> None:
    (tmp_path / "said").write_text(planted(secret))
    script = "import sys; sys.stderr.write(open('said').read())"
    ended = run_program([sys.executable, "-c", script], tmp_path, within=SOON)
    assert_clean(ended.complaint, secret)


def test_whoever_looks_at_a_container_knows_its_secrets() -> None:
    value = key_of(4)
    attributes = {
        "Config": {
            "Labels": {SECRETS: "CERTIFICATE,TOKEN"},
            "Env": [f"CERTIFICATE={value}", "TOKEN=c4n4ry=value=", "PLAIN=production", "PATH=/bin"],
        }
    }
    remember_secrets(attributes)
    assert_clean(scrub(value), value)
    assert scrub("c4n4ry=value= in production at /bin") == f"{REPLACEMENT} in production at /bin"
    for without in ({"Labels": None, "Env": None}, {"Labels": {SECRETS: ""}, "Env": ["A=longer-value"]}, {}):
        remember_secrets({"Config": without})
    assert scrub("longer-value") == "longer-value"


def test_every_handler_of_a_run_has_the_filter() -> None:
    found = yaml.safe_load((Path(__file__).parents[2] / "deployments/logging.yml").read_text())
    assert all("scrub" in handler["filters"] for handler in found["handlers"].values())
