"""Published data sets, downloaded from their authors' servers (``pip install posemachines[download]``)."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from .._utils.replacing import replacing

__all__ = ["SOURCES", "Source", "fetch"]

CHUNK = 2**16  # bytes: the most that an interruption loses
WAIT = 30.0  # s without a response
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """A published file.

    Attributes
    ----------
    address : str
    page : str
        Describes the data set and its licence.
    sha256 : str or None
        As published. Where none is published, the hash of the first download is kept next to the file, and later
        downloads are checked against it.
    inside : str
        Folder within the archive to pass to a loader.
    """

    address: str
    page: str
    sha256: str | None = None
    inside: str = ""


_MPII = "https://datasets.d2.mpi-inf.mpg.de/andriluka14cvpr/mpii_human_pose_v1"
SOURCES = {
    "lsp": Source("https://sam.johnson.io/research/lsp_dataset.zip", "https://sam.johnson.io/research/lsp.html"),
    "lspet": Source("https://sam.johnson.io/research/lspet_dataset.zip", "https://sam.johnson.io/research/lspet.html"),
    "mpii": Source(f"{_MPII}_u12_2.zip", "http://human-pose.mpi-inf.mpg.de", inside="mpii_human_pose_v1_u12_2"),
    "mpii-images": Source(f"{_MPII}.tar.gz", "http://human-pose.mpi-inf.mpg.de"),
    "coco": Source(
        "http://images.cocodataset.org/annotations/annotations_trainval2017.zip", "https://cocodataset.org/#download"
    ),
    "coco-val-images": Source("http://images.cocodataset.org/zips/val2017.zip", "https://cocodataset.org/#download"),
}
"""Data sets with a public address. FLIC has no permanent one: see its page, bensapp.github.io."""


def fetch(name: str | Source, folder: str | Path | None = None, *, progress: bool = True) -> Path:
    """Download a data set unless it is there already, unpack it, and return its folder.

    An interrupted download resumes where it stopped if the server allows it; a file with a wrong hash is deleted.

    Parameters
    ----------
    name : str or Source
        One of `SOURCES`, or an address of your own.
    folder : path, optional
        Where to keep data sets; by default the environment variable ``POSEMACHINES_CACHE``, else the user's cache.
    progress : bool, default=True
        Show a progress bar.

    Returns
    -------
    Path
        The unpacked folder.

    Raises
    ------
    ValueError
        If the name is unknown, or the downloaded file has another hash.
    OSError
        If the download failed; the message says how to fetch the file by hand, and where to put it.
    ImportError
        Without pooch.

    Examples
    --------
    >>> data = load_lspet(fetch("lspet"))  # doctest: +SKIP
    """
    try:
        import pooch
        from requests.exceptions import RequestException
    except ImportError as error:
        raise ImportError("downloads need pooch; pip install posemachines[download]") from error
    pooch.get_logger().setLevel(logging.WARNING)  # its messages are about pooch, not about the data
    if isinstance(name, str) and name not in SOURCES:
        raise ValueError(f"no data set {name!r}; known are {', '.join(SOURCES)}")
    source = SOURCES[name] if isinstance(name, str) else name
    folder = Path(folder or os.environ.get("POSEMACHINES_CACHE") or pooch.os_cache("posemachines"))
    file = folder / source.address.rsplit("/", 1)[-1]
    kept = file.with_name(file.name + ".sha256")
    known = source.sha256 or (kept.read_text().strip() if kept.is_file() else None)
    unpack = pooch.Untar if file.name.endswith((".tar.gz", ".tgz", ".tar")) else pooch.Unzip
    target = folder / file.name.split(".", 1)[0]
    try:
        pooch.retrieve(
            source.address,
            None if known is None else f"sha256:{known}",
            fname=file.name,
            path=folder,
            downloader=_Resuming(file.with_name(file.name + ".part"), progress=progress),
            processor=_Once(unpack, target),
        )
    except RequestException as error:
        raise OSError(
            f"{source.address} could not be downloaded ({_first_line(error)}). Try again, which resumes the download; "
            f"or fetch it by hand (see {source.page}), put it at {file}, and call again"
        ) from error
    except ValueError as error:
        if "hash" not in str(error):
            raise
        raise ValueError(
            f"{file.name} has an unexpected hash ({_first_line(error)}) and was deleted. If a new version of the data "
            f"set was published (see {source.page}), delete {kept}"
        ) from error
    if known is None:
        _keep_hash(file, kept)
    return target / source.inside


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]


def _keep_hash(file: Path, kept: Path) -> None:
    import pooch

    with replacing(kept) as temporary:
        temporary.write_text(pooch.file_hash(str(file)) + "\n")
    logger.info("no hash of %s is published; that of this download is kept in %s", file.name, kept)


class _Once:
    """Unpacks into a folder, unless it was unpacked completely before."""

    def __init__(self, unpack, target: Path) -> None:
        self.unpack, self.target = unpack, target

    def __call__(self, file: str, action: str, pooch) -> Path:
        done = self.target / ".unpacked"
        if action != "fetch" or not done.is_file():
            done.unlink(missing_ok=True)
            self.unpack(extract_dir=str(self.target))(file, "update", pooch)
            done.touch()
        return self.target


class _Resuming:
    """Downloader for pooch that keeps partial downloads in a separate file and requests the rest.

    It also keeps the server's validator of the file (ETag or date): if the file has changed since, or the server sends
    no validator or no partial content, it downloads everything again.
    """

    def __init__(self, part: Path, *, progress: bool) -> None:
        self.part, self.mark = part, part.with_name(part.name + ".mark")
        self.progress = progress

    def __call__(self, address: str, output, _pooch, check_only: bool = False) -> None:
        import requests

        come = self.part.stat().st_size if self.part.is_file() and self.mark.is_file() else 0
        headers = {"Accept-Encoding": "identity"}
        if come:
            headers |= {"Range": f"bytes={come}-", "If-Range": self.mark.read_text()}
        with requests.get(address, headers=headers, stream=True, timeout=WAIT) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:  # it is complete
                self._finish(Path(output))
                return
            answer.raise_for_status()
            if answer.status_code != requests.codes.partial_content:
                come = 0
            self._write(answer, come)
        self._finish(Path(output))

    def _write(self, answer, come: int) -> None:
        import requests

        mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        if mark is None or mark.startswith("W/"):  # If-Range needs a strong validator
            self.mark.unlink(missing_ok=True)
        else:
            self.mark.write_text(mark)
        length = answer.headers.get("Content-Length")
        total = None if length is None else come + int(length)
        name = self.part.name.removesuffix(".part")
        with (
            open(self.part, "ab" if come else "wb") as stream,
            tqdm(total=total, initial=come, unit="B", unit_scale=True, desc=name, disable=not self.progress) as bar,
        ):
            for chunk in answer.iter_content(CHUNK):
                stream.write(chunk)
                bar.update(len(chunk))
        if total is not None and self.part.stat().st_size != total:
            raise requests.exceptions.ConnectionError(f"{self.part.stat().st_size} of {total} bytes were received")

    def _finish(self, output: Path) -> None:
        os.replace(self.part, output)
        self.mark.unlink(missing_ok=True)
