"""The page of `retrograph serve`: an ASGI application of its files and of what it asks for."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any, Final, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from retrograph.errors import InputError, RetrographError
from retrograph.keywords import checked_keywords
from retrograph.model import Source
from retrograph.pipeline.cache import SessionCache
from retrograph.pipeline.labels import Labels
from retrograph.pipeline.settings import Running
from retrograph.preprocess import Preprocessing
from retrograph.scans import Progress, Scan, open_scan
from retrograph.serve.endpoints import ENDPOINTS, Endpoint
from retrograph.serve.export import export
from retrograph.serve.export_input import Choice
from retrograph.serve.files import file_response
from retrograph.serve.guard import Guard
from retrograph.serve.inputs import PageInput, PageInputs
from retrograph.serve.query import Answer, Query
from retrograph.serve.shown_model import ShownModel
from retrograph.serve.spelling import on_page
from retrograph.serve.streams import Streams
from retrograph.serve.uploads import Uploads
from retrograph.serving.hosted import Setup, names_of
from retrograph.serving.limits import Budget, Limits
from retrograph.serving.receiving import Abandoned, while_wanted
from retrograph.serving.refusals import Refused, error_record, headers_of, status_of

T = TypeVar("T")

LIMITS: Final = Limits(waiting=256, answering=600.0, body=64 * 2**20)
"""Of a page, whose user may wait for a model that takes a minute a run."""
_EXAMPLES: Final = 4
"""Inputs on which presets are tried, while the page waits."""
_LOOKERS: Final = 4
_SLOW: Final = 2
"""Scans and growing inputs at once."""
_LOG: Final = logging.getLogger("retrograph.serve")
_GONE: Final = 499


class Page:
    """A page that shows networks: an ASGI application; all its paths lie behind a token.

    Args:
        models: paths or models; of names by these.
        inputs: files and folders that it lists.
        scan: the folder of a scan of the first model, whose neurons it then knows more of.
        labels, preprocessing, alphabet, sample_rate, device, threads, precision: as in `explain`.
        graphs: how many built graphs stay ready.
        limits: what is taken, where that is other than usual, by the names of `Limits`.
        hosts: the names by which it may be asked, besides those of this machine.
        ancestors: the pages that may show it in a frame.

    Attributes:
        token: the first part of its paths, 128 random bits.
        models: by their names.
        inputs: what it lists.
        kind_name: what the first model's input is called: picture, letters, waveform, ...
        scan: of a model; None where there is none.
        facts, slow: threads for what is told without a run, and for what takes long.
        uploads: takes files that are sent.
        held: the bytes of these that are in memory.
        inside: it without its guard, for an application that has one.

    Raises:
        InputError: a file cannot be read, or labels or preprocessing do not go with a model.
    """

    @checked_keywords
    def __init__(
        self,
        models: Source | Mapping[str, Source] | Sequence[Source],
        inputs: Sequence[str | os.PathLike[str]] = (),
        *,
        scan: str | os.PathLike[str] | None = None,
        labels: Labels | None = None,
        preprocessing: Preprocessing | str | None = None,
        alphabet: str | None = None,
        sample_rate: int | None = None,
        device: str = "auto",
        threads: int | None = None,
        precision: str | None = None,
        graphs: int = 8,
        limits: Mapping[str, Any] | None = None,
        hosts: Iterable[str] = (),
        ancestors: str = "'self'",
    ) -> None:
        self.limits = replace(LIMITS, **(limits or {}))
        self.token = secrets.token_urlsafe(16)
        self.given: dict[str, Any] = {"labels": labels, "preprocessing": preprocessing}
        self.given |= {"alphabet": alphabet, "sample_rate": sample_rate}
        setup = Setup(
            running=Running(device, threads, precision),
            labels=labels,
            preprocessing=preprocessing,
            alphabet=alphabet,
            sample_rate=sample_rate,
            batch=1,
            spelling=on_page,
        )
        sessions = SessionCache(graphs)
        self.models = {
            name: ShownModel(name, source, setup, self.limits, sessions)
            for name, source in names_of(models).items()
        }
        kind = next(iter(self.models.values())).kind_for([*map(str, inputs)])
        self.kind_name = "array" if kind is None else kind.name
        self.inputs = PageInputs(inputs, kind)
        examples = [str(each.path) for each in self.inputs][:_EXAMPLES]
        for model in self.models.values():
            model.learn_from(examples)
        self.scan: Scan | None = None if scan is None else open_scan(scan)
        self.facts = ThreadPoolExecutor(_LOOKERS, "retrograph-page")
        self.slow = ThreadPoolExecutor(_SLOW, "retrograph-slow")
        self.uploads = Uploads(self.limits.pixels)
        self.held = Budget(self.limits.held, "bytes")
        self._inside = Budget(self.limits.waiting, "requests")
        self._streams = Streams(self)
        self._warming: Thread | None = None
        self.inside = self._routed()
        self._app = Guard(self.inside, self.token, hosts, ancestors)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, as ASGI says."""
        await self._app(scope, receive, send)

    # What is asked of

    def model(self, query: Query) -> ShownModel:
        """The model that is asked of; the first where none is named.

        Raises:
            Refused: there is none of that name.
        """
        name = query.text("model") or next(iter(self.models))
        if name not in self.models:
            raise Refused(404, f"there is no model '{name}'; choose from: {', '.join(self.models)}")
        return self.models[name]

    def input(self, query: Query) -> PageInput:
        """The input that is asked of.

        Raises:
            InputError: none is named.
            Refused: there is none of that id.
        """
        return self.inputs.find(query.needed("input"))

    def scan_record(self, model: ShownModel) -> dict[str, Any] | None:
        """What was scanned of a model; None where nothing was."""
        if self.scan is None or self.scan.run["model"] != model.model.sha256:
            return None
        return {
            "folder": str(self.scan.path),
            "layers": [layer.alias for layer in self.scan.layers],
            "inputs": self.scan.run["pictures"]["good"],
        }

    @property
    def is_scanning(self) -> bool:
        """Whether a scan that the page has started goes on."""
        return self._streams.is_scanning

    # How it is answered

    def answer(self, path: str, query: Query) -> Answer:
        """The answer to a request, in this thread.

        Raises:
            RetrographError: why there is none.
        """
        endpoint = next((each for each in ENDPOINTS if each.path == path), None)
        if endpoint is None:
            raise Refused(404, f"there is no such path: {path:.60}")
        return endpoint.tell(self, query)

    def export(
        self,
        folder: str | os.PathLike[str],
        layers: Sequence[str] = (),
        channels: Sequence[int] = (),
        progress: Progress | None = None,
    ) -> Path:
        """Write what the page shows of its inputs as files, for any web server; see `export`."""
        return export(self, Path(folder), Choice(layers, channels), progress)

    @asynccontextmanager
    async def lifespan(self, app: Any = None) -> AsyncIterator[None]:
        """Make the models ready at the start; at the end drop what waits."""
        self._warming = Thread(target=self.warm, name="retrograph-warm", daemon=True)
        self._warming.start()
        yield
        self.close()

    def warm(self) -> None:
        """Make ready what is explained of each model if nothing is asked."""
        models = [*self.models.values()]
        for model in models:  # what is shown of a model whose first run takes long
            with suppress(RetrographError):
                _ = model.outline, model.hosted.layers
        for model in models:
            model.hosted.warm()
        self.uploads.prepare()

    def close(self) -> None:
        """End the threads; what waits is dropped, and files that were sent are removed."""
        self._streams.close()
        for pool in (self.facts, self.slow):
            pool.shutdown(wait=False, cancel_futures=True)
        for model in self.models.values():
            model.close()
        self.uploads.close()

    @staticmethod
    def query(request: Request) -> Query:
        """The parameters of the address and of the path, each once.

        Raises:
            InputError: one is given twice.
        """
        pairs = [*request.query_params.multi_items(), *request.path_params.items()]
        names = [name for name, _ in pairs]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{twice} is given twice; give it once")
        return Query(dict(pairs))

    def _routed(self) -> Starlette:
        routes = [
            *self._streams.routes(),
            *(
                Route(f"/{endpoint.path}", self._handler(endpoint), methods=["GET"])
                for endpoint in ENDPOINTS
            ),
        ]
        routes.append(Route("/{path:path}", self._static, methods=["GET"]))
        return Starlette(
            routes=routes,
            exception_handlers={
                RetrographError: _told,
                HTTPException: _refused_by_routing,
                Abandoned: _unheard,
                Exception: _failed,
            },
            lifespan=self.lifespan,
        )

    def _handler(self, endpoint: Endpoint) -> Callable[[Request], Any]:
        async def handle(request: Request) -> Response:
            query = self.query(request)
            pool = self.model(query).pool if endpoint.runs else self.facts
            answer = await self.in_time(request, pool, lambda: endpoint.tell(self, query))
            headers = {"cache-control": "no-store", "content-type": answer.media}
            if answer.name:
                headers["content-disposition"] = f'attachment; filename="{_ascii(answer.name)}"'
            return Response(answer.content, headers=headers)

        return handle

    async def _static(self, request: Request) -> Response:
        return file_response(request.path_params["path"])

    async def in_time(self, request: Request, pool: Executor, work: Callable[[], T]) -> T:
        """What comes of the work; it is dropped if its client leaves before it begins.

        Raises:
            RetrographError: why nothing comes of it.
            Abandoned: the client has left.
        """
        with self._inside.share() as inside:
            inside.take(1)
            working = asyncio.get_running_loop().run_in_executor(pool, work)
            return await while_wanted(working, request.receive, self.limits.answering)


def _ascii(name: str) -> str:
    """A file's name that a header can hold."""
    return "".join(c if (c.isalnum() and c.isascii()) or c in "._-" else "_" for c in name)


async def _told(request: Request, error: Exception) -> Response:
    """An error of the library."""
    assert isinstance(error, RetrographError)
    return JSONResponse(error_record(error, on_page), status_of(error), headers=headers_of(error))


async def _refused_by_routing(request: Request, error: Exception) -> Response:
    """A path or a method that is not there."""
    assert isinstance(error, HTTPException)
    return Response(status_code=error.status_code)


async def _unheard(request: Request, error: Exception) -> Response:
    """Of a client that has gone away, which nobody reads."""
    return Response(status_code=_GONE)


async def _failed(request: Request, error: Exception) -> Response:
    """A mistake of the program, which the log has."""
    _LOG.error("a request failed", exc_info=error)
    refused = Refused(500, "an error inside of the server; its terminal shows it")
    return JSONResponse(error_record(refused), 500)
