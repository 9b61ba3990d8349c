"""Checkpoints: one `.safetensors` file with weights, and in its header the blueprint as JSON.

Tied weights are stored once and come back tied, because the blueprint ties the modules. Writing
goes to a file beside the target which is then renamed, so that a kill at any moment leaves the
earlier file. A digest over everything refuses files that were cut short or changed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .blueprint import decode, encode
from .catalogue import discover
from .foreign.notes import unlisted
from .halves import halved, widened
from .ownership import scratch
from .records import checked, parsed
from .values import JSON, BlueprintError

FORMAT = "pushforward/1"
MODEL, AVERAGE = "model.", "average."


class CheckpointError(ValueError):
    """A file that is not a checkpoint of ours, or not a whole one."""


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds: tensors by name, the blueprint, and a JSON record (data, recipe, step)."""

    path: Path
    tensors: dict[str, Tensor]
    blueprint: Any
    record: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `prefix`, without it."""
        return {k.removeprefix(prefix): t for k, t in self.tensors.items() if k.startswith(prefix)}


def weights(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name, each tied one under its first name only.

    Of networks that are no components also the tensors that `state_dict` leaves out.
    """
    seen: set[int] = set()
    state = {**module.state_dict(keep_vars=True), **unlisted(module)}
    return {n: t for n, t in state.items() if not (id(t) in seen or seen.add(id(t)))}  # type: ignore[func-returns-value]


def not_finite(module: nn.Module) -> str | None:
    """The name of the first weight that is not finite; None where all are.

    What is not trained, such as a table of log-probabilities, may hold infinities, but no NaN.
    """
    for name, tensor in module.named_parameters():
        if tensor.requires_grad and not bool(torch.isfinite(tensor).all()):
            return name
    floats = (*module.named_parameters(), *module.named_buffers())
    return next((name for name, tensor in floats if bool(torch.isnan(tensor).any())), None)


def save(
    model: nn.Module,
    path: str | os.PathLike,
    tensors: Mapping[str, Tensor] | None = None,
    record: Mapping[str, Any] | None = None,
) -> Path:
    """Writes `model` to `path`, atomically. Returns the path.

    `tensors` and `record` (JSON) are kept beside it; with {"halved": True} in the record, large
    tensors are stored as float16 and loaded as float32. Raises BlueprintError where the model
    cannot be written as JSON and built again, OSError where the disk refuses; an earlier file then
    stays.
    """
    return write(model, rehearsed(model), Path(path), tensors or {}, record or {})


def write(
    model: nn.Module,
    blueprint: JSON,
    path: Path,
    tensors: Mapping[str, Tensor],
    record: Mapping[str, Any],
) -> Path:
    """Writes weights, blueprint, `tensors` and `record` to `path`, atomically. Returns the path."""
    named = {MODEL + name: t for name, t in weights(model).items()} | dict(tensors)
    # A clone: safetensors refuses tensors that share storage, such as views.
    stored = {k: t.detach().cpu().clone().contiguous() for k, t in named.items()}
    stored = halved(stored) if record.get("halved") else stored
    texts = {"blueprint": json.dumps(blueprint), "record": json.dumps(dict(record))}
    header = {"format": FORMAT, **texts, "digest": digest_of(stored, texts)}
    return write_whole(path, stored, header)


def rehearsed(model: nn.Module) -> JSON:
    """The blueprint of `model`, once a model has been built from it on trial.

    Raises BlueprintError where something cannot be written, or would come back otherwise.
    """
    blueprint = encode(model)
    again = _built(blueprint, weights(model))
    mine, theirs = ({n: tuple(t.shape) for n, t in weights(m).items()} for m in (model, again))
    for name in (*mine, *theirs):
        if mine.get(name) != theirs.get(name):
            raise BlueprintError(
                f"{type(model).__name__} has {name!r} of shape {mine.get(name)}, and would come "
                f"back from a file with {theirs.get(name)}: it was changed after it was built. "
                "Change a network before it is given to a model, or in its constructor"
            )
    if encode(again) != blueprint:
        raise BlueprintError(
            f"{type(model).__name__} would come back from a file with other settings: a "
            "constructor changes the networks that it is given. Let it change a copy"
        )
    return blueprint


def _built(blueprint: JSON, tensors: Mapping[str, Tensor]) -> Any:
    """A module with new weights; torch's random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        return decode(blueprint, sum(tensor.numel() for tensor in tensors.values()))


def write_whole(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> Path:
    """Writes a .safetensors file beside `path` and renames it: a kill leaves the earlier file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch(path.parent) as folder:
            beside = folder / "whole"
            beside.touch()
            mode = beside.stat().st_mode  # as the umask has it; safetensors lets nobody else read
            save_file(tensors, beside, header)
            beside.chmod(mode)
            with open(beside, "rb") as file:
                os.fsync(file.fileno())
            os.replace(beside, path)
    except (SafetensorError, OSError) as error:
        kind = type(error) if isinstance(error, OSError) else OSError
        raise kind(f"{path} could not be written: {_reason(error)}") from error
    return path


def _reason(error: Exception) -> str:
    """What the system says, without the name of a file that is gone."""
    return getattr(error, "strerror", None) or str(error)


def digest_of(tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> str:
    """The sha256 of texts and of tensors with their names, types and shapes."""
    digest = hashlib.sha256()
    for key in sorted(texts):
        digest.update(f"{key}\0{texts[key]}\0".encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read(path: str | os.PathLike) -> Checkpoint:
    """Reads a file and checks that it is whole, without building anything.

    Raises CheckpointError for a foreign, truncated or changed file, or one of another version.
    """
    path = Path(path)
    with _whole(path), safe_open(path, framework="pt") as file:
        header = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    _check_format(path, header)
    texts = {key: header.get(key, "") for key in ("blueprint", "record")}
    if digest_of(tensors, texts) != header.get("digest"):
        raise CheckpointError(
            f"{path} was changed after it was written: its digest does not fit its content"
        )
    with _meaningful(path):
        record = checked(parsed(texts["record"]))
        tensors = widened(tensors) if record.get("halved") else tensors
        return Checkpoint(path, tensors, parsed(texts["blueprint"]), record)


def record_of(path: str | os.PathLike) -> dict[str, Any]:
    """The record of a file, without its weights: whether they are whole is not checked.

    Raises CheckpointError for a foreign or truncated file, or one of another version.
    """
    path = Path(path)
    with _whole(path), safe_open(path, framework="pt") as file:
        header = file.metadata() or {}
    _check_format(path, header)
    with _meaningful(path):
        return checked(parsed(header.get("record", "")))


@contextmanager
def _meaningful(path: Path) -> Iterator[None]:
    """Raises CheckpointError for texts within that are not of the form that `save` writes."""
    try:
        yield
    except ValueError as error:
        raise CheckpointError(f"{path} was not written by pushforward: {error}") from error


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Raises CheckpointError for what safetensors cannot read within, OSError for what the system
    refuses.
    """
    if path.is_dir():
        inside = sorted(path.glob("*.safetensors"))
        hint = f": did you mean {inside[0]}?" if inside else ""
        raise CheckpointError(f"there is no checkpoint at {path}, which is a folder{hint}")
    if not path.is_file():
        zoo = str(path).partition("zoo:")[2]
        hint = f": pf.pretrained({zoo!r}) loads what the zoo has" if zoo else ""
        raise CheckpointError(f"there is no checkpoint at {path}{hint}")
    try:
        path.open("rb").close()  # safetensors says of any refusal that there is no such file
    except OSError as error:
        raise type(error)(f"{path} cannot be read: {error.strerror}") from error
    try:
        yield
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a whole .safetensors file ({error}). "
            "It was cut short or is of another kind; it was left as it is"
        ) from error


def _check_format(path: Path, header: Mapping[str, str]) -> None:
    if not header.get("format", "").startswith("pushforward/"):
        raise CheckpointError(f"{path} was not written by pushforward: its header has no blueprint")
    if header["format"] != FORMAT:
        raise CheckpointError(
            f"{path} is of format {header['format']}, this version reads {FORMAT}: "
            "read it with the version of pushforward that wrote it"
        )


def load(path: str | os.PathLike, device: torch.device | str = "cpu") -> Any:
    """The model in `path`, in eval mode: averaged weights where training kept an average.

    Only classes that are imported are built; nothing is unpickled or executed. Raises
    CheckpointError.
    """
    return restored(read(path), device)


def restored(checkpoint: Checkpoint, device: torch.device | str = "cpu") -> Any:
    """The model of a file that was read, as `load` gives it."""
    averaged = checkpoint.part(AVERAGE)
    model = build(checkpoint)
    fill(model, averaged or checkpoint.part(MODEL), checkpoint.path)
    return model.to(device).eval()


def build(checkpoint: Checkpoint) -> Any:
    """The checkpoint's model with new weights; torch's random state is left as it was."""
    discover()  # the library's own classes; a file never says what is imported
    try:
        found = _built(checkpoint.blueprint, checkpoint.part(MODEL))
    except BlueprintError as error:
        raise CheckpointError(f"{checkpoint.path} cannot be loaded: {error}") from error
    if not isinstance(found, nn.Module):
        raise CheckpointError(f"{checkpoint.path} holds no model, but a {type(found).__name__}")
    return found


def _kind(tensor: Tensor) -> object:
    """Floats of any width are of one kind: a float64 model comes back as it was saved."""
    return "float" if tensor.is_floating_point() else tensor.dtype


def fill(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copies `tensors` into `module`, whose weights they must match exactly.

    Raises CheckpointError naming missing, unexpected or misshapen weights.
    """
    own = weights(module)
    both = own.keys() & tensors.keys()
    shapes = [k for k in both if own[k].shape != tensors[k].shape]
    kinds = [k for k in both if _kind(own[k]) != _kind(tensors[k])]
    problems = {
        "missing": sorted(own.keys() - tensors.keys()),
        "unexpected": sorted(tensors.keys() - own.keys()),
        "of another shape": sorted(shapes),
        "of another type": sorted(kinds),
    }
    if any(problems.values()):
        found = "; ".join(f"{what}: {', '.join(n[:5])}" for what, n in problems.items() if n)
        raise CheckpointError(f"the weights in {path} do not fit {type(module).__name__}: {found}")
    with torch.no_grad():
        for name, tensor in own.items():
            # The file decides the type, so that a float64 model comes back as it was saved.
            tensor.data = tensors[name].to(tensor.device, copy=True)
