"""Options for what is explained of boxes and maps."""

from __future__ import annotations

import argparse

from retrograph.cli.parser import group_named
from retrograph.pipeline.aim import WHATS, Aim, aim_of


def add_aim(parser: argparse.ArgumentParser) -> None:
    """What is explained of boxes and maps."""
    group = group_named(parser, "boxes")
    group.add_argument("--box", type=int, metavar="N")
    group.add_argument("--at", metavar="X,Y")
    group.add_argument("--class", dest="class_", metavar="NAME")
    group.add_argument("--what", choices=WHATS)
    group.add_argument("--over", metavar="REGION")
    group.add_argument("--head", metavar="FILE")


def chosen_aim(args: argparse.Namespace) -> Aim:
    """What the options ask of the outputs.

    Raises:
        InputError: something is none of what it may be.
    """
    return aim_of(
        box=args.box,
        at=args.at,
        class_=args.class_,
        what=args.what,
        over=args.over,
        head=args.head,
    )
