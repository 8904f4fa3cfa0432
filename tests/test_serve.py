"""tools/serve.py: an address while it is needed, and one line where a port cannot be had."""

import socket
import urllib.request
from urllib.error import URLError

import pytest

from tools import serve


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("the book")
    monkeypatch.setattr(serve, "BOOK", tmp_path)
    return tmp_path


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def test_a_folder_is_served_and_the_port_is_free_afterwards(folder):
    with serve.serving(folder) as url:
        assert get(url) == get(f"{url}index.html") == "the book"
    with pytest.raises(URLError, match="refused"):
        get(url)


@pytest.mark.parametrize("port", ["abc", "99999", "-1", "1.5", "²", ""])
def test_a_bad_port_ends_in_one_line(folder, capsys, port):
    assert serve.main([port]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"PORT is a number from 0 to 65535, not {port!r}.\n"


def test_a_taken_port_is_named_and_another_one_serves(folder, capsys, monkeypatch):
    def stop(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(serve.Server, "serve_forever", stop)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert serve.main([str(port)]) == 0
    told = capsys.readouterr()
    assert told.out.startswith(f"Port {port} is taken.\nThe book is at http://127.0.0.1:")
    assert told.err == ""


def test_another_reason_is_told(folder, capsys, monkeypatch):
    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(serve, "make_server", forbidden)
    assert serve.main(["80"]) == 1
    assert capsys.readouterr().err == "Port 80 cannot be used: Permission denied.\n"


def test_without_a_book_nothing_is_served(folder, capsys):
    (folder / "index.html").unlink()
    assert serve.main([]) == 1
    assert "run `make book` first" in capsys.readouterr().err
