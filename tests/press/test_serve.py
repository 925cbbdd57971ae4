"""`make serve`: a page comes, and a port that cannot be had is one clear line."""

import subprocess
import threading
import urllib.request

import pytest

from press import serve
from press.dependencies import ROOT


def test_a_page_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(serve, "SITE", tmp_path)
    (tmp_path / "index.html").write_text("a page")
    free = serve.http.server.ThreadingHTTPServer(("127.0.0.1", 0), None)
    port = free.server_address[1]
    free.server_close()
    with serve.server(str(port)) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/").read() == b"a page"
        with pytest.raises(SystemExit, match=rf"^serve: port {port} cannot be had .*`make serve PORT=8001`"):
            serve.server(str(port))
        serving.shutdown()


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", ""])
def test_a_port_that_is_none(port):
    with pytest.raises(SystemExit, match=f"PORT is '{port}'"):
        serve.server(port)


def test_make_takes_the_port_and_a_python_with_a_space_in_its_path():
    command = ["make", "-n", "serve", "PORT=8123", "PYTHON=/a b/python3"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "press.serve 8123" in told.stdout
    assert '"/a b/python3" press/environment.py book' in told.stdout
