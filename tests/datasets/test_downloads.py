"""Downloads, against a server of our own."""

import hashlib
import io
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from posemachines.datasets import fetch
from posemachines.datasets.downloads import SOURCES, Source

pytest.importorskip("pooch", reason="needs the extra download")


def archive(seed=0):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as pack:
        pack.writestr("inner/joints.txt", f"labels {seed}")
        pack.writestr("inner/noise.bin", np.random.default_rng(seed).bytes(3_000_000))
    return stream.getvalue()


class Server:
    """Serves one file; notes what it is asked for and what it sends, and can break off."""

    def __init__(self):
        self.content, self.tag = archive(), '"one"'
        self.ranges, self.break_after, self.asked, self.sent = True, None, [], []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.http.server_port}/data.zip"

    def answer(self, request):
        asked = request.headers.get("Range")
        self.asked.append(asked)
        start = int(asked[6:-1]) if asked else 0
        partial = bool(asked) and self.ranges and request.headers.get("If-Range") == self.tag
        if partial and start >= len(self.content):
            request.send_response(416)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        body = self.content[start:] if partial else self.content
        request.send_response(206 if partial else 200)
        request.send_header("Content-Length", str(len(body)))
        if self.tag:
            request.send_header("ETag", self.tag)
        request.end_headers()
        body = body if self.break_after is None else body[: self.break_after]
        request.wfile.write(body)
        self.sent.append(len(body))
        request.close_connection = True

    def source(self, **known):
        return Source(self.address, "the page", inside="inner", **known)


@pytest.fixture
def server():
    served = Server()
    yield served
    served.http.shutdown()
    served.http.server_close()


def get(server, folder, **known):
    return fetch(server.source(**known), folder, progress=False)


def test_fetched_once_and_unpacked(server, tmp_path):
    folder = get(server, tmp_path)
    assert folder == tmp_path / "data" / "inner"
    assert (folder / "joints.txt").read_text() == "labels 0"
    assert (tmp_path / "data.zip.sha256").read_text().strip() == hashlib.sha256(server.content).hexdigest()
    assert get(server, tmp_path) == folder
    assert server.asked == [None], "what is there is not asked for again"
    assert not list(tmp_path.glob("*.part*"))


def test_an_interrupted_download_resumes(server, tmp_path):
    server.break_after = 1_000_000
    with pytest.raises(OSError, match="could not be downloaded") as failure:
        get(server, tmp_path)
    assert "the page" in str(failure.value)
    assert str(tmp_path / "data.zip") in str(failure.value)
    assert not (tmp_path / "data.zip").exists()
    server.break_after = None
    folder = get(server, tmp_path)
    assert (folder / "joints.txt").exists()
    assert (tmp_path / "data.zip").read_bytes() == server.content
    assert server.asked[0] is None
    come = int(server.asked[-1][6:-1])
    assert 0 < come <= 1_000_000
    assert server.sent[-1] == len(server.content) - come, "only the rest travelled"


def test_a_complete_part_needs_no_further_download(server, tmp_path):
    (tmp_path / "data.zip.part").write_bytes(server.content)
    (tmp_path / "data.zip.part.mark").write_text(server.tag)
    assert get(server, tmp_path).is_dir()
    assert server.sent == []


@pytest.mark.parametrize("why", ["no ranges", "changed", "no mark"])
def test_starts_again_where_it_cannot_resume(server, tmp_path, why):
    server.break_after = 1_000_000
    server.tag = None if why == "no mark" else server.tag
    with pytest.raises(OSError, match="could not be downloaded"):
        get(server, tmp_path)
    server.break_after = None
    if why == "no ranges":
        server.ranges = False
    elif why == "changed":
        server.content, server.tag = archive(1), '"two"'
    folder = get(server, tmp_path)
    assert (tmp_path / "data.zip").read_bytes() == server.content
    assert (folder / "joints.txt").read_text() == f"labels {int(why == 'changed')}"
    assert server.sent[-1] == len(server.content)


def test_wrong_hash_is_reported_and_the_file_deleted(server, tmp_path):
    with pytest.raises(ValueError, match="unexpected hash") as failure:
        get(server, tmp_path, sha256="0" * 64)
    assert "was deleted" in str(failure.value)
    assert not (tmp_path / "data.zip").exists()
    assert not (tmp_path / "data").exists()
    right = hashlib.sha256(server.content).hexdigest()
    assert get(server, tmp_path, sha256=right).is_dir()
    assert not (tmp_path / "data.zip.sha256").exists(), "a published hash needs no other"


def test_later_download_must_be_the_same_as_the_first(server, tmp_path):
    get(server, tmp_path)
    (tmp_path / "data.zip").write_bytes(b"damaged")
    get(server, tmp_path)
    assert (tmp_path / "data.zip").read_bytes() == server.content
    (tmp_path / "data.zip").unlink()
    server.content, server.tag = archive(1), '"two"'
    with pytest.raises(ValueError, match="delete"):
        get(server, tmp_path)


def test_unfinished_unpacking_is_done_again(server, tmp_path):
    folder = get(server, tmp_path)
    (folder / "joints.txt").unlink()
    (tmp_path / "data" / ".unpacked").unlink()
    assert (get(server, tmp_path) / "joints.txt").exists()
    assert len(server.asked) == 1


def test_cache_folder_of_the_environment(server, tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMACHINES_CACHE", str(tmp_path / "cache"))
    assert get(server, None) == tmp_path / "cache" / "data" / "inner"


def test_no_server_and_unknown_names(server, tmp_path):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(OSError, match="fetch it by hand"):
        get(server, tmp_path)
    with pytest.raises(ValueError, match="no data set 'voc'; known are lsp, lspet, mpii"):
        fetch("voc")


def test_sources_are_addresses_of_archives():
    for source in SOURCES.values():
        assert source.address.startswith("http")
        assert source.address.endswith((".zip", ".tar.gz"))
        assert source.page.startswith("http")


def test_without_pooch_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(ImportError, match=r"posemachines\[download\]"):
        fetch("lsp")
