"""Ops without a formula: each is listed, and the lines after it say how to count it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import shufflenet_flops
from shufflenet_flops.cli.app import run
from shufflenet_flops.trace import fast, trace
from shufflenet_flops.trace.rules import supplied

ALGEBRA: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "inv": ("linalg_inv_ex", torch.linalg.inv),
    "svd": ("_linalg_svd", torch.linalg.svdvals),
    "qr": ("linalg_qr", lambda x: torch.linalg.qr(x)[0]),
    "cholesky": ("linalg_cholesky_ex", torch.linalg.cholesky),
    "eigh": ("_linalg_eigh", torch.linalg.eigvalsh),
    "det": ("_linalg_det", torch.linalg.det),
    "lstsq": ("linalg_lstsq", lambda x: torch.linalg.lstsq(x, x).solution),
    "solve": ("_linalg_solve_ex", lambda x: torch.linalg.solve(x, x)),
    "pinv": ("linalg_pinv", torch.linalg.pinv),
    "exp": ("linalg_matrix_exp", torch.linalg.matrix_exp),
    "lu": ("linalg_lu", lambda x: torch.linalg.lu(x)[2]),
    "ldl": ("linalg_ldl_factor_ex", lambda x: torch.linalg.ldl_factor(x)[0]),
    "eig": ("linalg_eig", lambda x: torch.linalg.eigvals(x).real),
    "slogdet": ("_linalg_slogdet", lambda x: torch.linalg.slogdet(x)[1]),
    "cholesky inverse": ("cholesky_inverse", torch.cholesky_inverse),
    "cholesky solution": ("cholesky_solve", lambda x: torch.cholesky_solve(x, x)),
    "reflections": (
        "linalg_householder_product",
        lambda x: torch.linalg.householder_product(x, x[..., 0]),
    ),
}


class Solving(nn.Module):
    """A layer of 16 MACs for each of four vectors, and linear algebra on what it gives."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return y * y.to_sparse() if self.name == "sparse" else ALGEBRA[self.name][1](y)


@pytest.mark.parametrize("name", ALGEBRA)
def test_linear_algebra_can_be_given_a_formula(name: str) -> None:
    """Its work depends on the algorithm, so that only its user can say."""
    op = ALGEBRA[name][0]
    x = torch.eye(4)[None]
    try:
        assert trace(Solving(name), x).unknown_ops == {f"aten.{op}": 1}
        shufflenet_flops.rule(getattr(torch.ops.aten, op))(lambda *args, out, **kwargs: 100)
        assert trace(Solving(name), x).table.macs == 4 * 16 + 100
    finally:
        supplied._SUPPLIED.clear()
        fast.KNOWN.clear()


@pytest.mark.parametrize("command", ["count", "compare", "explain"])
@pytest.mark.parametrize(
    ("name", "way_out"),
    [
        ("det", "@shufflenet_flops.rule(torch.ops.aten._linalg_det)"),
        ("sparse", "run it on dense tensors"),
    ],
)
def test_the_way_out_is_named(
    command: str, name: str, way_out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each command that lists it."""
    monkeypatch.chdir(Path(__file__).parents[2])
    model = ["tests.cases.test_unknown_ops:Solving", "--arg", f"name={name}", "--path", "."]
    rest = ["--no-latency"] if command == "compare" else []
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        run([command, *model, "--input", "1x4x4", *rest])
    text = " ".join(out.getvalue().split())
    assert "NOT COUNTED, because unknown: aten." in text
    assert way_out in text
