"""Takes the pictures of this folder: real deliveries on a local stack of their own, in Prefect's UI, seen by headless Chromium.

    make pictures

The example is delivered to its three environments; then a commit that closes production until next year, which waits.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from pratique.local.example import commit_example
from pratique.local.stack import LocalStack

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
FOLDER = CHECKOUT / ".pratique-pictures"
PRATIQUE = Path(sys.executable).with_name("pratique")

PROD = "  prod:\n    after: [staging]\n"
CLOSED = '    windows: [{rrule: "FREQ=YEARLY", start: 2026-01-02T09:00, duration: 1h, timezone: Europe/Berlin}]\n'

QUIET = 8_000
"""Milliseconds after which a page that still loads something is taken as it is: Prefect's UI polls for ever."""


def main() -> None:
    """A stack, two deliveries, the pictures, and nothing left."""
    stack = LocalStack(FOLDER, CHECKOUT)
    os.environ["PRATIQUE_CONFIG"] = str(stack.config)
    stack.up(print)
    try:
        repository = commit_example(CHECKOUT / "examples" / "hello", FOLDER / "hello")
        deliver(repository)
        user, _, password = stack.ui_password.partition(":")
        with httpx.Client(base_url=f"{stack.ui_url}/api", auth=(user, password), timeout=30) as api:
            pages = {
                "delivery": f"/runs/flow-run/{newest_run(api, 'deliver')}",
                "promotion": f"/runs/flow-run/{newest_run(api, 'promote', 'environment:prod')}",
                "plan": f"/artifacts/artifact/{newest_artifact(api, 'plan-hello-prod')}",
                "environments": f"/artifacts/artifact/{newest_artifact(api, 'environments-hello')}",
                "form": f"/deployments/deployment/{deployment(api, 'promote')}/run",
            }
            close_production(repository)
            deliver(repository)
            pages["waiting"] = f"/artifacts/artifact/{newest_artifact(api, 'waiting-hello-prod')}"
        take(stack.ui_url, stack.ui_password, pages)
    finally:
        stack.down(print)
        shutil.rmtree(FOLDER, ignore_errors=True)


def deliver(repository: Path) -> None:
    """What `pratique deliver` says goes to the terminal; 4 is its word for waiting."""
    done = subprocess.run([PRATIQUE, "deliver", str(repository)], check=False)
    if done.returncode not in {0, 4}:
        sys.exit(done.returncode)


def close_production(repository: Path) -> None:
    """A commit after which production opens for one hour a year."""
    manifest = repository / "pratique.yaml"
    manifest.write_text(manifest.read_text().replace(PROD, PROD + CLOSED))
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test", "-c", "commit.gpgsign=false"]
    message = ["--all", "--quiet", "--message", "Open production once a year"]
    subprocess.run([str(shutil.which("git")), "-C", str(repository), *identity, "commit", *message], check=True)


def newest_run(api: httpx.Client, flow: str, *tags: str) -> str:
    """The id of the newest run of a flow."""
    runs = {"tags": {"all_": list(tags)}} if tags else {}
    asked = {"flows": {"name": {"any_": [flow]}}, "flow_runs": runs, "sort": "START_TIME_DESC", "limit": 1}
    return first(api, "/flow_runs/filter", asked)


def newest_artifact(api: httpx.Client, key: str) -> str:
    """The id of the newest artifact of that key."""
    return first(api, "/artifacts/filter", {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC", "limit": 1})


def deployment(api: httpx.Client, flow: str) -> str:
    """The id of a flow's deployment."""
    return first(api, "/deployments/filter", {"flows": {"name": {"any_": [flow]}}})


def first(api: httpx.Client, path: str, asked: dict[str, Any]) -> str:
    """The id of the first that is found."""
    return str(api.post(path, json=asked).raise_for_status().json()[0]["id"])


def take(ui: str, password: str, pages: dict[str, str]) -> None:
    """One PNG for each page, by its name."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        # Chromium refuses its own sandbox to root, and looks at nothing here but our own server.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"] if os.getuid() == 0 else [])
        page = browser.new_page(viewport={"width": 1440, "height": 810}, device_scale_factor=1)
        # What the UI keeps of a person who has given its password.
        kept = json.dumps(b64encode(password.encode()).decode())
        page.add_init_script(f"localStorage.setItem('prefect-password', {kept})")
        for name, path in pages.items():
            page.goto(ui + path)
            settle(page)
            page.screenshot(path=HERE / f"{name}.png")
            print(f"docs/pictures/{name}.png")
        browser.close()


def settle(page: Page) -> None:
    """Return when it shows what it has to show."""
    page.get_by_text(re.compile("Loading")).first.wait_for(state="hidden", timeout=QUIET)
    page.wait_for_timeout(6_000)


if __name__ == "__main__":
    main()
