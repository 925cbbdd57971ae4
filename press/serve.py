"""Serve the built website on this machine: ``python -m press.serve [PORT]``; `make serve` builds it before."""

import functools
import http.server
import pathlib
import sys

SITE = pathlib.Path(__file__).resolve().parent.parent / "_build/html"


def server(port: str) -> http.server.ThreadingHTTPServer:
    """Take the port, or stop with one clear line."""
    if not port.isdecimal() or not 0 < int(port) < 65536:
        sys.exit(f"serve: PORT is {port!r}: give a number from 1 to 65535")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=SITE)
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), handler)
    except OSError as error:
        sys.exit(f"serve: port {port} cannot be had ({error.strerror}): choose another, `make serve PORT=8001`")


def main(port: str = "8000") -> None:
    """Serve until Ctrl-C."""
    with server(port) as serving:
        print(f"Serving on http://127.0.0.1:{port} (stop with Ctrl-C)", flush=True)
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main(*sys.argv[1:])
