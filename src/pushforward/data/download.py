"""Downloads from the hub: what a repository holds, and one file of it, checked.

The sum that is compared is the SHA-256 which the hub itself declares for the file; a file for which
it declares none is refused.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from .parquet import sha256


@dataclass(frozen=True)
class Remote:
    """A file of a data set on the hub, or of another `kind` of repository, at one commit of it."""

    repository: str
    commit: str
    path: str
    size: int
    sha256: str | None
    kind: str = "dataset"

    def fetch(self, target: Path) -> Path:
        """Downloads to `target` (a progress bar on stderr); an interrupted download is resumed.

        Raises ValueError where the content is not what the hub declares, ConnectionError where the
        hub cannot be reached.
        """
        from huggingface_hub import hf_hub_download

        if self.sha256 is None:
            raise ValueError(
                f"the hub declares no SHA-256 for {self.path} of {self.repository}: download it "
                "yourself, if you trust it, and give its folder as root=..."
            )
        scratch = target.parent / ".download"
        try:
            got = hf_hub_download(
                self.repository,
                self.path,
                repo_type=self.kind,
                revision=self.commit,
                local_dir=scratch,
            )
        except Exception as error:
            raise _unreachable(self.repository, error) from error
        self._verify(Path(got))
        os.replace(got, target)
        shutil.rmtree(scratch, ignore_errors=True)
        return target

    def _verify(self, path: Path) -> None:
        given = sha256(path)
        if given != self.sha256:
            path.unlink()
            raise ValueError(
                f"{self.path} of {self.repository} came with SHA-256 {given}, but {self.sha256} "
                "is what was declared: it was deleted; try again"
            )


def listing(repository: str, revision: str | None = None) -> list[Remote]:
    """The files of a data set's repository, at the newest commit of `revision`.

    Raises ValueError where there is no such repository (or none that may be seen), ConnectionError
    where the hub cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        info = HfApi().dataset_info(repository, revision=revision, files_metadata=True, timeout=10)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ValueError(
            f"the hub has no data set {repository!r} that you may see: check OWNER/NAME, or log in "
            "with `hf auth login` where it is private"
        ) from error
    except Exception as error:
        raise _unreachable(repository, error) from error
    return [
        Remote(
            repository,
            info.sha or "",
            file.rfilename,
            file.size or 0,
            file.lfs.sha256 if file.lfs else None,
        )
        for file in info.siblings or []
    ]


def _unreachable(repository: str, error: Exception) -> ConnectionError:
    # The hub's client raises its own, its HTTP library's and the system's errors.
    return ConnectionError(f"{repository} could not be read from the hub: {error!r:.300}")
