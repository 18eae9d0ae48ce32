"""The machine that stands beside every figure is told apart from others."""

from __future__ import annotations

import pytest

from shufflenet_flops.environment import cpu_name, environment

GENOA = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC
stepping\t: 1

processor\t: 1
cpu family\t: 99
"""
TURIN = GENOA.replace("25", "26").replace("17", "2")
ARM = "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd40\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (GENOA, "AMD EPYC (family 25, model 17)"),
        (TURIN, "AMD EPYC (family 26, model 2)"),
        (ARM, "Arm (implementer 0x41, part 0xd40)"),
        ("processor : 0\nmodel name : Some CPU\n", "Some CPU"),
        ("cpu : POWER9\n", ""),
        ("", ""),
    ],
)
def test_processors_of_one_name_are_told_apart(text: str, name: str) -> None:
    assert cpu_name(text) == name


def test_there_is_always_a_name() -> None:
    assert environment().cpu
