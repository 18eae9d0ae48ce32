"""What was learned from a calibration, kept in the user's cache: arrays alone, never a pickle."""

from __future__ import annotations

import hashlib
import os
import zipfile
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflenet_flops.errors import InputError, OutputError
from shufflenet_flops.files.whole_file import open_file
from shufflenet_flops.latency.predict.calibration import Calibration
from shufflenet_flops.latency.predict.features import NAMES
from shufflenet_flops.latency.predict.regression import KindModel, TimeModel, fit
from shufflenet_flops.latency.predict.trees import ARRAYS, Trees

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RECIPE = 3  # of what is learned and how: another one makes another file
_KEPT = 12  # files, of a megabyte each
_OF_A_KIND = ("roofline", "low", "high")
_DAMAGED = (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile)


def learned(calibration: Calibration, *, compiled: bool = False) -> TimeModel:
    """What `fit` learns from a calibration's kernels, or from the engine's own if `compiled`.

    It is learned once for each calibration and version of scikit-learn; a file of the cache that
    is damaged is made anew, and where nothing can be written nothing is kept. Raises InputError as
    `fit`, and for a calibration that tells nothing of the engine's own kernels.
    """
    networks = calibration.timed(compiled=compiled)
    if compiled and not all(networks):
        raise InputError(
            f"the calibration of {calibration.engine} tells nothing of the engine's own kernels, "
            f"which --compile needs: run `calibrate --engine {calibration.engine}`"
        )
    path = _path(calibration, compiled)
    if path is None:
        return fit(networks, calibration.hyperparameters)
    with suppress(*_DAMAGED):
        return _read(path)
    model = fit(networks, calibration.hyperparameters)
    with suppress(OSError, OutputError):
        _write(path, model)
    return model


def _path(calibration: Calibration, compiled: bool) -> Path | None:
    """The file of this calibration; None without scikit-learn, of which it is a part, or a home."""
    try:
        version = metadata.version("scikit-learn")
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except (metadata.PackageNotFoundError, RuntimeError):
        return None
    digest = hashlib.sha256()
    told = (_RECIPE, version, compiled, NAMES, calibration.kinds, calibration.fields)
    digest.update(repr((told, sorted(calibration.hyperparameters.items()))).encode())
    for sample in calibration.samples:
        for text in sample.nodes if compiled else sample.kernels:
            digest.update(text.encode() + b"\n")
        digest.update(b"\n")
    return folder / "shufflenet-flops" / f"{digest.hexdigest()[:32]}.npz"


def _read(path: Path) -> TimeModel:
    import numpy as np

    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        names = arrays["kinds"].tolist()
        kinds = {name: _kind(arrays, f"{place}") for place, name in enumerate(names)}
        return TimeModel(kinds, _kind(arrays, "other"), float(arrays["macs_only_s"]))


def _kind(arrays: Any, prefix: str) -> KindModel:
    trees = None
    if f"{prefix}.base" in arrays:
        nodes = (arrays[f"{prefix}.{name}"] for name in ARRAYS)
        trees = Trees(float(arrays[f"{prefix}.base"]), *nodes)
    of_it = {name: arrays[f"{prefix}.{name}"] for name in _OF_A_KIND}
    return KindModel(**of_it, trees=trees, slowest=float(arrays[f"{prefix}.slowest"]))


def _write(path: Path, model: TimeModel) -> None:
    import io

    import numpy as np

    arrays: dict[str, NDArray[Any]] = {
        "kinds": np.array(list(model.kinds)),
        "macs_only_s": np.array(model.macs_only_s),
    }
    named = {**{str(place): kind for place, kind in enumerate(model.kinds.values())}}
    for prefix, kind in {**named, "other": model.other}.items():
        arrays |= {f"{prefix}.{name}": getattr(kind, name) for name in _OF_A_KIND}
        arrays[f"{prefix}.slowest"] = np.array(kind.slowest)
        if kind.trees is not None:
            arrays |= {f"{prefix}.{name}": getattr(kind.trees, name) for name in ARRAYS}
            arrays[f"{prefix}.base"] = np.array(kind.trees.base)
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_file(path) as write:
        write(content.getvalue())
    _prune(path.parent)


def _prune(folder: Path) -> None:
    """Leave the newest files alone."""
    files = sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[_KEPT:]:
        path.unlink(missing_ok=True)
