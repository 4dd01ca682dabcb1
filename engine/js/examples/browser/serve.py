"""Serve this page on this machine, with the headers that it needs for more than one thread."""

import argparse
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, metavar="BUILT.onnx")
    parser.add_argument("port", type=int, nargs="?", default=8000, metavar="PORT")
    asked = parser.parse_args()
    if not asked.model.is_file():
        parser.error(f"{asked.model} is not there; name a graph that `retrograph build` wrote")
    handler = partial(Handler, model=str(asked.model))
    with ThreadingHTTPServer(("127.0.0.1", asked.port), handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()
