"""SQLAlchemy's errors in our three words.

SQLAlchemy's own texts hold the statement and its values; what is passed on is the first line the database said.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, NoSuchModuleError, OperationalError, TimeoutError  # noqa: A004

from pratique.errors import Invalid, Refused, Transient

_NOT_TRANSIENT = {
    "authentication failed": "give the right password, in `~/.pgpass` or the settings",
    "no password supplied": "give a password, in `~/.pgpass` or the settings",
    "no pg_hba.conf entry": "let pg_hba.conf allow this host, user and database",
    "does not exist": "create the database and the role",
    "permission denied": "grant the role what it needs",
    "unable to open database file": "let the folder exist and be writable",
    "readonly database": "let the file and its folder be writable",
}
"""What an `OperationalError` may also be, and what to do about it: asking again would not help."""


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Within it, no database exception gets out; `place` names the database, without its password."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        told = _first_line(error)
        for words, remedy in _NOT_TRANSIENT.items():
            if words in told:
                raise Refused(f"ledger {place}: {told}: {remedy}") from None
        raise Transient(f"ledger {place}: {told}") from None
    except TimeoutError:
        raise Transient(f"ledger {place}: no connection became free in time") from None
    except IntegrityError as error:
        raise Refused(f"ledger {place} contradicts this: {_first_line(error)}") from None
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Transient(f"ledger {place}: {_first_line(error)}") from None
        raise Refused(f"ledger {place}: {_first_line(error)}") from None
    except (NoSuchModuleError, ImportError) as error:
        remedy = "sqlite:///FILE, or postgresql://USER@HOST/DATABASE with the extra pratique[postgresql] installed"
        raise Invalid("ledger.url", str(error), remedy) from None


def _first_line(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines() or ["the database gives no reason"]
    return lines[0].strip()
