"""The API against its own specification, and the specification against the project."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import Case, GenerationMode

from pipeline.project import load_project
from pipeline.serving.http.schema import describe, input_schema
from tests.serving.conftest import LiveHome
from tests.serving.http_parts import BEARER, DIGEST, GOOD, Served, app_of

pytest_plugins = ["tests.serving.http_fixtures"]
OPERATIONS = [("/v1/score", "POST"), ("/v1/decisions/{decision_id}", "GET")]


@pytest.fixture(scope="module")
def specification(served_home: LiveHome) -> Any:
    """The API as schemathesis reads it from the application itself, in this process."""
    app = app_of(served_home, token_hashes={"shop": DIGEST})
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers=BEARER)


def run(specification: Any, operation: tuple[str, str], mode: GenerationMode, examples: int) -> set[int]:
    """Ask with what the specification allows, or with what it forbids, and hold every answer to all of schemathesis's checks.

    Its own pytest plugin reaches into a part of pytest that pytest 9 no longer has.
    """
    path, method = operation

    # The same requests every time: who mends a red build must see it red again.
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
    @given(specification[path][method].as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        assume(all(str(value) == str(value).strip() for value in (case.headers or {}).values()))  # HTTP drops spaces around it
        seen.add(case.call_and_validate(headers=BEARER).status_code)

    seen = set[int]()
    ask()
    return seen


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_api_keeps_to_its_own_specification(specification: Any, operation: tuple[str, str], mode: GenerationMode) -> None:
    seen = run(specification, operation, mode, examples=60)
    if mode.is_positive:
        assert (200 in seen) == (operation == OPERATIONS[0])
    else:  # what is wrong may be a part that the API does not read; where it does, that is refused
        assert seen & {400, 404, 422}


@pytest.mark.long
@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_api_keeps_to_its_own_specification_at_length(
    specification: Any, operation: tuple[str, str], mode: GenerationMode
) -> None:
    run(specification, operation, mode, examples=300)


def test_the_specification_shows_the_projects_fields(served: Served) -> None:
    spec = served.client.get("/openapi.json").json()

    fields = spec["components"]["schemas"]["Inputs"]
    assert list(fields["properties"]) == list(GOOD)
    amount = fields["properties"]["amount"]
    assert (amount["type"], amount["minimum"], amount["maximum"]) == ("number", 1000, 50000)
    assert "EUR" in amount["description"] and amount["title"] == "Loan amount"
    assert fields["properties"]["term_months"]["enum"][:2] == [12, "12"]
    assert fields["properties"]["income"]["anyOf"][-1] == {"type": "null"}
    assert "amount" in fields["required"] and "income" not in fields["required"]
    assert set(spec["paths"]) == {"/v1/score", "/v1/decisions/{decision_id}"}
    assert "security" not in spec


def test_codes_for_not_known_are_part_of_the_specification() -> None:
    feature = load_project("taiwan").features[0].model_copy(update={"missing": (-1,), "kind": "number", "choices": ()})
    assert {"enum": [-1]} in input_schema(feature)["anyOf"]
    assert "-1 means not known" in input_schema(feature)["description"]


def test_without_anything_live_the_specification_still_comes(served: Served) -> None:
    spec = describe(served.client.app, None, max_rows=10, with_tokens=True)
    assert spec["components"]["schemas"]["Inputs"]["type"] == "object"
