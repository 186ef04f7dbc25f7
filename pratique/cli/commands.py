"""Which commands there are, and where each is: a module is imported when its command is typed, and no sooner.

Help, version and completion of commands therefore import typer and this table, nothing else of ours.
`tests/unit/cli/test_commands.py` holds the table to the commands' own docstrings, and lists what may be imported for what.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

if TYPE_CHECKING:
    from typer._click import Command as AnyCommand
    from typer._click import Context


class Command(NamedTuple):
    """A command that has not been imported yet."""

    place: str
    """`module:function` below `pratique.cli`."""
    says: str
    """The first sentence of its help."""


class Group(NamedTuple):
    """Commands that have one word before theirs."""

    says: str
    table: Mapping[str, Command]


class Commands(TyperGroup):
    """A group of commands, each of which is imported when it is typed."""

    table: Mapping[str, Command | Group] = {}

    @classmethod
    def of(cls, table: Mapping[str, Command | Group]) -> type[Commands]:
        """The class of a group that has these commands."""
        return type("Commands", (cls,), {"table": table})

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # Enough for a list of them.
        self.commands = {name: TyperCommand(name, help=one.says) for name, one in self.table.items()}

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """As typer does; but while a shell completes the name of a command, options are left alone: they import pydantic."""
        if ctx.resilient_parsing and not any(one.startswith("-") for one in args):
            ctx._protected_args, ctx.args = args[:1], args[1:]  # noqa: SLF001  # as the method that this replaces
            return ctx.args
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, AnyCommand | None, list[str]]:
        """The command that was typed, whole; an unknown one ends with what was probably meant."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else self.whole(name), rest

    def whole(self, name: str) -> AnyCommand:
        """The command itself, with its options."""
        match self.table[name]:
            case Group() as group:
                made = typer.Typer(name=name, cls=Commands.of(group.table), no_args_is_help=True, **_PLAIN)
                made.callback(help=group.says)(lambda: None)
            case Command() as command:
                module, _, function = command.place.partition(":")
                made = typer.Typer(**_PLAIN)
                made.command(name)(getattr(import_module(f"pratique.cli.{module}"), function))
        return get_command(made)


_PLAIN: Any = {"add_completion": False, "rich_markup_mode": None}

COMMANDS: Mapping[str, Command | Group] = {
    "up": Command("local:up", "Start the local stack: OpenBao, a registry, an AWS endpoint, a Prefect server and a worker."),
    "down": Command("local:down", "Stop the local stack; its data stays in its folder."),
    "status": Command("local:status", "Say what of the local stack runs, and where."),
    "quickstart": Command("local:quickstart", "Start the local stack and deliver `examples/hello` to dev, staging and prod."),
    "validate": Command(
        "manifests:validate",
        "Check pratique.yaml, its infrastructure modules and its policies; errors name file, line and remedy.",
    ),
    "schema": Command("manifests:schema", "Print the JSON Schema of pratique.yaml, for editors."),
    "deliver": Command(
        "deliveries:deliver", "Build, sign and store the release of a commit, and promote it through its environments."
    ),
    "promote": Command("deliveries:promote", "Move one release into one environment."),
    "rollback": Command("deliveries:rollback", "Bring an environment back to a release that was granted there before."),
    "advance": Command("clock:advance", "Promote whatever may go on by the clock; say of everything else why it waits."),
    "reverify": Command(
        "clock:reverify",
        "Verify again what every environment holds, by today's policies and keys; revoke what would not be let in today.",
    ),
    "queue": Command("clock:queue", "Say what holds each environment, what waits for it, and what waits for its time."),
    "approve": Command(
        "rulings:approve",
        "Approve of the plan of the promotion that waits for it: your signature over release, environment, plan and policy.",
    ),
    "reject": Command("rulings:reject", "Reject the plan of the promotion that waits for approval; it ends, with your reason."),
    "revoke": Command("rulings:revoke", "Let a release go nowhere any more."),
    "lift": Command("rulings:lift", "Lift every hold of an environment."),
    "rulings": Command("rulings:rulings", "List what people and the pipeline have decided, newest first."),
    "keygen": Command("rulings:keygen", "Make a key to sign with, and say what the operator adds to the settings for it."),
    "plan": Command("readings:plan", "Say what promoting a release would change, and whether the gates would let it in."),
    "verify": Command(
        "proofs:verify",
        "Verify everything about a release: signatures, provenance, each grant and what it rests on, and the links between.",
    ),
    "releases": Command("readings:releases", "List releases, newest first."),
    "environments": Command("readings:environments", "Say what is where."),
    "history": Command("readings:history", "List promotions and rollbacks, newest first."),
    "audit": Command(
        "auditing:audit",
        "Say what was in an environment at a time, who let it in under which policy, and prove it by its signed evidence.",
    ),
    "webhook": Command("events:webhook", "Receive events of forges and registries, and start what they ask for."),
    "events": Command("events:events", "List events, newest first: what came, what it started, or why nothing was."),
    "install": Command("shared:install", "Write work pools, deployments and automations to the Prefect server."),
    "worker": Command("shared:worker", "Work for a pool until told to end."),
    "watch": Command("shared:watch", "Record flow runs whose process is gone as crashed, and begin anew what was killed."),
    # `except` is a word of Python's own, and can name no function.
    "except": Command("rulings:except_", "Sign an exception from one gate."),
    "policy": Group(
        "The gates that are written as policies.",
        {
            "test": Command("policies:run", "Run the tests of policies: rules test_… in *_test.rego."),
            "show": Command("policies:show", "Show which gates there are, whose they are, and the digest of all of them."),
        },
    ),
    "ledger": Group(
        "The database of promotions, locks and history: an index of what was signed.",
        {
            "rebuild": Command(
                "ledger:rebuild",
                "Fill an empty ledger from the registry's signed evidence; one that holds anything is left alone.",
            ),
        },
    ),
    "evidence": Group(
        "The evidence of a release, to be taken elsewhere.",
        {
            "export": Command(
                "proofs:export",
                "Write the evidence of a release into one file: chain, bundles, policies, trust.",
            ),
        },
    ),
}
"""In the order in which help lists them."""
