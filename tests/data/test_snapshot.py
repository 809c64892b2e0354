"""A snapshot is its content: any change of any cell is another snapshot, and an altered file is refused by name."""

import hashlib
import json
import re
import struct
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.check import CheckReport, check_table, clean_table
from pipeline.data.read import DataError
from pipeline.data.snapshot import content_sha256, latest_snapshot, read_snapshot, write_snapshot
from pipeline.project import ProjectConfig

Build = Callable[..., ProjectConfig]
TODAY = date(2025, 1, 15)


@pytest.fixture
def clean(loans: pd.DataFrame, product: Build) -> pd.DataFrame:
    return clean_table(loans, product())


@pytest.fixture
def report(loans: pd.DataFrame, product: Build) -> CheckReport:
    return check_table(loans, product(), today=TODAY)


def test_what_is_written_is_read_back_and_named_by_its_content(
    tmp_path: Path, clean: pd.DataFrame, report: CheckReport
) -> None:
    source = tmp_path / "loans.csv"
    source.write_bytes(b"the file")
    snapshot = write_snapshot(clean, tmp_path / "s", source=source, project="corner_shop", report=report)
    assert snapshot.path.name == f"{content_sha256(clean)}.parquet"
    pd.testing.assert_frame_equal(read_snapshot(tmp_path / "s", snapshot.sha256), clean)
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == [
        f"{snapshot.sha256}.corner_shop.json", f"{snapshot.sha256}.parquet"
    ]  # fmt: skip


def test_the_manifest_tells_source_shape_and_check_and_no_path(
    tmp_path: Path, clean: pd.DataFrame, report: CheckReport
) -> None:
    source = tmp_path / "loans.csv"
    source.write_bytes(b"the file")
    snapshot = write_snapshot(clean, tmp_path, source=source, project="corner_shop", report=report)
    text = (tmp_path / f"{snapshot.sha256}.corner_shop.json").read_text()
    manifest = json.loads(text)
    assert manifest == snapshot.manifest
    assert str(tmp_path) not in text
    assert (manifest["source"], manifest["source_sha256"]) == ("loans.csv", hashlib.sha256(b"the file").hexdigest())
    assert (manifest["rows"], manifest["columns"]["income"], manifest["project"]) == (1200, "float64", "corner_shop")
    assert manifest["check"]["passed"] is True
    assert manifest["created_at"].endswith("+00:00")


def test_the_same_content_again_is_the_same_file(tmp_path: Path, clean: pd.DataFrame, report: CheckReport) -> None:
    first = write_snapshot(clean, tmp_path, source="simulated", project="corner_shop", report=report)
    before = first.path.stat()
    again = write_snapshot(clean.set_axis(clean.index + 5), tmp_path, source="simulated", project="corner_shop", report=report)
    assert again.path == first.path
    assert (first.path.stat().st_mtime_ns, first.path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert again.manifest["source_sha256"] is None


def test_data_whose_check_failed_gets_no_snapshot(
    tmp_path: Path, loans: pd.DataFrame, clean: pd.DataFrame, product: Build
) -> None:
    failed = check_table(loans, product(checks={"min_rows": 5000}), today=TODAY)
    with pytest.raises(DataError, match=r"check failed \(\(table\): row_count\)"):
        write_snapshot(clean, tmp_path / "s", source="x", project="corner_shop", report=failed)
    assert not (tmp_path / "s").exists()


def test_a_check_of_another_table_is_no_check_of_this_one(tmp_path: Path, clean: pd.DataFrame, report: CheckReport) -> None:
    with pytest.raises(DataError, match="the check saw 1200 rows but the table has 1199"):
        write_snapshot(clean.head(1199), tmp_path, source="x", project="corner_shop", report=report)


def test_an_altered_snapshot_is_refused_by_name(tmp_path: Path, clean: pd.DataFrame, report: CheckReport) -> None:
    snapshot = write_snapshot(clean, tmp_path, source="x", project="corner_shop", report=report)
    clean.assign(default=1 - clean["default"]).to_parquet(snapshot.path)
    with pytest.raises(DataError, match=rf"{snapshot.sha256}\.parquet: its content hashes to .*altered"):
        read_snapshot(tmp_path, snapshot.sha256)
    snapshot.path.write_bytes(b"PAR1 junk")
    with pytest.raises(DataError, match=rf"{snapshot.sha256}\.parquet: cannot be read"):
        read_snapshot(tmp_path, snapshot.sha256)


def test_a_snapshot_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such snapshot"):
        read_snapshot(tmp_path, "0" * 64)
    with pytest.raises(DataError, match="64 hexadecimal digits"):
        read_snapshot(tmp_path, "../../etc/passwd")


def test_the_latest_snapshot_is_the_one_written_last_in_its_own_project(
    tmp_path: Path, clean: pd.DataFrame, report: CheckReport
) -> None:
    assert latest_snapshot(tmp_path / "none", "corner_shop") is None
    other = clean.assign(amount=clean["amount"] + 1)
    first = write_snapshot(clean, tmp_path, source="x", project="corner_shop", report=report)
    second = write_snapshot(other, tmp_path, source="x", project="corner_shop", report=report)
    assert latest_snapshot(tmp_path, "corner_shop") == second
    again = write_snapshot(clean, tmp_path, source="x", project="corner_shop", report=report)
    assert again.sha256 == first.sha256
    write_snapshot(other, tmp_path, source="x", project="corner", report=report)
    assert latest_snapshot(tmp_path, "corner_shop") == again


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, clean: pd.DataFrame, report: CheckReport) -> None:
    (tmp_path / f"{content_sha256(clean)}.corner_shop.json").mkdir()  # a folder where the manifest should go
    with pytest.raises(OSError, match="json"):
        write_snapshot(clean, tmp_path, source="x", project="corner_shop", report=report)
    assert not list(tmp_path.glob(".writing-*"))


BASE = pd.DataFrame(
    {
        "number": [1.5, np.nan, 0.0],
        "whole": [1, 2, 3],
        "word": pd.Series(["ab", None, ""], dtype="str"),
        "day": pd.to_datetime(["2024-01-01", None, "2024-01-03"]).as_unit("us"),
        "yes": [True, False, True],
    }
)
OTHER = {"number": 1e-300, "whole": 9, "word": "c", "day": pd.Timestamp("2024-01-01 00:00:00.000001"), "yes": None}


@given(st.sampled_from(list(BASE)), st.integers(0, 2))
def test_any_change_of_any_one_cell_changes_the_hash(column: str, row: int) -> None:
    values = BASE[column].tolist()
    values[row] = not values[row] if column == "yes" else OTHER[column]
    changed = BASE.assign(**{column: pd.Series(values, dtype=BASE[column].dtype)})
    assert content_sha256(changed) != content_sha256(BASE)


@pytest.mark.parametrize(
    "changed",
    [
        BASE[::-1], BASE[list(BASE)[::-1]], BASE.rename(columns={"word": "words"}), BASE.astype({"whole": "float64"}),
        BASE.assign(word=pd.Series(["a", "b", None], dtype="str")), BASE.assign(word=pd.Series(["ab", "", None], dtype="str")),
        BASE.fillna({"number": 0.0}), BASE.head(2), BASE.drop(columns="yes"), BASE.assign(number=[1.5, np.nan, -0.0]),
    ],
)  # fmt: skip
def test_order_of_rows_and_columns_names_types_and_gaps_count(changed: pd.DataFrame) -> None:
    assert content_sha256(changed) != content_sha256(BASE)


@given(st.lists(st.tuples(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))), st.floats()), min_size=1))
def test_the_hash_survives_the_index_parquet_and_its_compression(rows: list[tuple[str | None, float]]) -> None:
    frame = pd.DataFrame(rows, columns=["word", "number"]).astype({"word": "str"})
    expected = content_sha256(frame)
    assert content_sha256(frame.set_axis(frame.index * 2 + 1)) == expected
    assert content_sha256(pd.concat([frame.head(1), frame])[1:]) == expected


def test_the_hash_does_not_depend_on_the_parquet_writer(tmp_path: Path, clean: pd.DataFrame) -> None:
    for number, options in enumerate(({"compression": "gzip"}, {"row_group_size": 100}, {"version": "1.0"})):
        path = tmp_path / f"{number}.parquet"
        clean.to_parquet(path, **options)
        assert content_sha256(pd.read_parquet(path)) == content_sha256(clean)


def test_the_hash_is_the_documented_form_written_out_by_hand() -> None:
    """A change of the form would orphan every snapshot ever written: it must be meant, and its version raised."""
    frame = pd.DataFrame({"n": [1.5, np.nan], "w": pd.Series(["é", None], dtype="str"), "yes": [True, False]})
    parts = [
        b"n", b"double", b"\0\1", struct.pack("<dd", 1.5, 0.0),
        b"w", b"text", b"\0\1", struct.pack("<qq", 2, 0), "é".encode(),
        b"yes", b"bool", b"\0\0", b"\1\0",
    ]  # fmt: skip
    form = b"riskdeck-table-1 2 3" + b"".join(struct.pack("<q", len(part)) + part for part in parts)
    assert content_sha256(frame) == hashlib.sha256(form).hexdigest()


def test_a_column_of_mixed_types_has_no_hash() -> None:
    with pytest.raises(DataError, match="column 'a' mixes types"):
        content_sha256(pd.DataFrame({"a": [1, "x"]}))
    with pytest.raises(DataError, match=re.escape("column 'a' holds list<item: int64>")):
        content_sha256(pd.DataFrame({"a": [[1], [2]]}))


def test_categories_and_empty_columns_are_hashed_by_their_values() -> None:
    words = pd.DataFrame({"a": pd.Series(["x", "y"], dtype="str")})
    assert content_sha256(words.astype("category")) == content_sha256(words)
    assert content_sha256(pd.DataFrame({"a": [None, None]})) != content_sha256(pd.DataFrame({"a": [None]}))
    assert content_sha256(BASE.iloc[:0]) != content_sha256(BASE)
