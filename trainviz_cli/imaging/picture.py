"""A picture from a file that may be anything: the pixels, and nothing else of it."""

from __future__ import annotations

import os
import stat
import warnings
from io import BytesIO
from typing import TYPE_CHECKING

from trainviz_cli.codecs.growing import READ_AT_ONCE, refuse_pointer
from trainviz_cli.errors import NotFoundError, RefusedError, UnreadableError
from trainviz_cli.imaging.pixels import to_rgb

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from PIL.Image import Image as Picture

# What training writes, and no more: Pillow runs other programs for some formats.
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")


def open_picture(path: Path, offset: int = 0, length: int | None = None) -> Picture:
    """The picture in a file: RGB, 8 bits, upright, the first frame, and nothing else of the file.

    What is transparent becomes white, as in what is logged: figures have dark lines.

    Args:
        path: The file it is, or is in.
        offset: Where in the file it begins, in bytes.
        length: How many bytes it has; None is all there are.

    Raises:
        NotFoundError: Nothing is there.
        UnreadableError: It can't be read, is damaged, or no picture of a known format.
        RefusedError: It would unpack to too many pixels.
    """
    data = picture_bytes(path, offset, length)
    refuse_pointer(path, data)
    return _decode(path, data)


def picture_bytes(path: Path, offset: int = 0, length: int | None = None) -> bytes:
    """A picture's bytes as they are; see `open_picture`.

    Raises:
        NotFoundError: Nothing is there.
        UnreadableError: It can't be read.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UnreadableError(f"{path} is no regular file", hint="name an image file")
            file.seek(offset)
            return file.read(-1 if length is None else length)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: NUL in a name
        raise NotFoundError(f"no such file: {path}") from None
    except OSError as error:
        raise UnreadableError(f"can't read {path}: {error.strerror}") from None


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | READ_AT_ONCE)


def _decode(path: Path, data: bytes) -> Picture:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = _upright(BytesIO(data))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        hint = f"at most {Image.MAX_IMAGE_PIXELS:,} are shown"
        raise RefusedError(f"{path} would unpack to too many pixels", hint=hint) from None
    except UnidentifiedImageError:
        hint = f"one of {', '.join(_FORMATS)}"
        raise UnreadableError(f"{path} is no image of a known format", hint=hint) from None
    except Exception as error:  # damaged bytes make decoders raise anything
        raise UnreadableError(f"the image {path} is damaged or cut off") from error
    picture.info.clear()  # or comments and profiles would be written again
    return picture


def _upright(file: BinaryIO) -> Picture:
    from PIL import Image, ImageOps

    with Image.open(file, formats=_FORMATS) as picture:
        ImageOps.exif_transpose(picture, in_place=True)
        return _on_paper(picture)


def _on_paper(picture: Picture) -> Picture:
    """The picture as RGB, made by Pillow, that needs less memory for it, except from 16 bits."""
    from PIL import Image

    if picture.mode.startswith("I"):
        return Image.fromarray(to_rgb(picture))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture, mask=picture)
    return paper
