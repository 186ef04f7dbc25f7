"""A service that is in dev and should go on to staging, while somebody tampers with its registry."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import boto3
import pytest
from docker import DockerClient
from sqlalchemy import update

from pratique.bootstrap import Clients
from pratique.cli.main import run
from pratique.clients.ledger.engine import connected
from pratique.clients.ledger.tables import promotions
from pratique.clients.sigstore import KeylessEvidenceSigner
from pratique.pipeline.verification import judge
from pratique.settings import KeylessSigning
from pratique.values.decision import Decision
from pratique.values.digest import Digest
from pratique.values.environment import environment_of
from pratique.values.promotion import Promotion
from pratique.values.references import ImageReference
from pratique.values.trust import Trusted, TrustedIdentity
from tests.e2e.tampering import Intruder
from tests.services._private_sigstore.deployment import PrivateSigstore
from tests.services.stack import Service

REFUSED = 3
PIPELINE = "pipeline@factory.test"


class Attacked:
    """A service that dev holds, whoever tampers with it, and what is looked at to see whether anything changed."""

    def __init__(self, service: Service, engine: DockerClient, sigstore: PrivateSigstore) -> None:
        self.service, self.stack = service, service.stack
        self.clients = Clients(self.stack.settings())
        with self.clients.ledger() as ledger:
            (self.stored,) = ledger.releases(service.name, limit=1)
        self.intruder = Intruder(self.clients, self.stack.folder / "registry" / "storage", self.stored)
        self._engine, self._sigstore = engine, sigstore
        aws = self.clients.place("staging").aws
        self._cloudformation = boto3.client(
            "cloudformation",
            aws.region,
            endpoint_url=aws.endpoint,
            aws_access_key_id="anyone",
            aws_secret_access_key="anyone",
        )

    @property
    def release(self) -> ImageReference:
        return self.stored.reference

    @property
    def image(self) -> ImageReference:
        return self.stored.release.images[0].reference

    def world(self) -> dict[str, Any]:
        """Everything that a promotion could have changed, in every environment of the service."""
        containers = self._engine.containers.list(all=True, filters={"label": f"io.pratique.service={self.service.name}"})
        pages = self._cloudformation.get_paginator("describe_stacks").paginate()
        stacks = [stack for page in pages for stack in page["Stacks"] if f"-{self.service.name}--" in stack["StackName"]]
        with self.clients.ledger() as ledger:
            grants = {name: ledger.granted(self.service.name, name) for name in self.stored.release.manifest.environments}
        return {
            "containers": sorted((found.id, found.status, found.attrs["State"]["StartedAt"]) for found in containers),
            "stacks": stacks,
            "grants": grants,
        }

    def try_all(
        self, environment: str = "staging", release: Digest | None = None, *, verify: bool = True
    ) -> dict[str, tuple[int, str]]:
        """What `promote`, `plan` and, where asked, `verify` answer."""
        name, chosen = self.service.name, ["--release", release or self.stored.digest]
        answers = {kind: self.command(kind, name, "--to", environment, *chosen) for kind in ("promote", "plan")}
        return answers | ({"verify": self.command("verify", name, *chosen)} if verify else {})

    def require_let_in(self) -> None:
        """Staging would take the release now."""
        name = self.service.name
        assert (self.command("plan", name, "--to", "staging")[0], self.command("verify", name)[0]) == (0, 0)

    def require_refused(
        self, *reasons: str, environment: str = "staging", release: Digest | None = None, verify: bool = True
    ) -> None:
        """Every command refuses, with each of the reasons (patterns), and leaves everything as it was."""
        before = self.world()
        answers = self.try_all(environment, release, verify=verify)
        assert {kind: code for kind, (code, _) in answers.items()} == dict.fromkeys(answers, REFUSED), answers
        missing = [(kind, reason) for kind, (_, said) in answers.items() for reason in reasons if not re.search(reason, said)]
        assert missing == [], answers
        assert self.world() == before

    def last_promotion(self) -> Promotion:
        with self.clients.ledger() as ledger:
            return ledger.history(self.service.name, limit=1)[0]

    def command(self, *arguments: str) -> tuple[int, str]:
        """Exit code and error stream of `pratique …`, spared the seconds that a Python of its own would take to start."""
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()), redirect_stderr(said):
            patch.setenv("PRATIQUE_CONFIG", str(self.stack.local.config))
            patch.setattr(sys, "argv", ["pratique", *arguments])
            with pytest.raises(SystemExit) as ended:
                run()
        return int(ended.value.code or 0), said.getvalue()

    def judge_under(self, *trusted: Trusted) -> Decision:
        """The verdict of every gate of staging, where the operator trusts these, in dev as well."""
        settings = self.clients.settings
        # Dev's grant counts where it is believed to be dev's.
        trusting = {name: settings.environments[name].model_copy(update={"trust": trusted}) for name in ("dev", "staging")}
        places = {**settings.environments, **trusting}
        clients = Clients(settings.model_copy(update={"environments": places}))
        return judge(clients, self.stored, environment_of(self.stored.release.manifest, "staging")).decision

    def by_identity(self, identity: str = PIPELINE, *, issuer: str = "") -> KeylessEvidenceSigner:
        """Who signs keyless, at the private Sigstore."""
        deployment = self._sigstore
        claims = {"iss": issuer} if issuer else {}
        settings = KeylessSigning(trust_config=deployment.configurations["v2-timestamp"])
        return KeylessEvidenceSigner(settings, lambda: deployment.issuer.token(identity, **claims))

    def trust_in(self, identity: str = PIPELINE, issuer: str = "") -> TrustedIdentity:
        deployment = self._sigstore
        return TrustedIdentity(identity=identity, issuer=issuer or deployment.issuer.url, trusted_root=deployment.trusted_root)

    @contextmanager
    def signed_keyless(self, signer: KeylessEvidenceSigner) -> Iterator[None]:
        """Within it release and image hold all their evidence by that identity, and no other."""
        image, release, known = self.intruder.signed_anew(signer)
        with self.intruder.holding(self.image, image), self.intruder.holding(self.release, release), self._on_record(known):
            yield

    @contextmanager
    def _on_record(self, known: Mapping[Digest, Digest]) -> Iterator[None]:
        """Within it the ledger has these grants on record, each in the place of another one."""
        self._record(known)
        try:
            yield
        finally:
            self._record({new: old for old, new in known.items()})

    def _record(self, known: Mapping[Digest, Digest]) -> None:
        with connected(self.clients.settings.ledger.url) as engine:
            for old, new in known.items():
                with engine.connect().execution_options(writes=True) as connection, connection.begin():
                    connection.execute(update(promotions).where(promotions.c.evidence == old).values(evidence=new))
