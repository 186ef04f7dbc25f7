# ruff: noqa: INP001  # a script, no package
"""Bring Prefect's database up to date, once for each version and before any server starts.

    python deployments/prefect_database.py

Besides the schema it writes the types of blocks that Prefect knows. Each server would write them at its start
(`PREFECT_SERVER_REGISTER_BLOCKS_ON_START`), and of two that start together on an empty database one ends with a unique
violation (Prefect 3.8.8, `run_block_auto_registration`).
"""

from __future__ import annotations

import asyncio

from prefect.server.database import provide_database_interface
from prefect.server.models.block_registration import run_block_auto_registration


async def main() -> None:
    """Schema first, then blocks; twice is as once."""
    database = provide_database_interface()
    await database.create_db()
    async with await database.session() as session:
        await run_block_auto_registration(session=session)
    print("Prefect's database is up to date")  # noqa: T201  # for whoever reads the container's log


if __name__ == "__main__":
    asyncio.run(main())
