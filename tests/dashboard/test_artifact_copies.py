"""Copies of artifacts: read back as kept, never more than the bound, the longest unused gone first."""

import os
import threading
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.artifact_copies import ArtifactCopies

PATH = "evaluation/curve.parquet"


def size_of(home: Path) -> int:
    return sum(file.stat().st_size for file in home.glob("*.seen/*/**/*") if file.is_file())


def used_at(folder: Path, run_id: str, second: int) -> None:
    os.utime(folder / run_id / PATH, (second, second))


def test_what_was_kept_is_read_back_and_what_was_not_is_none(tmp_path: Path) -> None:
    copies = ArtifactCopies(tmp_path / "a.seen")
    copies.keep(f"r1/{PATH}", b"curve")
    assert copies.read(f"r1/{PATH}") == ArtifactCopies(tmp_path / "a.seen").read(f"r1/{PATH}") == b"curve"
    assert copies.read(f"r2/{PATH}") is None


def test_the_copy_that_was_unused_the_longest_goes_first(tmp_path: Path) -> None:
    folder = tmp_path / "a.seen"
    copies = ArtifactCopies(folder, most_bytes=400)
    for second, run_id in enumerate(("first", "second", "third"), start=1):
        copies.keep(f"{run_id}/{PATH}", bytes(100))
        used_at(folder, run_id, second)
    assert copies.read(f"first/{PATH}") is not None, "reading it is using it"
    copies.keep(f"fourth/{PATH}", bytes(150))
    assert copies.read(f"second/{PATH}") is None
    assert [copies.read(f"{run_id}/{PATH}") is not None for run_id in ("first", "third", "fourth")] == [True, True, True]


def test_other_stores_of_the_home_share_the_bound_and_small_files_beside_the_runs_stay(tmp_path: Path) -> None:
    old, new = ArtifactCopies(tmp_path / "old.seen", 300), ArtifactCopies(tmp_path / "new.seen", 300)
    old.keep("names.json", bytes(50))
    old.keep(f"r1/{PATH}", bytes(250))
    used_at(tmp_path / "old.seen", "r1", 1)
    new.keep(f"r2/{PATH}", bytes(200))
    assert old.read(f"r1/{PATH}") is None and new.read(f"r2/{PATH}") is not None
    assert old.read("names.json") == bytes(50)


def test_a_copy_larger_than_the_bound_is_not_kept(tmp_path: Path) -> None:
    copies = ArtifactCopies(tmp_path / "a.seen", most_bytes=100)
    copies.keep(f"r1/{PATH}", bytes(101))
    assert size_of(tmp_path) == 0


def test_what_a_killed_process_left_half_written_counts_and_goes(tmp_path: Path) -> None:
    copies = ArtifactCopies(tmp_path / "a.seen", most_bytes=100)
    left = tmp_path / "a.seen" / "r0" / "evaluation" / "curve.parquet.1.2.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(bytes(90))
    os.utime(left, (1, 1))
    copies.keep(f"r1/{PATH}", bytes(60))
    assert not left.exists() and copies.read(f"r1/{PATH}") is not None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "a.seen").write_text("a file where the folder should be")
    copies = ArtifactCopies(tmp_path / "a.seen")
    copies.keep(f"r1/{PATH}", b"x")
    assert copies.read(f"r1/{PATH}") is None


@settings(deadline=None, max_examples=25)
@given(sizes=st.lists(st.integers(0, 400), min_size=1, max_size=25))
def test_the_bound_is_kept_but_for_what_one_look_allows(sizes: list[int], tmp_path_factory) -> None:
    home = tmp_path_factory.mktemp("copies")
    copies = ArtifactCopies(home / "a.seen", most_bytes=1_000)
    for i, size in enumerate(sizes):
        copies.keep(f"r{i}/{PATH}", bytes(size))
        assert size_of(home) <= 1_050


def test_threads_that_keep_at_once_keep_the_bound(tmp_path: Path) -> None:
    copies = ArtifactCopies(tmp_path / "a.seen", most_bytes=1_000)

    def work(name: str) -> None:
        for i in range(20):
            copies.keep(f"{name}{i}/{PATH}", bytes(100))

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert size_of(tmp_path) <= 1_050
