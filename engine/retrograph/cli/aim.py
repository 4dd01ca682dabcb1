"""Options for what is explained of boxes and maps."""

from __future__ import annotations

import argparse

from retrograph.cli.parser import group_named
from retrograph.pipeline.aim import WHATS, Aim, aim_of


def add_aim(parser: argparse.ArgumentParser) -> None:
    """What is explained of boxes and maps."""
    group = group_named(parser, "boxes")
    group.add_argument(
        "--box", type=int, metavar="N", help="a box by its number (0, the strongest)"
    )
    group.add_argument(
        "--at", metavar="X,Y", help="the strongest box there, or a map's pixel; X from the left"
    )
    group.add_argument(
        "--class",
        dest="class_",
        metavar="NAME",
        help="the best box of a class, or a map's pixels that are predicted as it",
    )
    group.add_argument("--what", choices=WHATS, help="of a box: its class logit (default), ...")
    group.add_argument(
        "--over",
        metavar="REGION",
        help="where a map's scores are summed: mask (default), all, X,Y or X0,Y0,X1,Y1",
    )
    group.add_argument(
        "--head", metavar="FILE", help="the layout of the outputs, as `heads --json` prints it"
    )


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
