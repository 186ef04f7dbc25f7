"""Where Prefect is reached: by programs, and by people."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pratique.clients.prefect import Run, open_prefect, prefect_environment
from pratique.settings import PrefectSettings

API = "http://api:4200/api"
RUN = Run(id="1", name="run")


@pytest.mark.parametrize(
    ("ui_url", "page"),
    [
        (None, "http://api:4200/runs/flow-run/1"),
        ("https://prefect.example.com", "https://prefect.example.com/runs/flow-run/1"),
    ],
)
def test_links_lead_where_people_see_the_ui(ui_url: str | None, page: str) -> None:
    settings = PrefectSettings(api_url=API, ui_url=ui_url)
    with open_prefect(settings) as prefect:
        assert prefect.page(RUN) == page
    told = {"PREFECT_API_URL": API} | ({"PREFECT_UI_URL": ui_url} if ui_url else {})
    assert prefect_environment(settings) == told


@pytest.mark.parametrize("ui_url", ["prefect.example.com", "https://prefect.example.com/", "https://prefect.example.com?x"])
def test_an_address_that_no_path_can_follow_is_refused(ui_url: str) -> None:
    with pytest.raises(ValidationError, match="ui_url"):
        PrefectSettings(ui_url=ui_url)
