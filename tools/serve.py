"""Serve the built book on this machine: python tools/serve.py [port]."""

import functools
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BOOK = Path(__file__).resolve().parent.parent / "_build" / "html"


class Handler(SimpleHTTPRequestHandler):
    """Files of one folder; silent, and no browser keeps an old page."""

    def log_message(self, *args):
        pass

    def end_headers(self):
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A browser that leaves in the middle of a file is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def make_server(folder, port=0):
    """A server for `folder` on 127.0.0.1; port 0 takes a free one. Raises OSError where taken."""
    handler = functools.partial(Handler, directory=str(folder))
    return Server(("127.0.0.1", port), handler)


def main(arguments):
    if not (BOOK / "index.html").exists():
        print("There is no book yet: run `make book` first.", file=sys.stderr)
        return 1
    wanted = int(arguments[0]) if arguments else 8000
    try:
        server = make_server(BOOK, wanted)
    except OSError:
        server = make_server(BOOK)
        print(f"Port {wanted} is taken.")
    print(f"The book is at http://127.0.0.1:{server.server_port}/ (Ctrl-C stops).", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
