"""What the page sends, and what it follows while it goes on: files, scans, growing pictures."""

from __future__ import annotations

import asyncio
import base64
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from retrograph.errors import InputError, RetrographError, spelled
from retrograph.preprocess.picture import Pixels
from retrograph.scans import plan_scan
from retrograph.serve.facts import png
from retrograph.serve.inputs import PageInput, record
from retrograph.serve.query import Query
from retrograph.serve.shown_model import ShownModel
from retrograph.serve.spelling import on_page
from retrograph.serve.work import Cancelled, Tell, Told, events
from retrograph.serving.bodies import json_object
from retrograph.serving.questions import Ask
from retrograph.serving.receiving import received
from retrograph.serving.refusals import Refused, error_record
from retrograph.synthesis import maximize

if TYPE_CHECKING:
    from retrograph.serve.page import Page

_STEPS: Final = 192
_MOST_STEPS: Final = 2048
_EVERY: Final = 0.25
"""Seconds from one picture of a growing input to the next, and between events of a scan."""
_OF_SCAN: Final = ("model", "layers", "k", "preprocessing")
_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


class Streams:
    """Answers what the page sends, and streams of events.

    Args:
        page: it is of.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._scanning: Told | None = None
        self._is_closed = False

    def routes(self) -> list[Route]:
        """Its paths."""
        each: tuple[tuple[str, Callable[[Request], Awaitable[Response]], str], ...] = (
            ("/api/inputs", self._add_input, "POST"),
            ("/api/scan", self._start_scan, "POST"),
            ("/api/scan/events", self._follow_scan, "GET"),
            ("/api/maximize/events", self._maximize, "GET"),
        )
        return [Route(path, handle, methods=[method]) for path, handle, method in each]

    def close(self) -> None:
        """End a scan that goes on."""
        self._is_closed = True

    # Files

    async def _add_input(self, request: Request) -> Response:
        page = self._page
        data = await self._body(request)
        name = request.headers.get("x-name", "")

        def take() -> dict[str, Any]:
            called, path = page.uploads.take(name, data)
            self._check_fits(called, path)
            added = page.inputs.add(called, path)
            for model in page.models.values():
                model.learn_from([str(path)])
            return record(added, page.kind_name)

        return JSONResponse(await page.in_time(request, page.facts, take))

    def _check_fits(self, called: str, path: Path) -> None:
        """Raises InputError where no model takes a file that was sent, which is removed."""
        sent = PageInput("", called, path)
        refusals = [model.refusal(sent) for model in self._page.models.values()]
        first = refusals[0]
        if first is None or None in refusals:
            return
        path.unlink(missing_ok=True)
        told = first.message.replace(str(path), called)
        if len(next(iter(self._page.models.values())).model.inputs) > 1:
            told = f"{told.partition('; ')[0]}; send an .npz with an array for each"
        raise InputError(told)

    async def _body(self, request: Request) -> bytes:
        with self._page.held.share() as held:
            return await received(request.receive, request.headers, held, self._page.limits)

    # Scans

    async def _start_scan(self, request: Request) -> Response:
        asked = json_object(await self._body(request))
        unknown = next((name for name in asked if name not in _OF_SCAN), None)
        if unknown is not None:
            raise InputError(f"there is no parameter '{unknown}'; give {', '.join(_OF_SCAN)}")
        layers, k = cast("list[str]", asked.get("layers")), asked.get("k", 9)
        if not _is_names(layers):
            raise InputError("layers is no list of names; give some, such as ['relu3']")
        if not isinstance(k, int) or not 1 <= k <= 100:
            raise InputError(f"k is {k!r:.40}; give a whole number from 1 to 100")
        preprocessing = asked.get("preprocessing") or None
        if not isinstance(preprocessing, str | None):
            raise InputError("preprocessing is no name; see `retrograph preprocess`")
        if self.is_scanning:
            raise Refused(409, "a scan is going on; wait for its end", retry=5)
        model = self._page.model(Query({"model": str(asked.get("model") or "")}))
        self._scanning = {"done": 0, "total": None}
        keywords = {**model.scan_keywords, "layers": layers, "k": k}
        if preprocessing is not None:
            keywords["preprocessing"] = preprocessing
        asyncio.get_running_loop().run_in_executor(self._page.slow, self._scan, model, keywords)
        return JSONResponse(self._scanning, 202)

    @property
    def is_scanning(self) -> bool:
        """Whether a scan goes on."""
        return self._scanning is not None and not self._is_over(self._scanning)

    @staticmethod
    def _is_over(told: Told) -> bool:
        return "finished" in told or "error" in told

    def _scan(self, model: ShownModel, keywords: dict[str, Any]) -> None:
        """Scan the page's inputs; how far it is stands in `_scanning`."""
        folder = tempfile.mkdtemp(prefix="scan-", dir=self._page.uploads.folder)
        try:
            plan = plan_scan(model.model, self._page.inputs.paths, **keywords)

            def told(done: int, total: int | None) -> None:
                if self._is_closed:
                    raise Cancelled
                self._scanning = {"done": done, "total": total}

            self._page.scan = plan.run(Path(folder, "run"), on_batch=plan.counting(told))
            self._scanning = {"finished": True}
        except RetrographError as error:
            self._scanning = error_record(error, on_page)
        except Cancelled:
            self._scanning = None

    async def _follow_scan(self, request: Request) -> Response:
        async def stream() -> AsyncIterator[bytes]:
            told: Told | None = None
            while told is None or not self._is_over(told):
                if self._scanning is None:
                    told = error_record(InputError("no scan was started; start one"))
                elif self._scanning == told:
                    await asyncio.sleep(_EVERY)
                    continue
                else:
                    told = self._scanning
                yield f"data: {json.dumps(told)}\n\n".encode()

        return StreamingResponse(stream(), media_type="text/event-stream", headers=_HEADERS)

    # Inputs that grow

    async def _maximize(self, request: Request) -> Response:
        query = self._page.query(request)
        model, ask, unit = self._page.model(query), query.question(), query.numbers("unit")
        steps = query.count("steps", _STEPS, _MOST_STEPS) or 1

        def work(tell: Tell) -> None:
            grow(model, ask, unit, steps, tell)

        stream = events(self._page.slow, work)
        return StreamingResponse(stream, media_type="text/event-stream", headers=_HEADERS)


def _is_names(value: Any) -> bool:
    """Whether a value of JSON is a list of texts, and not empty."""
    return isinstance(value, list) and bool(value) and all(isinstance(n, str) for n in value)


def grow(model: ShownModel, ask: Ask, unit: tuple[int, ...] | None, steps: int, tell: Tell) -> None:
    """Make the input that a unit would like best, and tell how it grows.

    Args:
        model: the unit's.
        ask: its layer, the class scores if that is None, and the preprocessing: that of the page's
            pictures if None.
        unit: a channel, or the index of a unit, of which the channel is taken.
        steps: how many.
        tell: takes step, steps, score, of a picture png, and at the end finished and notes.
    """
    layer, context = ask.question.layer, model.hosted.session(ask).context
    choice, last = context.preprocessing, monotonic()

    def on_step(step: int, score: float, picture: Callable[[], Pixels | None]) -> None:
        nonlocal last
        is_due = monotonic() - last > _EVERY or step == 1
        told: Told = {"step": step, "steps": steps, "score": score}
        if is_due:
            last = monotonic()
            told |= _drawn(picture())
        tell(told)

    channel = None
    if unit is not None:
        axis = model.forward(layer).channel_axis
        channel = unit[axis] if len(unit) > 1 else unit[0]
    made = maximize(
        model.model,
        channel,
        layer=layer,
        settings={"steps": steps},
        on_step=on_step,
        **model.synthesis_keywords(choice),
    )
    (best, *_) = made
    notes = [] if choice is None else [choice.note(context.labels), choice.warning(context.labels)]
    told: Told = {"step": best.steps, "steps": steps, "score": best.activation, "finished": True}
    told["notes"] = [spelled(note, on_page) for note in (*notes, *made.notes) if note]
    tell(told | _drawn(best.picture))


def _drawn(picture: Pixels | None) -> Told:
    """A picture in an event."""
    if picture is None:
        return {}
    return {"png": base64.b64encode(png(Image.fromarray(picture)).content).decode()}
