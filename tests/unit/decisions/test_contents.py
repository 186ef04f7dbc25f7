from __future__ import annotations

import json
from datetime import UTC, datetime

from pratique.decisions.bill_of_materials import bill_statement
from pratique.decisions.contents import contents_of
from pratique.decisions.evidence import Gathered
from pratique.decisions.findings import scan_statement
from pratique.values.digest import digest_of
from pratique.values.evidence import KeySigner, Statement, VerifiedStatement, statement_about
from pratique.values.facts import SubjectFacts
from pratique.values.references import ImageReference
from pratique.values.scan import SCAN_PREDICATE, Database, Finding, Scan, Severity

IMAGE = ImageReference(repository="hello/images/web", digest=digest_of(b"web"))
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FLASK = {"type": "library", "name": "flask", "version": "2.0.0", "licenses": [{"license": {"id": "BSD-3-Clause"}}]}
BILL = bill_statement(IMAGE, {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [FLASK]}, NOW)
SCAN = Scan(
    scanner="pkg:github/anchore/grype",
    version="1.0",
    database=Database(updated_at=NOW),
    started_at=NOW,
    finished_at=NOW,
    findings=(Finding(id="CVE-2026-0001", severity=Severity.HIGH, package="flask", version="2.0.0", fixed_in="2.3.2"),),
)


def told(*statements: Statement) -> SubjectFacts:
    verified = tuple(
        VerifiedStatement(statement=statement, signer=KeySigner(hint="ours"), bundle=digest_of(statement.payload()))
        for statement in statements
    )
    contents = contents_of(Gathered(reference=IMAGE, verified=verified), NOW)
    return SubjectFacts(name="web", repository=IMAGE.repository, digest=IMAGE.digest, signers=(), **contents)


def test_policies_are_told_components_and_findings_as_plain_json() -> None:
    facts = json.loads(told(BILL, scan_statement(IMAGE, SCAN)).model_dump_json())
    assert facts["bill"] == {"components": [{"name": "flask", "version": "2.0.0", "purl": "", "licences": ["BSD-3-Clause"]}]}
    assert facts["scans"] == [
        {
            "scanner": "pkg:github/anchore/grype",
            "version": "1.0",
            "database_updated_at": 1772452800,
            "finished_at": 1772452800,
            "findings": [
                {
                    "id": "CVE-2026-0001",
                    "severity": "high",
                    "aliases": [],
                    "package": "flask",
                    "version": "2.0.0",
                    "fixed_in": "2.3.2",
                }
            ],
        }
    ]
    assert facts["faults"] == []


def test_nothing_attached_is_nothing_known() -> None:
    facts = told()
    assert (facts.bill, facts.scans, facts.faults) == (None, (), ())


def test_what_cannot_be_read_is_nothing_known_and_said() -> None:
    facts = told(
        statement_about("web", IMAGE.digest, BILL.predicate_type, {}), statement_about("web", IMAGE.digest, SCAN_PREDICATE, {})
    )
    assert (facts.bill, facts.scans) == (None, ())
    assert [fault.split(" does not count")[0].rsplit(" ", 1)[0] for fault in facts.faults] == ["bill of materials", "scan"]
