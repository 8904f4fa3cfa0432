"""Serve the built book on this machine: python tools/serve.py [port]."""

import contextlib
import errno
import functools
import sys
import threading
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


@contextlib.contextmanager
def serving(folder=BOOK):
    """Serve `folder` from a thread; the value is its address, which ends in a slash."""
    with make_server(folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def open_server(port):
    """A server for the book on `port`, else, where that is taken, on a free one."""
    try:
        return make_server(BOOK, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
    print(f"Port {port} is taken.")
    return make_server(BOOK)


def main(arguments):
    wanted = arguments[0] if arguments else "8000"
    if not (wanted.isascii() and wanted.isdecimal() and int(wanted) <= 65535):
        print(f"PORT is a number from 0 to 65535, not {wanted!r}.", file=sys.stderr)
        return 1
    if not (BOOK / "index.html").exists():
        print("There is no book yet: run `make book` first.", file=sys.stderr)
        return 1
    try:
        server = open_server(int(wanted))
    except OSError as error:
        print(f"Port {wanted} cannot be used: {error.strerror}.", file=sys.stderr)
        return 1
    print(f"The book is at http://127.0.0.1:{server.server_port}/ (Ctrl-C stops).", flush=True)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
