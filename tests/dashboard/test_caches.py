"""Caches are shared by all users: they stand where one looks for them."""

import re
from pathlib import Path

DASHBOARD = Path(__file__).parents[2] / "dashboard"


def test_caches_stand_in_the_loading_modules_alone() -> None:
    found = {path.name for path in DASHBOARD.rglob("*.py") if re.search(r"\bst\.cache_(data|resource)\(", path.read_text())}
    assert found == {"loading.py", "loading_desk.py", "loading_money.py", "loading_risk.py", "loading_watch.py"}
