"""Runs the tests as other machines would: `make test-machines`, one line for each configuration.

    luck      every capability of the processor with 1 and 2 threads, and along with them other
              numbers for unseeded draws and other orders: what passes here does not by luck
    versions  every Python on PATH, with the least and with the newest dependencies that
              pyproject.toml allows, each in a virtual environment of its own under runs/machines

`--torch 2.13.0` puts that torch into all of them: of other versions pip may bring gigabytes. What
this script does not know goes on to pytest: `make test-machines MACHINES="luck tests/latent"`.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import shutil
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import torch

ROOM = Path("runs/machines")
CAPABILITIES = ["default", "avx2", "avx512"]
PYTHONS = [f"python3.{minor}" for minor in range(10, 16)]
SUITE = ["-m", "not slow and not browser", "tests", "src"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("part", nargs="?", choices=["luck", "versions", "all"], default="all")
    parser.add_argument("--torch", help="version for all environments, not the least and newest")
    known, suite = parser.parse_known_args()
    ROOM.mkdir(parents=True, exist_ok=True)
    print(f"{'configuration':<48} {'passed':>7} {'failed':>7} {'seconds':>8}", flush=True)
    configurations = itertools.chain(
        luck() if known.part != "versions" else [],
        environments(known.torch) if known.part != "luck" else [],
    )
    results = [run(name, suite or SUITE, **how) for name, how in configurations]
    return 0 if all(results) else 1


def luck():
    """Names of configurations, and what each is run with."""
    have = torch.backends.cpu.get_cpu_capability().lower()
    can = CAPABILITIES[: CAPABILITIES.index(have) + 1] if have in CAPABILITIES else ["default"]
    for row, (capability, threads) in enumerate(itertools.product(can, (1, 2))):
        options = ["--threads", str(threads), "--shift", str(row)]
        options += ["--shuffled", str(row)] if row % 3 else []
        order = f"order {row}" if row % 3 else "files in order"
        name = f"{capability}, {threads} thread(s), shift {row}, {order}"
        yield name, {"options": options, "capability": capability, "threads": threads}


def run(name, suite, python=sys.executable, options=(), capability=None, threads=1) -> bool:
    """Runs the suite, prints a line of the table, and says whether all passed."""
    workers = max(1, (os.cpu_count() or 1) // threads)
    command = [python, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", *options]
    command += ["-n", str(workers)] if workers > 1 else []
    # Threads that wait would keep the cores from those that work.
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
    if capability:
        env["ATEN_CPU_CAPABILITY"] = capability
    since, log = time.monotonic(), ROOM / f"{re.sub('[^a-z0-9.]+', '-', name)}.log"
    with open(log, "w") as out:
        done = subprocess.run([*command, *suite], env=env, stdout=out, stderr=out)
    passed, failed = (counted(log.read_text(), word) for word in ("passed", "failed|error"))
    print(f"{name:<48} {passed:>7} {failed:>7} {time.monotonic() - since:>8.0f}", flush=True)
    if done.returncode:
        print(f"    see {log}", flush=True)
    return done.returncode == 0


def counted(log: str, word: str) -> int:
    """The numbers before `word` in pytest's last line, added up."""
    lines = [line for line in log.splitlines() if re.search(r"\d+ (passed|failed|error)", line)]
    return sum(int(n) for n in re.findall(rf"(\d+) (?:{word})", lines[-1])) if lines else 0


def environments(fixed: str | None):
    """Names of configurations with an interpreter of their own; says which Python is not there."""
    for python in PYTHONS:
        if not works(python):
            print(f"{python:<48} not found on PATH", flush=True)
            continue
        for which in ("least", "newest"):
            if made := environment(python, which, fixed):
                # Warnings of old versions are about what came after them.
                options = ["-W", "default"] if which == "least" else []
                yield f"{python}, {which} dependencies", {"python": made, "options": options}


def works(python: str) -> bool:
    """A shim may be on PATH without the interpreter."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0
    except OSError:
        return False


def environment(python: str, which: str, fixed: str | None) -> str | None:
    """The interpreter of a fresh environment; None, in words, where it cannot be made."""
    home = ROOM / f"{Path(python).name}-{which}"
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([python, "-m", "venv", home], check=True)
    inside = str((home / "bin" / "python").absolute())
    pip = [inside, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--upgrade", "pip"], check=True)
    pins = [f"torch=={fixed}"] if fixed else []
    if which == "least":
        pins += [pin for pin in least(pip) if not (fixed and pin.startswith("torch=="))]
    constraints = home / "constraints.txt"
    constraints.write_text("\n".join(pins) + "\n")
    install = [*pip, "install", "--quiet", "--prefer-binary", "-c", constraints, "-e", ".[dev]"]
    if subprocess.run(install).returncode:
        print(f"{python}, {which}: cannot be installed", flush=True)
        return None
    return inside


def least(pip: list[str]):
    """`name==version`: the least that pyproject.toml allows of those that have a wheel here."""
    for line in metadata.requires("pushforward") or []:
        found = re.match(r"([\w-]+)>=([\d.]+)(?:; extra == .dev.)?$", line)
        if found:
            name, bound = found.groups()
            listed = subprocess.run(
                [*pip, "index", "versions", "--only-binary", ":all:", name],
                capture_output=True,
                text=True,
            ).stdout
            versions = re.findall(r"\d+(?:\.\d+)+(?=,|$)", listed, re.MULTILINE)
            allowed = [v for v in versions if number(v) >= number(bound)]
            if allowed:
                yield f"{name}=={min(allowed, key=number)}"


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


if __name__ == "__main__":
    sys.exit(main())
