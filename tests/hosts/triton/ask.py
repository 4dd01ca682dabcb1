"""Asks a server by tritonclient, 16 requests at once; runs in the server's environment.

    ask.py FOLDER HTTP_PORT GRPC_PORT

FOLDER/requests.json lists the requests: model, protocol (http or grpc), and the .npz files of what
it is given and of what it answers.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import np_to_triton_dtype

AT_ONCE = 16


def inputs_of(module: Any, arrays: Any) -> list[Any]:
    """The arrays as the inputs of a request."""
    found = []
    for name in arrays.files:
        array = arrays[name]
        tensor = module.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
        tensor.set_data_from_numpy(array)
        found.append(tensor)
    return found


def main(folder: Path, http_port: str, grpc_port: str) -> None:
    """Send all requests, and write what comes back."""
    requests = json.loads((folder / "requests.json").read_text())
    modules = {"http": tritonclient.http, "grpc": tritonclient.grpc}
    clients: dict[str, Any] = {
        "http": tritonclient.http.InferenceServerClient(
            f"127.0.0.1:{http_port}", concurrency=AT_ONCE, network_timeout=300.0
        ),
        "grpc": tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{grpc_port}"),
    }
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = []
        for request in requests:
            protocol = request["protocol"]
            given = inputs_of(modules[protocol], np.load(folder / request["inputs"]))
            if protocol == "http":
                answer = clients["http"].async_infer(request["model"], given).get_result
            else:
                answer = pool.submit(clients["grpc"].infer, request["model"], given).result
            waiting.append((request, answer))
        for request, answer in waiting:
            result = answer()
            names = [output["name"] for output in response_of(result)["outputs"]]
            np.savez(folder / request["outputs"], **{name: result.as_numpy(name) for name in names})


def response_of(result: Any) -> dict[str, Any]:
    """A response as JSON, whichever the protocol."""
    try:
        return dict(result.get_response(as_json=True))
    except TypeError:
        return dict(result.get_response())


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
