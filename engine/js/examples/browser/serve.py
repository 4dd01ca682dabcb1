"""Serve this page on this machine:  python serve.py BUILT.onnx [PORT]

With the headers that a page needs for more than one thread.
"""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = Path(__file__).resolve().parent
PACKAGE = PAGE.parents[1]
FOLDERS = {
    "/ort/": PACKAGE / "node_modules" / "onnxruntime-web" / "dist",
    "/retrograph/": PACKAGE / "src",
    "/": PAGE,
}


class Handler(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def __init__(self, *args: object, model: str) -> None:
        self.model = model
        super().__init__(*args)

    def translate_path(self, path: str) -> str:
        if path == "/model.onnx":
            return self.model
        prefix = next(each for each in FOLDERS if path.startswith(each))
        self.directory = str(FOLDERS[prefix])
        return super().translate_path(path[len(prefix) - 1 :])

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


if __name__ == "__main__":
    model, port = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8000
    with ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, model=model)) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()
