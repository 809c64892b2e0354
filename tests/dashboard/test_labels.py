"""Words and numbers as readers meet them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import labels
from pipeline import contract as c
from pipeline.evaluation.metrics import HIGHER_IS_BETTER
from tests.dashboard.made_store import NASTY


@pytest.mark.parametrize("name", [*c.METRICS, c.COST, c.CUTOFF, c.FIT_SECONDS, c.LATENCY_MS, *c.CELLS])
def test_every_name_of_the_contract_has_a_label_and_a_sentence(name: str) -> None:
    label = labels.label_of(name)
    assert label.text != name
    assert label.help.endswith(".") and len(label.help) > 15


def test_directions_are_those_of_the_statistics() -> None:
    assert {name: label.direction > 0 for name, label in labels.METRICS.items()} == {n: HIGHER_IS_BETTER[n] for n in c.METRICS}
    for name, label in labels.METRICS.items():
        assert label.directed.endswith("More is better." if HIGHER_IS_BETTER[name] else "Less is better.")
    assert labels.TERMS["cutoff"].directed == labels.TERMS["cutoff"].help, "neither is better"


@pytest.mark.parametrize(
    ("value", "said"),
    [(241_234, "241,000 EUR"), (-19_049, "−19,000 EUR"), (0, "0 EUR"), (12.4, "12 EUR"), (math.nan, "–"), (math.inf, "–")],
)
def test_money_has_separators_and_no_false_precision(value: float, said: str) -> None:
    assert labels.money(value, "EUR") == said


@pytest.mark.parametrize(
    ("value", "said"), [(7_970_000, "7.97M TWD"), (12_345, "12.3k TWD"), (950, "950 TWD"), (2.5e9, "2.5bn TWD")]
)
def test_money_fits_tight_places(value: float, said: str) -> None:
    assert labels.short_money(value, "TWD") == said


def test_metrics_carry_their_interval_and_unknown_ones_none() -> None:
    assert labels.with_interval(0.7094, 0.6851, 0.73) == "0.709 [0.685, 0.730]"
    assert labels.with_interval(0.5, math.nan, math.nan) == "0.500"
    assert (labels.percent(0.1887), labels.cutoff(math.inf)) == ("18.9 %", "none (approve everybody)")


def test_foreign_names_keep_no_markdown() -> None:
    shown = labels.plain(NASTY)
    assert r"\<img" in shown and r"\*\*bold" in shown and r"\[l\]" in shown and r"\$x\$" in shown
    assert ":" + "\u2060" in labels.plain(":smile: x"), "an emoji's short code is broken up"


@given(st.text())
def test_escaping_leaves_no_bare_punctuation_and_one_line(text: str) -> None:
    shown = labels.plain(text)
    bare = [ch for i, ch in enumerate(shown) if ch in "<>*_[]()`$#~|" and shown[i - 1] != "\\"]
    assert not bare
    assert "\n" not in shown
    assert "`" not in labels.code(text)[1:-1]
