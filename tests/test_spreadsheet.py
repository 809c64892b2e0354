"""Text that a spreadsheet would run is made inert, the same one by one and in columns; numbers stay numbers."""

import re
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.spreadsheet import inert, inert_texts

PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def one(text: str) -> str:
    found = inert_texts(pa.array([text], type=pa.string())).to_pylist()[0]
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize(
    "text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1", " =1", "\u00a0=1", "＝1", "|x", "%0A", "\r=1"]
)
def test_what_a_spreadsheet_would_run_is_led_by_an_apostrophe(text: str) -> None:
    assert one(text) == inert(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-5", "+1.5", "-1e-7", "-.5"])
def test_a_number_in_a_column_of_cells_stays_a_number(text: str) -> None:
    assert one(text) == text


def test_missing_stays_missing_and_a_harmless_column_is_the_same() -> None:
    column = pa.array(["a", None, "b=c"])
    assert inert_texts(column) is column
    assert inert_texts(pa.array(["=a", None])).to_pylist() == ["'=a", None]


def test_every_sign_that_python_calls_blank_is_blank_here() -> None:
    blanks = [chr(i) for i in range(sys.maxunicode) if chr(i).isspace()]
    assert [hex(ord(b)) for b in blanks if one(f"{b}=1") != f"'{b}=1"] == []


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet=st.one_of(st.sampled_from(" \t\r\n=+-@|%'09.eE"), st.characters(codec="utf-8")), max_size=8))
def test_columns_and_single_cells_agree_but_for_plain_numbers(text: str) -> None:
    assert one(text) == (text if PLAIN_NUMBER.fullmatch(text) else inert(text))
