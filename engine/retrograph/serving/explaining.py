"""`POST /v1/explain`: a request read, queued, run with others, and answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from retrograph.errors import InputError, parameter
from retrograph.inputs.loader import Input, is_floats
from retrograph.pipeline.cache import SessionCache
from retrograph.pipeline.session import ExplainSession
from retrograph.serving.answers import answer, is_quick
from retrograph.serving.bodies import is_json, json_input, json_object, raw_input
from retrograph.serving.hosted import Hosted
from retrograph.serving.limits import Budget, Limits, Share
from retrograph.serving.questions import Ask, asked
from retrograph.serving.queueing import BatchQueue, Ran
from retrograph.serving.receiving import received, while_wanted
from retrograph.serving.refusals import Refused
from retrograph.serving.spelling import keyword_of

T = TypeVar("T")

_READERS = 4
_OPENERS = 4
_QUICK = 2**18
"""Bytes of an array that is read at once; others, and pictures, are read in a thread."""
_REMEMBERED = 1024


class Explaining:
    """Explains what requests ask, some of them together.

    Args:
        models: by their names.
        sessions: keep their graphs ready.
        limits: of what is taken.
        delay: seconds that an input waits for others.
        ran: is told of each run.
    """

    def __init__(
        self,
        models: Mapping[str, Hosted],
        sessions: SessionCache,
        limits: Limits,
        delay: float,
        ran: Ran,
    ) -> None:
        self.models, self.limits = models, limits
        self.held = Budget(limits.held, "bytes")
        self.inside = Budget(limits.waiting, "requests")
        self.is_stopping = False
        self._sessions = sessions
        self._queue = BatchQueue(delay, ran)
        self._readers = ThreadPoolExecutor(_READERS, "retrograph-read")
        self._openers = ThreadPoolExecutor(_OPENERS, "retrograph-open")
        self._remembered: dict[tuple[str, Ask], ExplainSession] = {}
        self._made = 0

    def model(self, name: str | None) -> Hosted:
        """The model of a name; the only one for None.

        Raises:
            InputError: there are several, and none is named.
            Refused: there is none of that name.
        """
        if name is None:
            if len(self.models) > 1:
                raise InputError(f"give {parameter('model')}: one of {', '.join(self.models)}")
            return next(iter(self.models.values()))
        if name not in self.models:
            message = f"there is no model '{name}'; choose from: {', '.join(self.models)}"
            raise Refused(404, message, about="model")
        return self.models[name]

    async def respond(self, request: Request) -> Response:
        """The answer to a request.

        Raises:
            RetrographError: why there is none.
            Abandoned: the client has gone away.
        """
        self.refuse_if_stopping()
        with self.held.share() as held:
            body = await received(request.receive, request.headers, held, self.limits)
            self.refuse_if_stopping()
            with self.inside.share() as inside:
                inside.take(1)
                work = asyncio.ensure_future(self._answered(request, body, held))
                return await while_wanted(work, request.receive, self.limits.answering)

    def refuse_if_stopping(self) -> None:
        """Raises Refused where the service is stopping."""
        if self.is_stopping:
            raise Refused(503, "the service is stopping; ask another one", retry=1)

    async def _answered(self, request: Request, body: bytes, held: Share) -> Response:
        ask, x = await self._asked(request, body)
        model = self.model(ask.model)
        session = await self._session(model, ask)
        read = await self._read(x, lambda: model.read(ask, session, x))
        held.take(sum(f.nbytes for batch in read.batches for f in batch.feeds.values()))
        attribution = await asyncio.wrap_future(self._queue.submit(read))
        if is_quick(attribution, ask.format):
            content, headers = answer(attribution, ask)
        else:
            content, headers = await self._in(self._readers, lambda: answer(attribution, ask))
        return Response(content, headers=headers)

    async def _asked(self, request: Request, body: bytes) -> tuple[Ask, Input]:
        """What is asked, and the input."""
        parameters = _query(request)
        accept = request.headers.get("accept", "")
        if not is_json(body, request.headers.get("content-type", "").lower()):
            ask = asked(parameters, accept)
            return ask, raw_input(body, self.limits.body)

        def parse() -> tuple[Ask, Input]:
            values = json_object(body)
            if "input" not in values:
                raise InputError("the JSON has no 'input'; give lists of numbers, or a picture")
            x = values.pop("input")
            twice = next((name for name in values if name in parameters), None)
            if twice is not None:
                message = f"{twice} is given twice, in the address and in the JSON"
                raise InputError(message, about=keyword_of(twice))
            return asked({**values, **parameters}, accept), json_input(x)

        return await self._in(self._readers, parse) if len(body) > _QUICK // 16 else parse()

    async def _session(self, model: Hosted, ask: Ask) -> ExplainSession:
        """The session that answers, at once where it is remembered."""
        self._forget()
        key = model.name, ask
        if key in self._remembered:
            return self._remembered[key]
        session = await self._in(self._openers, lambda: model.session(ask))
        self._forget()
        self._remembered[key] = session
        return session

    def _forget(self) -> None:
        """Forget sessions once another graph is made: they would keep those that gave way."""
        made = self._sessions.sessions.made
        if self._made != made or len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
            self._made = made

    async def _read(self, x: Input, read: Callable[[], T]) -> T:
        is_small = isinstance(x, np.ndarray) and x.nbytes < _QUICK and is_floats(x)
        return read() if is_small else await self._in(self._readers, read)

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    async def about(self, tell: Callable[[], T]) -> T:
        """What is told of a model, which may have to be found out first."""
        return await self._in(self._openers, tell)

    async def finish(self) -> None:
        """Answer what has been taken, refuse the rest, and end the threads."""
        self.is_stopping = True
        while self.inside.used:
            await asyncio.sleep(0.01)
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    def close(self) -> None:
        """End the threads, once what is waiting is run."""
        self._queue.close()
        self._readers.shutdown()
        self._openers.shutdown(cancel_futures=True)


def _query(request: Request) -> dict[str, str]:
    """The parameters of the address, each once."""
    pairs = request.query_params.multi_items()
    twice = next((name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i])), None)
    if twice is not None:
        raise InputError(f"{twice} is given twice; give it once", about=keyword_of(twice))
    return dict(pairs)
