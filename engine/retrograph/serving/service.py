"""A service that explains: an ASGI application that any other mounts."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from threading import Thread
from time import perf_counter
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from retrograph._version import __version__
from retrograph.errors import InputError, RetrographError, parameter
from retrograph.keywords import check_counts, checked_keywords
from retrograph.model import Source
from retrograph.pipeline.cache import SessionCache
from retrograph.pipeline.labels import Labels
from retrograph.pipeline.settings import Running
from retrograph.preprocess import Preprocessing
from retrograph.serving.explaining import Explaining
from retrograph.serving.hosted import Hosted, Setup, names_of
from retrograph.serving.limits import Limits
from retrograph.serving.metrics import MEDIA, Metrics
from retrograph.serving.openapi import document
from retrograph.serving.receiving import Abandoned
from retrograph.serving.refusals import Refused, error_record, headers_of, status_of
from retrograph.serving.spelling import in_service

_LOG = logging.getLogger("retrograph.serving")
_GONE: Final = 499
"""The status that is counted where a client has gone away; nobody reads it."""


class Service:
    """Explains networks over HTTP: an ASGI application.

    It has no authentication of its own: it belongs behind a gateway that has.

    Args:
        models: paths or models, by the names that requests call them; of a path or a list of these
            each is called after its file. Source models, for which graphs are built as they are
            asked for, and built graphs.
        labels, preprocessing, alphabet, sample_rate, device, threads, precision: as in `explain`;
            for all models.
        examples: pictures of the kind that will be asked about: where nothing says how pictures
            become an input, presets are tried on these. Without any each request's own picture
            tells, which is slow.
        batch: how many inputs a run takes at most, where they can share one.
        delay: seconds that an input waits for others when nothing is running.
        graphs: how many built graphs stay ready; the one unused for longest gives way.
        limits: of what is taken.

    Raises:
        InputError: a file cannot be read, or labels or preprocessing do not go with it.

    Example:
        >>> service = Service({"net": "net.onnx"})
        >>> outer = Starlette(routes=[Mount("/explain", service)], lifespan=service.lifespan)
    """

    @checked_keywords
    def __init__(
        self,
        models: Source | Mapping[str, Source] | Sequence[Source],
        *,
        labels: Labels | None = None,
        preprocessing: Preprocessing | str | None = None,
        alphabet: str | None = None,
        sample_rate: int | None = None,
        examples: Sequence[str] = (),
        device: str = "auto",
        threads: int | None = None,
        precision: str | None = None,
        batch: int = 8,
        delay: float = 0.0,
        graphs: int = 8,
        limits: Limits | None = None,
    ) -> None:
        check_counts(batch=batch, graphs=graphs, threads=threads)
        if not isinstance(delay, (int, float)) or not 0 <= delay < 60:
            raise InputError(f"{parameter('delay')} is {delay!r:.60}; give seconds, from 0")
        setup = Setup(
            running=Running(device, threads, precision),
            labels=labels,
            preprocessing=preprocessing,
            examples=tuple(map(str, examples)),
            batch=batch,
            alphabet=alphabet,
            sample_rate=sample_rate,
            spelling=in_service,
        )
        self._limits, self._delay = limits or Limits(), delay
        self._sessions = SessionCache(graphs)
        self._models = {
            name: Hosted(name, model, setup, self._limits, self._sessions)
            for name, model in names_of(models).items()
        }
        for model in self._models.values():
            model.check_examples()
        self._metrics = Metrics()
        self._explaining = self._started()
        self._watch()
        self._warming: Thread | None = None
        self._document = document([*self._models])
        self._app = self._routed()

    @property
    def models(self) -> Mapping[str, Hosted]:
        """The models by their names."""
        return self._models

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, as ASGI says."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, answered = perf_counter(), [_GONE]

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                answered[0] = message["status"]
            await send(message)

        await self._app(scope, receive, sending)
        path = self._paths.get(scope.get("endpoint"), "other")
        self._metrics.requests.labels(path, answered[0]).inc()
        self._metrics.seconds.labels(path).observe(perf_counter() - start)

    @asynccontextmanager
    async def lifespan(self, app: Any = None) -> AsyncIterator[None]:
        """Make the models ready at the start; at the end answer what has been taken."""
        self.start()
        yield
        await self.stop()

    def start(self) -> None:
        """Make what is asked for first ready, in a thread; a service that was stopped goes on."""
        if self._explaining.is_stopping:
            self._explaining = self._started()
        if self._warming is None:
            self._warming = Thread(target=self._warm, name="retrograph-warm", daemon=True)
            self._warming.start()

    async def stop(self) -> None:
        """Refuse new requests, answer those that are taken, end the threads."""
        await self._explaining.finish()

    @property
    def is_ready(self) -> bool:
        """Whether the models are ready, and the service is not stopping."""
        is_warm = self._warming is not None and not self._warming.is_alive()
        return is_warm and not self._explaining.is_stopping

    def _warm(self) -> None:
        for name, model in self._models.items():
            for told in filter(None, (model.warm(), model.guess())):
                _LOG.warning("%s: %s", name, told)

    def _started(self) -> Explaining:
        ran = self._metrics.ran
        return Explaining(self._models, self._sessions, self._limits, self._delay, ran)

    def _watch(self) -> None:
        watch = self._metrics.watch
        watch("waiting", "Requests not answered yet", lambda: self._explaining.inside.used)
        watch("held_bytes", "Bytes of requests in memory", lambda: self._explaining.held.used)
        watch("graphs", "Graphs that are ready", lambda: len(self._sessions.sessions))
        watch("ready", "1 once the models are ready", lambda: float(self.is_ready))

    def _routed(self) -> Starlette:
        routes: Sequence[tuple[str, Callable[[Request], Awaitable[Response]], str]] = (
            ("/v1/explain", self._explain, "POST"),
            ("/v1/models", self._tell_models, "GET"),
            ("/v1/model", self._tell_model, "GET"),
            ("/v1/layers", self._tell_layers, "GET"),
            ("/healthz", self._tell_health, "GET"),
            ("/readyz", self._tell_readiness, "GET"),
            ("/metrics", self._tell_metrics, "GET"),
            ("/openapi.json", self._tell_document, "GET"),
        )
        self._paths = {handle: path for path, handle, _ in routes}
        return Starlette(
            routes=[Route(path, handle, methods=[method]) for path, handle, method in routes],
            exception_handlers={
                RetrographError: _told,
                HTTPException: _refused_by_routing,
                Abandoned: _unheard,
                Exception: _failed,
            },
            lifespan=self.lifespan,
        )

    async def _explain(self, request: Request) -> Response:
        try:
            return await self._explaining.respond(request)
        except Abandoned:
            self._metrics.abandoned.inc()
            raise

    async def _tell_models(self, request: Request) -> Response:
        return JSONResponse({"version": __version__, "models": [*self._models]})

    async def _tell_model(self, request: Request) -> Response:
        model = self._asked_model(request)
        return JSONResponse(await self._explaining.about(lambda: model.record))

    async def _tell_layers(self, request: Request) -> Response:
        model = self._asked_model(request)
        layers = await self._explaining.about(lambda: model.layers)
        return JSONResponse({"model": model.name, "layers": layers})

    def _asked_model(self, request: Request) -> Hosted:
        self._explaining.refuse_if_stopping()
        return self._explaining.model(request.query_params.get("model"))

    async def _tell_health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _tell_readiness(self, request: Request) -> Response:
        if not self._explaining.is_stopping:
            self.start()
        if not self.is_ready:
            raise Refused(503, "the service is not ready: models are loaded", retry=1)
        return JSONResponse({"status": "ready"})

    async def _tell_metrics(self, request: Request) -> Response:
        return Response(self._metrics.text(), media_type=None, headers={"content-type": MEDIA})

    async def _tell_document(self, request: Request) -> Response:
        return JSONResponse(self._document)


async def _told(request: Request, error: Exception) -> Response:
    """An error of the library."""
    assert isinstance(error, RetrographError)
    return JSONResponse(
        error_record(error, in_service), status_of(error), headers=headers_of(error)
    )


async def _refused_by_routing(request: Request, error: Exception) -> Response:
    """A path or a method that is not there."""
    assert isinstance(error, HTTPException)
    allowed = (error.headers or {}).get("Allow", "another method")
    what = {404: "there is no such path", 405: f"the path takes {allowed}, no {request.method}"}
    message = what.get(error.status_code, error.detail)
    refused = Refused(error.status_code, f"{message}; see /openapi.json")
    return JSONResponse(error_record(refused), error.status_code, headers=error.headers)


async def _unheard(request: Request, error: Exception) -> Response:
    """Of a client that has gone away, which nobody reads."""
    return Response(status_code=_GONE)


async def _failed(request: Request, error: Exception) -> Response:
    """A mistake of the program, which the log has."""
    refused = Refused(500, "an error inside of the service; its log has it")
    return JSONResponse(error_record(refused), 500)
