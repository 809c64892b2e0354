"""Files are read strictly: what cannot be read is refused in words, and no row is lost to another or numbered anew."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.serving import batch_csv, batch_stream
from pipeline.serving.batch_csv import BrokenRow, Chunk
from pipeline.serving.batch_read import DataError, open_batch, read_chunks

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: bytes, name: str = "x.csv") -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def chunks(path: Path, rows: int = 3) -> list[Chunk]:
    return list(read_chunks(open_batch(path), rows))


def parquet(table: pd.DataFrame) -> bytes:
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    return content.getvalue()


def test_rows_of_another_width_are_set_apart_and_the_others_keep_their_numbers(write: Write) -> None:
    path = write(b'\xef\xbb\xbfa,b\n1,2\n\n3\n4,5\n6,7,8\n"x\ny",9\n,NA\n5\n')
    file = open_batch(path)
    assert (file.columns, file.n_rows, file.n_broken) == (("a", "b"), 7, 3)
    first, second, third = chunks(path)
    assert first.rows.tolist() == [1, 3, 5] and second.rows.tolist() == [6] and third.rows.tolist() == []
    assert first.frame["a"].tolist() == ["1", "4", "x\ny"]
    assert second.frame.isna().all(axis=None), "an empty cell and NA are missing"
    assert first.broken == (
        BrokenRow(2, "the row has 1 cells, the header 2: '3'"), BrokenRow(4, "the row has 3 cells, the header 2: '6,7,8'"),
    )  # fmt: skip
    assert [b.row for b in third.broken] == [7]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty; a header line and rows are expected"),
        (b" \n\n ", "is empty"),
        (b"a,b\n", "has a header but no rows"),
        (
            b"a;b\n1;2\n",
            "columns are separated by semicolons (';'); save the file with commas and with points as decimal signs",
        ),
        (b"a\tb\n1\t2\n", "separated by tabs"),
        (b"a,b,a\n1,2,3\n", "column 'a' occurs more than once"),
        (b"a,b\n1,2\n3,\xe9\n", "line 3 is not UTF-8; save the file as CSV in UTF-8"),
        (b"\xff\xfea\x00,\x00b\x00", "is UTF-16 text; save it as CSV in UTF-8, or as Parquet"),
        (b"PK\x03\x04anything", "is a ZIP or Excel file; save it as CSV in UTF-8, or as Parquet"),
        (b"a,b\n1,\x00\n", "is not text; CSV, gzip CSV and Parquet can be read"),
        (b'a,b\n1,2\n"3,4\n5,6\n', "in row 2 a quotation mark was opened and not closed where it should be"),
        (b"PAR1anything else", "is a Parquet file that cannot be read"),
        (b"\x1f\x8b\x08broken", "is damaged or cut off"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 99, mtime=0)[:-9], "is damaged or cut off"),
        (gzip.compress(b"PAR1anything", mtime=0), "is Parquet packed with gzip; unpack it"),
        (parquet(pd.DataFrame({"a": []})), "has a header but no rows"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(write: Write, content: bytes, words: str) -> None:
    path = write(content)
    with pytest.raises(DataError) as refused:
        open_batch(path)
    assert words in str(refused.value) and str(refused.value).startswith("x.csv: ")
    assert "Traceback" not in str(refused.value)


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_stream, "ALWAYS_ALLOWED_BYTES", 1_000_000)
    path = write(gzip.compress(b"a,b\n" + b"1,2\n" * 1_000_000))
    with pytest.raises(DataError, match="unpacks to more than 100 times its size"):
        open_batch(path)


def test_a_row_without_an_end_is_refused_before_it_fills_the_memory(write: Write) -> None:
    with pytest.raises(DataError, match="a row is longer than 4,000,000 bytes; a quotation mark may not have been closed"):
        open_batch(write(b'a,b\n1,"' + b"2\n" * 4_000_000))


def test_the_content_says_what_a_file_is_and_a_wrong_name_is_noted(write: Write) -> None:
    table = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    as_csv, as_parquet = write(b"a,b\n1,x\n2,\n", "t.parquet"), write(parquet(table), "t.csv")
    assert open_batch(as_csv).notes == ("t.parquet: is CSV, whatever its name says, and was read so",)
    assert open_batch(as_parquet).notes == ("t.csv: is Parquet, whatever its name says, and was read so",)
    assert open_batch(write(gzip.compress(b"a,b\n1,x\n"), "t.csv.gz")).notes == ()
    assert [len(c.rows) for c in chunks(as_parquet, 1)] == [1, 1]


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        open_batch(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="is a folder; name one file in it"):
        open_batch(tmp_path)


def test_a_file_that_changes_after_the_check_is_not_scored(write: Write) -> None:
    path = write(b"a,b\n1,2\n")
    file = open_batch(path)
    path.write_bytes(b"a,b\n1,2\n3,4\n")
    with pytest.raises(DataError, match="was changed after it was checked"):
        list(read_chunks(file))


@pytest.mark.parametrize(
    ("name", "stem"), [("a.csv", "a"), ("a.csv.gz", "a"), ("a.b.PARQUET", "a.b"), ("a", "a"), (".csv", "batch")]
)
def test_results_are_named_after_the_file(write: Write, name: str, stem: str) -> None:
    assert open_batch(write(b"a,b\n1,2\n"), name).stem == stem


@settings(deadline=None, max_examples=60)
@given(
    widths=st.lists(st.integers(1, 4), min_size=1, max_size=60), size=st.integers(1, 20), block=st.sampled_from([64, 200, 4096])
)
def test_every_row_arrives_once_whatever_its_width_and_the_size_of_chunks_and_blocks(
    tmp_path_factory: pytest.TempPathFactory, widths: list[int], size: int, block: int
) -> None:
    path = tmp_path_factory.mktemp("widths") / "x.csv"
    path.write_text("a,b\n" + "".join(",".join([str(i + 1)] * width) + "\n" for i, width in enumerate(widths)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_csv, "BLOCK_BYTES", block)
        file = open_batch(path)
        found = list(read_chunks(file, size))
    good = [i + 1 for i, width in enumerate(widths) if width == 2]
    assert np.concatenate([c.rows for c in found] or [np.empty(0)]).tolist() == good
    assert [int(cell) for c in found for cell in c.frame["a"]] == good, "a number stays with its row"
    assert [b.row for c in found for b in c.broken] == [i + 1 for i, width in enumerate(widths) if width != 2]
    assert (file.n_rows, file.n_broken) == (len(widths), len(widths) - len(good))
    assert all(len(c.rows) <= size for c in found)
