"""The store opens migrated, durable and silent about passwords, whoever comes first."""

import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, insert, text

import pipeline.store
from pipeline.store.address import parse_address, shown, without_secrets
from pipeline.store.engine import HEAD, StoreError, is_writing, open_store, require_durable, writing
from pipeline.store.tables import APPEND_ONLY, metadata, profiles

pytest_plugins = ["tests.store.fixtures"]

MIGRATIONS = Path(pipeline.store.__file__).parent / "migrations"
OPEN = "import sys; from pipeline.store.engine import open_store; open_store(sys.argv[1]).dispose()"


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new folder' / 'riskdeck.db'}"
    return request.getfixturevalue("empty_postgres_url")


@pytest.fixture
def opened(fresh_url: str) -> Iterator[Engine]:
    engine = open_store(fresh_url)
    yield engine
    engine.dispose()


def test_the_migrated_store_is_exactly_what_the_tables_say(opened: Engine) -> None:
    with opened.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_every_append_only_table_has_its_triggers(opened: Engine) -> None:
    sqlite = opened.dialect.name == "sqlite"
    names = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
    if not sqlite:
        names = "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
    with opened.connect() as connection:
        tables = [row[1] for row in connection.execute(text(names))]
    assert sorted(tables) == sorted(APPEND_ONLY * (2 if sqlite else 1))


def test_two_processes_opening_a_fresh_store_at_once_both_succeed(fresh_url: str) -> None:
    root = Path(pipeline.store.__file__).parents[2]
    command = [sys.executable, "-W", "error", "-c", OPEN, fresh_url]
    started = [subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in started] == [("", 0)] * 2


def test_many_threads_opening_a_fresh_store_at_once_all_succeed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'riskdeck.db'}"
    with ThreadPoolExecutor(6) as pool:
        engines = list(pool.map(open_store, [url] * 6))
    for engine in engines:
        with engine.connect() as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == HEAD
        engine.dispose()


def test_opening_again_changes_nothing(store: Engine, store_url: str) -> None:
    row = {"project": "p", "day": date(2026, 5, 3), "model_version": 1, "segment": "", "feature": "f", "bin": "b"}
    with writing(store) as connection:
        connection.execute(insert(profiles).values(row | {"count": 3}))
    again = open_store(store_url)
    with again.connect() as connection:
        assert connection.execute(text("SELECT count FROM profiles")).scalar_one() == 3
    again.dispose()


def test_the_head_named_in_code_is_alembics_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_sqlite_is_durable_strict_and_patient(sqlite_store: Engine) -> None:
    wanted = {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1, "recursive_triggers": 1, "busy_timeout": 5000}
    with sqlite_store.connect() as first, sqlite_store.connect() as second:
        for connection in (first, second):
            found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in wanted}
            assert found == wanted


def test_a_store_that_could_lose_acknowledged_writes_is_refused(tmp_path: Path, postgres_url: str) -> None:
    lax = create_engine(f"sqlite:///{tmp_path / 'lax.db'}")
    with lax.connect() as connection:
        connection.exec_driver_sql("PRAGMA synchronous = NORMAL")
        with pytest.raises(StoreError, match=r"PRAGMA synchronous is NORMAL; it must be FULL"):
            require_durable(connection)
    lax.dispose()
    with pytest.raises(StoreError, match="synchronous_commit is off"):
        open_store(f"{postgres_url}{'&' if '?' in postgres_url else '?'}options=-c%20synchronous_commit%3Doff")


def test_a_failed_write_leaves_nothing_behind(store: Engine) -> None:
    with pytest.raises(RuntimeError), writing(store) as connection:
        connection.execute(text("INSERT INTO profile_marks VALUES ('p', 1, '2026-05-03 12:00:00')"))
        raise RuntimeError
    with store.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM profile_marks")).scalar_one() == 0


def test_a_reader_does_not_wait_for_a_writer_and_knows_it_is_none(sqlite_store: Engine) -> None:
    with writing(sqlite_store) as writer, sqlite_store.connect() as reader:
        assert is_writing(writer)
        assert not is_writing(reader)
        writer.execute(text("INSERT INTO profile_marks VALUES ('p', 1, '2026-05-03 12:00:00')"))
        assert reader.execute(text("SELECT count(*) FROM profile_marks")).scalar_one() == 0


@pytest.mark.parametrize("prefix", ["postgresql://", "postgres://", "postgresql+psycopg://"])
def test_plain_postgresql_addresses_are_taken(prefix: str) -> None:
    assert parse_address(f"{prefix}riskdeck:x@db/riskdeck").drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("mysql://root:hunter2@db/x", "cannot be kept in 'mysql'"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://u:hunter2@host:port/x", "cannot be read"),
        ("hunter2", "cannot be read"),
        ("postgresql://u:hunter2@127.0.0.1:1/x", "cannot open the store at postgresql"),
        ("postgresql://u@127.0.0.1:1/x?password=hunter2", "cannot open the store at postgresql"),
        ("postgresql://u@127.0.0.1:1/x?sslpassword=hunter2", "cannot open the store at postgresql"),
    ],
)
def test_an_address_that_does_not_work_says_so_without_its_password(address: str, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence) as caught:
        open_store(address)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_every_spelling_of_a_password_is_masked() -> None:
    url = parse_address("postgresql://u:p%40ss%2Fw+rd@db/x")
    assert url.password == "p@ss/w+rd"
    assert without_secrets("p@ss/w+rd p%40ss/w%2Brd p%40ss%2Fw%2Brd", url) == "*** *** ***"
    assert shown(url) == "postgresql+psycopg://u:***@db/x"


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "riskdeck.db").write_text("not a database, but long enough to be taken for one " * 20)
    with pytest.raises(StoreError, match=r"riskdeck\.db: file is not a database"):
        open_store(f"sqlite:///{tmp_path / 'riskdeck.db'}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot create the folder .*file.sub"):
        open_store(f"sqlite:///{tmp_path / 'file' / 'sub' / 'riskdeck.db'}")


def test_a_store_of_a_newer_version_is_left_alone(sqlite_store: Engine, sqlite_url: str) -> None:
    with writing(sqlite_store) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="another version of Riskdeck wrote it"):
        open_store(sqlite_url)


def test_personal_data_stay_out_of_error_texts(sqlite_store: Engine) -> None:
    statement = text("INSERT INTO profile_marks VALUES (:name, NULL, NULL)")
    with pytest.raises(Exception, match="NOT NULL") as caught, writing(sqlite_store) as connection:
        connection.execute(statement, {"name": "Applicant Somebody"})
    assert "Somebody" not in str(caught.value)


def test_a_writer_waits_for_another_writer(sqlite_store: Engine, sqlite_url: str) -> None:
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(_write_mark, sqlite_store)
        assert not written.done()
        other.execute("COMMIT")
        written.result(timeout=5)
    other.close()


def _write_mark(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO profile_marks VALUES ('p', 1, '2026-05-03 12:00:00')"))
