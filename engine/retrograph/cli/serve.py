"""`retrograph serve`: networks in the browser; with `--api` explanations for programs."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

from retrograph import serve, serving
from retrograph.cli import options
from retrograph.cli.parser import group_named
from retrograph.cli.progress import progress_bar
from retrograph.cli.terminal import console, count, visible
from retrograph.errors import InputError
from retrograph.serving.limits import Limits


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_page(commands, "serve")
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE")
    add("--scan", metavar="RUN")
    add("--export", metavar="DIR")
    options.add_layer(parser, "with --export; some ReLUs if left out", metavar="NAME[,NAME]")
    options.add_channels(parser)
    add("--open", action="store_true")
    add("--api", action="store_true")
    add("--host", default="127.0.0.1")
    add("--port", type=int, metavar="N")
    options.add_labels(parser)
    options.add_sequences(parser)
    options.add_device(parser)
    options.add_threads(parser)
    options.add_precision(parser)
    _add_service(parser)
    options.add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _add_service(parser: argparse.ArgumentParser) -> None:
    options.add_batch(parser, 8)
    add = group_named(parser, "service").add_argument
    add("--examples", nargs="+", default=[], metavar="PICTURE")
    add("--delay", type=float, default=0.0, metavar="SECONDS")
    add("--graphs", type=count, default=8, metavar="N")
    for limit in fields(Limits):
        kind, metavar = (float, "SECONDS") if limit.type == "float" else (int, "N")
        add(f"--most-{limit.name}", dest=limit.name, type=kind, metavar=metavar)


def _run(args: argparse.Namespace) -> int:
    given = options.picked(args, "labels", "alphabet", "sample_rate", "device", "threads")
    given |= options.picked(args, "precision", "graphs")
    given["preprocessing"] = options.chosen_preprocessing(args)
    limits = {each.name: getattr(args, each.name) for each in fields(Limits)}
    limits = {name: most for name, most in limits.items() if most is not None}
    if args.api:
        _serve_api(args, given, limits)
        return 0
    models = [file for file in args.files if file.lower().endswith(".onnx")]
    inputs = [file for file in args.files if file not in models]
    _check_there(models, [*inputs, *filter(None, [args.scan])])

    def make() -> serve.Page:
        return serve.Page(models, inputs, scan=args.scan, limits=limits, **given)

    if args.export:
        layers = [] if args.layer is None else args.layer.split(",")
        with progress_bar(console(stderr=True), "writing") as bar:
            first = make().export(args.export, layers, args.channels or (), progress=bar.to)
        print(f"-> {visible(str(first))}")
    else:
        _serve_page(args, [Path(model).stem for model in models], make)
    return 0


def _check_there(models: list[str], others: list[str]) -> None:
    """Raises InputError for what can be told before the page is opened."""
    if not models:
        raise InputError("there is no model; give at least one")
    missing = next((file for file in [*models, *others] if not Path(file).exists()), None)
    if missing is not None:
        raise InputError(f"{missing} is not there; check the path")


def _serve_page(args: argparse.Namespace, names: list[str], make: Callable[[], Any]) -> None:
    opening = serve.Opening(make, [args.host])
    with closing(serving.bound_socket(args.host, args.port or 0)) as bound:
        url, is_local = serving.address_of(bound)
        if not is_local:
            _warn("whoever has the address may ask, unencrypted: keep it to yourself")
        address = f"{url}/{opening.token}/"

        def greet(end: Callable[[], None]) -> None:
            opening.begin(on_failure=end)
            print(f"retrograph shows {', '.join(names)} at {address}", flush=True)
            if args.open:
                webbrowser.open(address)

        serving.serve_until_signal(opening, bound, finishing=2, on_start=greet)
        opening.page()


def _serve_api(args: argparse.Namespace, given: dict[str, Any], limits: dict[str, Any]) -> None:
    if args.scan or args.open or args.export:
        raise InputError("--scan, --open and --export are of the page; leave them or --api out")
    most = Limits(**limits)
    service = serving.Service(
        serving.named_files(args.files),
        limits=most,
        **options.picked(args, "examples", "batch", "delay"),
        **given,
    )
    port = 8000 if args.port is None else args.port
    with closing(serving.bound_socket(args.host, port)) as bound:

        def greet(_: Callable[[], None]) -> None:
            url, is_local = serving.address_of(bound)
            if not is_local:
                _warn("no authentication: put it behind a gateway that lets in whom it may")
            print(f"retrograph serves {', '.join(service.models)} at {url}", flush=True)
            if is_local:
                print("no authentication: everybody on this machine may ask", flush=True)

        finishing = most.receiving + most.answering
        serving.serve_until_signal(service, bound, finishing=finishing, on_start=greet)


def _warn(what: str) -> None:
    text = f"warning: other machines reach it; {what}, or leave --host out"
    print(text, file=sys.stderr, flush=True)
