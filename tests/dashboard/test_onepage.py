"""The page to print stands alone, escapes every text, and holds pictures, numbers and words."""

import re

import pandas as pd
import plotly.graph_objects as go

from dashboard.onepage import Section, inline, one_page
from tests.dashboard.made_store import NASTY

HOSTILE = "</script><img src=x onerror=alert(1)>"


def made(*sections: Section) -> str:
    return one_page(f"Title {NASTY}", f"Answer {HOSTILE}", sections, f"foot {HOSTILE}")


def without_library(page: str) -> str:
    return re.sub(r"<script>/\*\*.*?</script>", "", page, flags=re.S)


def test_nothing_in_the_page_points_outside_and_the_browser_is_told_to_refuse_it() -> None:
    page = made(Section("s", figures=(go.Figure(),)))
    assert "default-src 'none'" in page
    assert not re.search(r"<(script|link|img|iframe)[^>]*\b(src|href)=", without_library(page))
    assert len(page) < 5_000_000
    assert page.count('Plotly.newPlot("figure-0"') == 1


def test_hostile_text_is_shown_in_headings_cells_and_figures_and_never_runs() -> None:
    table = pd.DataFrame({f"head {HOSTILE}": [f"cell {HOSTILE}"]})
    figure = go.Figure(layout={"title": {"text": HOSTILE}})
    page = made(Section(f"s {HOSTILE}", (f"said {HOSTILE}",), (figure,), (table,)))
    rest = without_library(page)
    assert "<img" not in rest
    assert rest.count("</script>") == 1, "only the figures' own script ends"
    assert rest.count("&lt;img src=x onerror=alert(1)&gt;") == 8, "two of them in the title"


def test_a_page_without_figures_carries_no_script() -> None:
    page = made(Section("numbers", tables=(pd.DataFrame({"a": [1]}),)))
    assert "<script" not in page and len(page) < 10_000


def test_sentences_keep_their_bold_and_lose_their_backslashes() -> None:
    assert inline(r"**677** approved by lightgbm num\_leaves\=15 \*\*x\*\*") == (
        "<strong>677</strong> approved by lightgbm num&#95;leaves&#61;15 &#42;&#42;x&#42;&#42;"
    )


def test_the_figure_given_is_not_changed() -> None:
    figure = go.Figure(layout={"height": 300})
    made(Section("s", figures=(figure,)))
    assert figure.layout.width is None
