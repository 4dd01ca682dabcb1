"""What every answer can do: be drawn, be plotted, be saved, become a record."""

from __future__ import annotations

import inspect
import json
import os
from abc import ABCMeta, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrograph.errors import InputError, parameter
from retrograph.output import check_free, make_folder, save_arrays, write_whole
from retrograph.render.save import KINDS, png_bytes, save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class _ResultType(ABCMeta):
    """The class of the classes of answers, which says what makes one."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except TypeError:
            try:
                constructor = type.__getattribute__(cls, "__init__")
                inspect.signature(constructor).bind(cls, *args, **kwargs)
            except TypeError as error:
                maker = getattr(cls, "made_by", "the functions of retrograph")
                raise InputError(
                    f"{cls.__name__} is what {maker} gives; call that ({error})"
                ) from None
            raise


class NothingToDraw(InputError):
    """An answer is no picture; in a notebook it is shown as its text."""


class Result(metaclass=_ResultType):
    """An answer about a network: it shows itself in a notebook, and is saved by its suffix.

    Attributes:
        made_by: the function that users call for one.
    """

    made_by: ClassVar[str]

    @abstractmethod
    def image(self, style: str | None = None) -> Image.Image:
        """The answer as a picture with its labels, RGB.

        Args:
            style: such as "heat" or "heat,smooth" (`style_named`); each method's own if None.

        Raises:
            InputError: there is no such style, or nothing that can be drawn.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The answer as plain numbers, texts, lists and dicts: what `--json` prints."""

    @abstractmethod
    def summary(self) -> str:
        """The answer in a few words, without its class's name."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What an .npz of the answer holds, by name.

        Raises:
            InputError: the answer has no arrays.
        """
        raise InputError(f"{type(self).__name__} has no arrays; save it as .png or .json")

    def refuse_style(self, style: str | None) -> None:
        """For an answer that is drawn in one way: raises InputError where a style is given."""
        if style is not None:
            raise InputError(
                f"{type(self).__name__} is drawn in one way; leave {parameter('style')} out"
            )

    def plot(self, ax: Axes | None = None) -> Axes:
        """The picture in axes of matplotlib, at its own proportions.

        Args:
            ax: the axes; new ones if None.

        Raises:
            InputError: matplotlib is not installed.
        """
        if ax is None:
            try:
                from matplotlib import pyplot
            except ImportError:
                raise InputError(
                    "plot() needs matplotlib: pip install matplotlib; or take image()"
                ) from None
            ax = pyplot.figure(layout="constrained").add_subplot()
        ax.imshow(np.asarray(self.image()), interpolation="antialiased")
        ax.set_axis_off()
        return ax

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write the answer, the whole file or nothing; missing folders are made.

        Args:
            path: by its suffix a picture (.png, .jpg, .webp, .tif, .bmp), the arrays (.npz), or
                the record (.json).
            force: whether a file that is there is replaced.

        Returns:
            The path.

        Raises:
            InputError: the suffix is none of these, a file is in the way, or it cannot be written.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in (*KINDS, ".npz", ".json"):
            raise InputError(
                f"{path} ends in no suffix that is known; choose one of "
                f"{', '.join(KINDS)}, .npz, .json"
            )
        check_free(path, force=force)
        make_folder(path.parent)
        if suffix == ".npz":
            save_arrays(self.arrays(), path)
        elif suffix == ".json":
            write_whole(path, (json_text(self.to_dict()) + "\n").encode())
        else:
            save_picture(self.image(), path, force=force)
        return path

    def _repr_png_(self) -> bytes | None:
        """The picture, for a notebook; None, for which it shows the text, where there is none."""
        try:
            picture = self.image()
        except NothingToDraw:
            return None
        return png_bytes(picture)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.summary()}>"


def json_text(record: Any, indent: int | None = 1) -> str:
    """A record as JSON, its numbers of NumPy as plain ones; on one line if `indent` is None."""
    return json.dumps(record, indent=indent, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is nothing that JSON holds")
