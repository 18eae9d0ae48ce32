"""Values that are absurd, endless or nested without need: one line, exit code 2, at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shufflenet_flops.cli.app import run

DIGITS = "9" * 5000


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line on stderr of a command that is refused."""
    assert run(list(arguments)) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    assert "defect" not in line
    assert len(line) < 1100
    assert not captured.out or "check" in arguments  # whose reports say it, too
    return line


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("macs < " + "-" * 1000 + "1", "nested more than 100 deep"),
        ("macs < 0" + "+1" * 500, "nested more than 100 deep"),
        ("not " * 400 + "macs < 1", "nested more than 100 deep"),
        ("macs < 1 / 0", "'1 / 0' divides by zero"),
        ("macs < 1 // -0", "'1 // -0' divides by zero"),
        ("macs < 1 % (2 - 2)", "'1 % (2 - 2)' divides by zero"),
        ("macs < c // 0.0", "divides by zero"),
        ("macs % (c // 1000) == 0", "'c // 1000' is 0 in some rows"),
        ("macs < 10 // (c - c)", "'c - c' is 0 in some rows"),
        ("macs < " + DIGITS, "5007 characters are too many"),
        ("macs < " + "9" * 1900, "numbers go up to"),
    ],
)
def test_filters(capsys: pytest.CaptureFixture[str], where: str, message: str) -> None:
    assert message in refusal(capsys, "sweep", "--c", "64:128:16", "--quiet", "--where", where)


def test_a_long_chain_of_comparisons_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    """It is flat, however many parts it has."""
    where = " and ".join(["c > 1"] * 200)

    assert run(["sweep", "--c", "64:128:16", "--quiet", "--where", where]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fit", "shufflenet", "--macs", "1M", "--g", "1:1000000"), "1,000,000 combinations"),
        (
            ("fit", "shufflenet", "--macs", "1M", "--g", "1:1000000000000:1"),
            "fit takes up to 1,000",
        ),
        (("fit", "shufflenet", "resnet", "--macs", "1M", "--h", "1:900"), "1,800 combinations"),
        (("fit", "shufflenet", "--macs", "1M", "--g", DIGITS), "must be less than 2^63"),
        (("fit", "shufflenet", "--macs", DIGITS), "is not an amount"),
        (("fit", "shufflenet", "--macs", "1M", "--multiple-of", DIGITS), "more than 30 digits"),
        (("sweep", "--c", DIGITS), "must be less than 2^63"),
        (("sweep", "--c", "1:" + DIGITS), "must be less than 2^63"),
        (("sweep", "--c", f"1:2:{DIGITS}"), "must be less than 2^63"),
        (("sweep", "shufflenet_v1", "--g", "1", "--width", DIGITS), "must be less than 2^63"),
        (("sweep", "shufflenet_v1", "--width", f"1.5:{DIGITS}"), "must be less than 2^63"),
        (("sweep", "efficientnet", "--phi", f"0:{DIGITS}:0.5"), "must be less than 2^63"),
        (("fit", "shufflenet_v1", "--macs", "9M", "--width", DIGITS), "must be less than 2^63"),
        (("sweep", "--c", "1:9223372036854775806"), "configurations, more than 1,000,000,000"),
        (("compare", "--c", DIGITS), "more than 30 digits"),
        (("compare", "--c", "240" + "0" * 15, "--no-latency"), "GB of memory, and"),
        (("compare", "--c", "240" + "0" * 20, "--no-latency"), "below 2^63"),
        (("compare", "--c", "24000000", "--no-latency"), "GB of memory, and"),
        (
            ("fit", "shufflenet_v1", "--macs", "140M", "--g", "1:90000000"),
            "90,000,000 combinations of --g are too many",
        ),
        (("report", "compare", "vgg16@classes=9999999999999"), "one network of the family vgg"),
        (("report", "compare", "shufflenet_v1@classes=9999999999999"), "GB of memory, and"),
        (("explain", "shufflenet_v1@classes=9999999999999"), "GB of memory, and"),
        (("count", "shufflenet_v1@classes=" + DIGITS), "must be a whole number"),
        (("count", "shufflenet_v1@classes=9223372036854775808"), "below 2^63"),
        (("count", "shufflenet_v1@classes=-1"), "=-1 is too small"),
        (("count", "shufflenet_v1@scale=nan"), "must be a number below 2^63"),
        (("count", "shufflenet_v1@scale=inf"), "must be a number below 2^63"),
        (("count", "resnet50", "--input", "1x3x99999999999x99999999999"), "more elements"),
        (("count", "resnet50", "--input", f"1x3x{DIGITS}x224"), "positive whole numbers"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else None,
)
def test_sizes(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    """Before anything is listed or allocated, with the figure."""
    assert message in refusal(capsys, *arguments)


@pytest.mark.parametrize("ratio", [DIGITS, f"1:{DIGITS}", "0:1", "0" * 5000, "1:1000000", "٣:1"])
def test_ratios(capsys: pytest.CaptureFixture[str], ratio: str) -> None:
    asked = "fit", "torch.nn:Identity", "--over", "h,w", "--macs", "1G"

    assert "write width:height" in refusal(capsys, *asked, "--aspect", ratio)


BUDGET = '\n[[budget]]\nmodel = "resnet18"\nmacs = '


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a" + ".a" * 2000 + " = 1", "x.toml:1: not valid TOML: nested too deeply"),
        ("[" + "a" + ".a" * 2000 + "]", "x.toml:1: not valid TOML: nested too deeply"),
        ('x = """\n"""\n"a"' + '."a"' * 2000 + " = 1", "x.toml:3: not valid TOML: nested"),
        ("a = " + "{a = " * 90 + "{" + "b." * 30 + "c = 1}" + "}" * 90, "nested too deeply"),
        ("schema = 1" + BUDGET + DIGITS, "not valid TOML"),
        ("schema = 1" + BUDGET + "0x" + "f" * 5000, "a number of more than 128 bits"),
        ("x = 1\n" * 3, "not valid TOML"),
        ("a = 1\n" + "# " + "x" * 2**20, "has more than 524,288 bytes"),
    ],
)
def test_configurations(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    text: str,
    message: str,
) -> None:
    """Read in time that grows with their size, or not at all."""
    monkeypatch.chdir(tmp_path)
    Path("x.toml").write_text(text)

    assert message in refusal(capsys, "check", "--config", "x.toml", "-o", "x.md")


def test_an_array_of_many_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each of them a line of one statement."""
    monkeypatch.chdir(tmp_path)
    lines = "".join('  "1x3x224x224",\n' for _ in range(20_000))
    Path("x.toml").write_text(f"schema = 1\ninput = [\n{lines}]\nfoo = 1\n{BUDGET}1\n")

    assert run(["check", "--config", "x.toml"]) == 2
    assert "x.toml:20004: foo: unknown key 'foo'" in capsys.readouterr().err


@pytest.fixture
def pipe(tmp_path: Path) -> str:
    os.mkfifo(tmp_path / "pipe.json")
    return str(tmp_path / "pipe.json")


LONG = "a" * 5000
BYTES = os.fsdecode(b"\xff\xfe")


NO_FILES = (
    ("/dev/zero", "it is no regular file"),
    ("/dev/null", "it is no regular file"),
    (None, "it is no regular file"),  # the pipe
    (".", "directory"),
    (f"{LONG}.json", "File name too long"),
    (f"{BYTES}.json", r"cannot read \udcff\udcfe.json: No such file"),
    ("x\0.json", "embedded null "),  # byte, and from Python 3.13 on character
)


@pytest.mark.parametrize(
    ("command", "name", "message"),
    [
        (command, name, message)
        for command in ("check", "diff", "latency-diff", "report")
        for name, message in NO_FILES
        # `report` takes another name for a kind of report, not for a file.
        if command != "report" or name is None or name.endswith(".json")
    ],
)
def test_files_that_are_none(
    capsys: pytest.CaptureFixture[str], pipe: str, command: str, name: str | None, message: str
) -> None:
    """Refused at once: nothing is waited for, and nothing is read without end."""
    file = pipe if name is None else name
    arguments = {"check": ("--config", file), "report": (file,)}.get(command, (file, file))

    assert message in refusal(capsys, command, *arguments)


@pytest.mark.parametrize("name", [f"{LONG}.json", "a" * 252 + ".json", "x/y/z.json"])
def test_outputs_that_cannot_be(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Told before any work."""
    assert "cannot write" in refusal(capsys, "count", "resnet18", "-o", name)


def test_an_output_with_a_long_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As long as a name can be, and one that is not text."""
    monkeypatch.chdir(tmp_path)
    for name in ("a" * 250 + ".json", f"{BYTES}.json"):
        assert run(["count", "resnet18", "-o", name]) == 0
        assert '"model": "resnet18"' in Path(name).read_text()


def test_torch_is_told_to_keep_its_log_to_itself(tmp_path: Path) -> None:
    """Before it is imported, and not where the user asks for it."""
    (tmp_path / "net.py").write_text(
        "import os, torch\n\ndef factory():\n"
        "    return torch.nn.Linear(1, len(os.environ['TORCH_CPP_LOG_LEVEL']))\n"
    )
    for level, outputs in ((None, len("ERROR")), ("INFO_", 5), ("WARNING", 7)):
        environment = {key: value for key, value in os.environ.items() if "CPP_LOG" not in key}
        found = subprocess.run(
            [
                *(sys.executable, "-m", "shufflenet_flops", "count", "net:factory"),
                *("--path", str(tmp_path), "--input", "1x1", "--format", "csv"),
            ],
            env={**environment, **({"TORCH_CPP_LOG_LEVEL": level} if level else {})},
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"1x{outputs}," in found.stdout
