"""Reading a loan file keeps every value, and says what it left out."""

import gzip
import hashlib
import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.read import DataError, read_content, read_table

CSV = "id,income,purpose\n1,1000.5,car\n2,2000,house\n3,,car\n"


def real_file(name: str) -> Path:
    folder = os.environ.get("RISKDECK_DATA_DIR")
    if not folder:
        pytest.skip("RISKDECK_DATA_DIR is not set: the real loan files are not here")
    return Path(folder) / name


def read(text: str) -> pd.DataFrame:
    return read_content(text.encode(), "loans.csv").frame


@pytest.mark.parametrize("name", ["loans.csv", "loans.gz", "loans.parquet", "loans.dat"])
def test_the_format_is_told_by_content_and_not_by_name(tmp_path: Path, name: str) -> None:
    expected = read(CSV)
    for content in (CSV.encode(), gzip.compress(CSV.encode(), mtime=0)):
        (tmp_path / name).write_bytes(content)
        pd.testing.assert_frame_equal(read_table(tmp_path / name).frame, expected)
    expected.to_parquet(tmp_path / name)
    pd.testing.assert_frame_equal(read_table(tmp_path / name).frame, expected)


def test_columns_of_numbers_are_numbers_and_the_rest_is_text() -> None:
    frame = read(CSV)
    assert [str(dtype) for dtype in frame.dtypes] == ["int64", "float64", "str"]
    assert frame["income"].isna().tolist() == [False, False, True]


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert list(read("\ufeff" + CSV).columns) == ["id", "income", "purpose"]


def test_latin_1_is_read_with_a_note_naming_the_line() -> None:
    table = read_content("id,town,x\n1,Bonn,1\n2,Köln,2\n".encode("latin-1"), "loans.csv")
    assert table.frame["town"].tolist() == ["Bonn", "Köln"]
    assert table.notes == ("loans.csv: is not UTF-8 (line 3); read as Latin-1, so look at accented letters",)


@pytest.mark.parametrize(
    "footer",
    [
        "Total amount funded: 123",
        "Total amount funded: 123,,",
        "4,17",
        "\n\nTotal amount funded in policy code 1: 460296150\n\n",
    ],
)
def test_a_footer_is_dropped_and_noted(footer: str) -> None:
    table = read_content((CSV + footer).encode(), "loans.csv")
    pd.testing.assert_frame_equal(table.frame, read(CSV))
    assert len(table.notes) == 1
    assert footer.strip()[:8] in table.notes[0]
    assert "left out" in table.notes[0]


def test_a_sentence_above_the_header_is_dropped_and_noted() -> None:
    table = read_content(("Notes offered by Prospectus (https://example.org)\n" + CSV).encode(), "loans.csv")
    pd.testing.assert_frame_equal(table.frame, read(CSV))
    assert "line 1 stands above the header" in table.notes[0]


def test_a_last_row_with_an_id_alone_is_data_and_stays() -> None:
    assert len(read(CSV + "4,,\n")) == 4


def test_a_cell_over_several_lines_is_one_cell_and_no_footer() -> None:
    frame = read('id,text,x\n1,"two\nlines, and a comma",5\n')
    assert frame["text"].tolist() == ["two\nlines, and a comma"]


def test_a_few_words_among_numbers_keep_the_column_as_text() -> None:
    assert read("a,b\n1,2\noops,3\n3,4\n")["a"].tolist() == ["1", "oops", "3"]


def test_leading_zeros_and_long_ids_survive() -> None:
    frame = read("zip,id,x\n02139,123456789012345678,1\n10001,123456789012345679,2\n")
    assert frame["zip"].tolist() == ["02139", "10001"]
    assert frame["id"].tolist() == [123456789012345678, 123456789012345679]


def test_markers_of_missing_values_are_missing_and_noted_but_none_is_a_word() -> None:
    table = read_content(b"a,b\n1,None\nNA,n/a\n3,college\n", "loans.csv")
    assert table.frame["a"].isna().tolist() == [False, True, False]
    assert table.frame["b"].tolist()[0] == "None"
    assert [note.split(": ")[1] for note in table.notes] == ["column 'a'", "column 'b'"]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_every_number_is_read_to_the_last_digit(numbers: list[float]) -> None:
    frame = read("x,y\n" + "".join(f"{number!r},word\n" for number in numbers))
    assert np.array_equal(frame["x"].to_numpy(float), np.array(numbers))


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1), min_size=1, max_size=8))
def test_every_text_is_read_to_the_last_letter(texts: list[str]) -> None:
    words = [f"<{text}>" for text in texts]
    frame = pd.DataFrame({"word": words, "n": range(len(words))})
    assert read(frame.to_csv(index=False))["word"].tolist() == words


def test_a_column_without_a_value_is_all_missing() -> None:
    assert read("a,b\n1,\n2,\n")["b"].isna().tolist() == [True, True]


def test_many_rows_with_a_first_cell_alone_are_data_and_no_footer() -> None:
    assert len(read(CSV + "some words,,\n" * 11)) == 14
    assert len(read("a,b,c\nsome words,,\n1,2,3\n")) == 2


def test_categories_and_decimals_of_parquet_become_plain_values(tmp_path: Path) -> None:
    frame = pd.DataFrame({"grade": pd.Categorical(["A", "B"]), "n": [Decimal("1.5"), Decimal("2.5")]}, index=[5, 6])
    frame.to_parquet(tmp_path / "x.parquet")
    read_back = read_table(tmp_path / "x.parquet").frame
    assert read_back["grade"].tolist() == ["A", "B"]
    assert str(read_back["grade"].dtype) == "str"
    assert read_back["n"].tolist() == [1.5, 2.5]
    assert str(read_back["n"].dtype) == "float64"
    assert read_back.index.tolist() == [0, 1]


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).head(0).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"x\.parquet: has a header but no rows"):
        read_table(tmp_path / "x.parquet")


def test_the_hash_is_that_of_the_file_as_it_was_given() -> None:
    content = gzip.compress(CSV.encode(), mtime=0)
    assert read_content(content, "x").sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"a,b,c\n", "has a header but no rows"),
        (bytes(range(256)) * 8, "is not text"),
        (b"\xff\x01\x02" * 50, "is not text"),
        (b"PK\x03\x04rest", "is a ZIP or Excel file"),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16 text; save it as CSV in UTF-8"),
        (b"a;b;c\n1,5;2;3\n", "separated by semicolons"),
        (b"a\tb\n1\t2\n", "separated by tabs"),
        (b"a,b,a\n1,2,3\n", "column 'a' occurs more than once"),
        (b"a,b\n1,2\n1,2,3\n3,4\n", "line 3 has 3 cells where the header has 2"),
        (b"a,b,c\n1,2,3\n1,2\n3,4,5\n", "line 3 has 2 cells where the header has 3"),
        (b"a,b\n1,2,3\n4,5,6\n", "line 2 has 3 cells"),
        (b'a,b\n1,"open\n2,3\n', "cannot be read as CSV .* never closed"),
        (b'a,b,c\n1,2,3\n1,"open\n2,3\n4,5,6\n', "line 5 has 2 cells .* close them"),
        (CSV.encode() + b"4,5\n" * 11, "line 5 has 2 cells where the header has 3"),
        (b"a,b\n1," + b"x" * 200_000 + b"\n", "line 2: field larger than field limit"),
        (b"just one line of prose\n", "is no header"),
        (gzip.compress(CSV.encode(), mtime=0)[:-12], "damaged or cut off"),
        (b"PAR1 and nothing else", "Parquet file that cannot be read"),
    ],
)
def test_an_unusable_file_is_refused_by_name_with_its_fault(content: bytes, fault: str) -> None:
    with pytest.raises(DataError, match=fault) as refusal:
        read_content(content, "loans.csv")
    assert str(refusal.value).startswith("loans.csv: ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv: no such file"):
        read_table(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("loan_data.csv.gz", (10_000, 8)),
        ("taiwan_credit_default.csv.gz", (30_000, 25)),
        ("lending_club_2007_2011.csv.gz", (42_535, 54)),
    ],
)
def test_the_real_files_are_read_as_pandas_reads_them(name: str, shape: tuple[int, int]) -> None:
    path = real_file(name)
    frame = read_table(path).frame
    assert frame.shape == shape
    pd.testing.assert_frame_equal(frame, pd.read_csv(path, float_precision="round_trip", low_memory=False))
