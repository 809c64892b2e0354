"""Delivery: to a real server, once, tried again after a pause, in bounded time, and without anybody's data or any address."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import Engine, select

from pipeline.monitoring import deliver as sending
from pipeline.monitoring.alerts import Alert, acknowledge, open_alerts, read_alerts
from pipeline.monitoring.deliver import channel_name, deliver, message, read_channels
from pipeline.monitoring.rules import judge
from pipeline.monitoring.signals import signal_table
from pipeline.project_monitoring import Rule
from pipeline.settings import AlertSettings, SettingsError, load_alert_settings
from pipeline.store.tables import alert_deliveries
from tests.monitoring.test_alerts import day
from tests.monitoring.test_rules import month

pytest_plugins = ["tests.store.fixtures"]

RULE = Rule(name="moved", measure="psi", above=0.1)
SECRET = "s3cret-token"


class Server:
    """A real HTTP server on loopback that keeps what it is sent; `answer` is its status, `pause` how long it thinks."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answer, self.pause = 200, 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                time.sleep(outer.pause)
                outer.bodies.append(body)
                self.send_response(outer.answer)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Stay silent."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.port}/hook"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def open_some(store: Engine, *subjects: str) -> tuple[Alert, ...]:
    table = signal_table(("psi", subject, month(0), 0.7, 1000, "nothing but 41") for subject in subjects)
    return open_alerts(store, "p", judge([RULE], table, "month"), [RULE], "month", day(0))


def to(*addresses: str, seconds: float = 20.0) -> AlertSettings:
    return AlertSettings(addresses, "https://risk.example", seconds)


@contextmanager
def later(monkeypatch: pytest.MonkeyPatch, pause: timedelta) -> Iterator[None]:
    """As if so much time had passed for the pauses of channels."""
    with monkeypatch.context() as patch:
        patch.setattr(sending, "FIRST_PAUSE", sending.FIRST_PAUSE - pause)
        patch.setattr(sending, "LONGEST_PAUSE", sending.LONGEST_PAUSE - pause)
        yield


def test_an_alert_arrives_with_its_numbers_and_a_link_and_is_sent_once(sqlite_store: Engine, server: Server) -> None:
    (alert,) = open_some(sqlite_store, "income")
    done = deliver(sqlite_store, "p", to(server.url))
    assert done.sent == (alert.id,) and not done.faults and not done.waiting
    (body,) = server.bodies
    assert body["title"] == "[warning] p: moved (income)"
    assert "PSI of income in 2025-01: 0.700, above the limit of 0.1, on 1,000 rows." in body["message"]
    assert f"https://risk.example/alerts?project=p&alert={alert.id}" in body["message"]
    assert deliver(sqlite_store, "p", to(server.url)).sent == ()
    assert len(server.bodies) == 1 and read_alerts(sqlite_store, "p")[0].is_delivered


def test_a_message_holds_rule_subject_period_and_numbers_only(sqlite_store: Engine) -> None:
    (alert,) = open_some(sqlite_store, "income")
    title, text = message(alert, "")
    assert "nothing but 41" not in title + text  # what a watcher notes of a column may be somebody's value
    assert text == f"{alert.firing.evidence}\nLayer: data. For: risk team. Rule: moved."


def test_a_server_that_fails_is_tried_again_after_a_pause_that_grows(
    sqlite_store: Engine, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_some(sqlite_store, "income")
    server.answer = 500
    done = deliver(sqlite_store, "p", to(server.url))
    assert done.sent == () and "did not take the message" in done.faults[0]
    rests = deliver(sqlite_store, "p", to(server.url))
    assert len(server.bodies) == 1 and "failed before and rests until" in rests.faults[0]
    with later(monkeypatch, timedelta(minutes=1)):
        deliver(sqlite_store, "p", to(server.url))
    assert len(server.bodies) == 2
    with later(monkeypatch, timedelta(seconds=59)):
        (channel,) = read_channels(sqlite_store, [server.url])
    assert channel.rests_until is not None and channel.tries == {read_alerts(sqlite_store, "p")[0].id: 2}
    server.answer = 200
    with later(monkeypatch, timedelta(minutes=2)):
        assert len(deliver(sqlite_store, "p", to(server.url)).sent) == 1
    assert len(server.bodies) == 3


def test_the_pause_doubles_up_to_an_hour(sqlite_store: Engine, server: Server) -> None:
    (alert,) = open_some(sqlite_store, "income")
    pauses = []
    for _ in range(9):
        sending._note_attempt(sqlite_store, channel_name(server.url), alert.id, False)
        with sqlite_store.connect() as connection:
            last = connection.scalars(select(alert_deliveries.c.at).order_by(alert_deliveries.c.seq.desc())).first()
        (channel,) = read_channels(sqlite_store, [server.url])
        assert last is not None and channel.rests_until is not None
        pauses.append((channel.rests_until - last) // timedelta(minutes=1))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_one_address_that_fails_keeps_no_other_from_its_message(
    sqlite_store: Engine, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_some(sqlite_store, "income", "age")
    nobody = "json://127.0.0.1:9/nobody"
    done = deliver(sqlite_store, "p", to(nobody, server.url))
    assert len(server.bodies) == 2 and done.sent == () and len(done.faults) == 1
    with later(monkeypatch, timedelta(hours=1)):
        deliver(sqlite_store, "p", to(nobody, server.url))
    assert len(server.bodies) == 2  # it has them already


def test_a_server_that_never_answers_does_not_hold_up_monitoring(sqlite_store: Engine, server: Server) -> None:
    (alert,) = open_some(sqlite_store, "income")
    server.pause = 6.0
    started = time.monotonic()
    done = deliver(sqlite_store, "p", to(server.url, seconds=1.0))
    assert time.monotonic() - started < 5
    assert done.waiting == (alert.id,) and "did not answer in time" in done.faults[0]
    assert "rests until" in deliver(sqlite_store, "p", to(server.url)).faults[0]


def test_no_address_is_shown_logged_or_stored(
    sqlite_store: Engine, server: Server, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    open_some(sqlite_store, "income")
    server.answer = 500
    settings = to(server.url, f"mailtos://u:{SECRET}@127.0.0.1:9", f"unknown://{SECRET}")
    done = deliver(sqlite_store, "p", settings)
    with sqlite_store.connect() as connection:
        kept = str(connection.execute(select(alert_deliveries)).all())
    shown = (
        "".join(capfd.readouterr())
        + caplog.text
        + repr(settings)
        + str(done)
        + repr(read_channels(sqlite_store, settings.addresses))
    )
    assert len(done.faults) == 3
    assert SECRET not in shown + kept and str(server.port) not in shown + kept
    assert channel_name(server.url) in kept


def test_what_somebody_looks_after_already_is_not_sent(sqlite_store: Engine, server: Server) -> None:
    (alert,) = open_some(sqlite_store, "income")
    acknowledge(sqlite_store, alert.id, actor="analyst")
    assert deliver(sqlite_store, "p", to(server.url)) == sending.Delivery()
    assert not server.bodies


def test_without_addresses_nothing_is_sent_and_alerts_wait_for_the_day_there_is_one(
    sqlite_store: Engine, server: Server
) -> None:
    open_some(sqlite_store, "income")
    assert deliver(sqlite_store, "p", AlertSettings()) == sending.Delivery()
    assert len(deliver(sqlite_store, "p", to(server.url)).sent) == 1


def test_mail_arrives_at_a_real_smtp_server(sqlite_store: Engine) -> None:
    open_some(sqlite_store, "income")
    with smtp_server() as (port, mails):
        address = f"mailto://127.0.0.1:{port}?from=riskdeck@local.test&to=risk@local.test"
        assert len(deliver(sqlite_store, "p", to(address)).sent) == 1
    assert "moved" in mails[0] and "To: risk@local.test" in mails[0]


@contextmanager
def smtp_server() -> Iterator[tuple[int, list[str]]]:
    """As much of SMTP as a client needs to hand over a mail."""
    mails: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode().strip().upper():
            if line == "DATA":
                writer.write(b"354 go on\r\n")
                mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            writer.write(b"250 ok\r\n" if line != "QUIT" else b"221 bye\r\n")
            if line == "QUIT":
                break
        writer.close()

    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(asyncio.start_server(talk, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield listening.sockets[0].getsockname()[1], mails
    loop.call_soon_threadsafe(listening.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


def test_addresses_are_read_with_spaces_lines_or_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISKDECK_ALERT_URLS", "json://a/x, mailto://u:p@h?to=a@b.c,d@e.f\n slack://T/B/c")
    monkeypatch.setenv("RISKDECK_DASHBOARD_URL", "https://risk.example/")
    found = load_alert_settings()
    assert found.addresses == ("json://a/x", "mailto://u:p@h?to=a@b.c,d@e.f", "slack://T/B/c")
    assert found.page == "https://risk.example" and "slack" not in repr(found)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RISKDECK_ALERT_URLS", f"json://ok {SECRET}", "RISKDECK_ALERT_URLS: entry 2 is no address"),
        ("RISKDECK_DASHBOARD_URL", "risk.example", "must begin with http"),
        ("RISKDECK_ALERT_SECONDS", "soon", "must be a number"),
    ],
)
def test_settings_that_cannot_be_used_are_named_without_what_they_hold(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=words) as refused:
        load_alert_settings()
    assert SECRET not in str(refused.value)
