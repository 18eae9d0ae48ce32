"""Shared fixtures and options."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# A slow or busy machine fails no test. What else the profile says, such as that of CI, stays.
settings.register_profile(
    "any machine",
    settings.default,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write tests/golden/ anew from what is computed",
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written, not compared with."""
    return bool(request.config.getoption("--update-golden"))
