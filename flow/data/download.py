"""The official CIFAR-10 archive: found or, where the user allows it, fetched; checked; unpacked."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import urllib.request
from pathlib import Path

from flow.errors import UserError

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"  # stated on the same page as the archive
ARCHIVE = "cifar-10-binary.tar.gz"
FOLDER = "cifar-10-batches-bin"
_TIMEOUT_S = 60.0


def unpack_cifar10(root: Path, *, download: bool = False, url: str = URL, md5: str = MD5) -> Path:
    """Make sure that `root` holds the unpacked binary batches, and return their folder.

    An archive in `root` is checked and unpacked; without one it is fetched from `url`, but only
    with `download`. Both appear by rename. UserError for a wrong checksum, an archive with
    anything else in it, or where there is none and none may be fetched.
    """
    folder = root / FOLDER
    if folder.is_dir():
        return folder
    archive = root / ARCHIVE
    if not archive.is_file():
        if not download:
            raise UserError(
                f"datasets: no {FOLDER}/ and no {ARCHIVE} in {root}; put the archive there, or "
                f"allow the download from {URL} with --download"
            )
        _fetch(url, archive)
    found = _md5(archive)
    if found != md5:
        raise UserError(
            f"datasets: {archive} has the MD5 {found}, the official archive {md5}; it is cut off "
            "or another file: remove it and fetch it again"
        )
    partial = root / f"{FOLDER}.part"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(partial, filter="data")
        os.replace(partial / FOLDER, folder)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UserError(f"datasets: {archive} cannot be unpacked ({error})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _fetch(url: str, archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_name(archive.name + ".part")
    try:
        # The address is a constant of this module (tests give a file's).
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as source, partial.open("wb") as file:  # noqa: S310
            shutil.copyfileobj(source, file)
    except OSError as error:
        raise UserError(
            f"datasets: {url} cannot be fetched ({error}); fetch {ARCHIVE} by hand into "
            f"{archive.parent}"
        ) from error
    os.replace(partial, archive)


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
