"""What a file is, by its content: collections of sprites are full of wrong extensions.

One table of signatures serves both programs: the problem table of pictures, and the messages about
checkpoints, data sets and label files that are something else.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

# Kinds that callers ask for.
ZIP = "a zip archive"
PICKLE = "a pickle"
TORCH = "a PyTorch file (torch.save)"
SAFETENSORS = "a safetensors file"
UNKNOWN = ("unknown content", "text")

# Enough for every signature: that of tar stands at byte 257, and web pages may begin with comments.
HEAD_BYTES = 4096
_TGA_FOOTER = b"TRUEVISION-XFILE.\0"

_EXPORT = "export it as PNG"
_CONVERT = "convert it to PNG"
LEAVE = "leave it out"
_UNPACK = "unpack it first"
_AGAIN = "download or copy it again"
_AS_BINARY = "download or copy it again, as binary"
_PAGE = "it was saved instead of the file: download the file itself"
_LFS = "fetch the real file with `git lfs pull`"
_ANNEX = "fetch the real file with `git annex get`"
_SHORTCUT = "copy the file that it leads to"
_BRING_BACK = (_UNPACK, _AGAIN, _AS_BINARY, _PAGE, _LFS, _ANNEX, _SHORTCUT)
_WEB_PAGE = "a web page"


class Kind(NamedTuple):
    """What a file is ("a Photoshop file") and what to do with it among pictures ("export it as PNG")."""

    what: str
    remedy: str

    def remedy_or(self, other: str) -> str:
        """Return the remedy if it brings back the file that was meant, of whatever kind, else `other`."""
        return self.remedy if self.remedy in _BRING_BACK else other


class PictureError(ValueError):
    """The reason why bytes are no picture that can be used, in one sentence for the problem table."""


_READ: tuple[tuple[str, bytes], ...] = (
    ("PNG", rb"\x89PNG\r\n\x1a\n(?!....CgBI)"),
    ("JPEG", rb"\xff\xd8\xff"),
    ("WEBP", rb"RIFF....WEBP"),
    ("GIF", rb"GIF8[79]a"),
    ("BMP", rb"BM.{4}\0{4}.{16}"),
)

# A byte order mark and white space, comments and an XML declaration may stand before the first tag.
_BLANK = rb"(?:\xef\xbb\xbf)?\s*"
_PROLOGUE = _BLANK + rb"(?i:<\?xml[^>]*>\s*|<!--(?:(?!-->).){0,2000}-->\s*|<!doctype svg[^>]*>\s*)*"

# In this order: what is certain first, weak signatures last. `.` stands for any byte.
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (rb"version https://(?:git-lfs|hawser)", "a Git LFS pointer", _LFS),
    (rb"\S{0,200}/annex/objects/", "a git-annex pointer", _ANNEX),
    # Drawings, and formats of pictures that browsers or programs know but this one does not read.
    (rb"\x89PNG\r\n\x1a\n....CgBI", "a PNG in Apple's own format for iOS (CgBI)", _CONVERT),
    # Line ends converted, the eighth bit lost, or bytes that are no UTF-8 replaced.
    (rb"(?:\x89|[\x09?]|\xc2\x89|\xef\xbf\xbd)PNG\r?\n|(?:\xef\xbf\xbd|\xc3[\xbf\x98]){3}.{0,9}(?:JFIF|Exif)\0",
     "a picture that was copied as text", _AS_BINARY),
    (rb"8BP[SB]\0", "a Photoshop file", _EXPORT),
    (rb"gimp xcf", "a GIMP file", _EXPORT),
    (rb".{4}\xe0\xa5.{6}[\x08\x10\x20]\0", "an Aseprite file", _EXPORT),
    (rb"PK\x03\x04.{26}mimetypeapplication/x-kri", "a Krita file", _EXPORT),
    (rb"PK\x03\x04.{26}mimetypeimage/openraster", "an OpenRaster file", _EXPORT),
    (rb"CSFCHUNK", "a Clip Studio file", _EXPORT),
    (rb"PDN3", "a Paint.NET file", _EXPORT),
    (rb"\x00\xffKA", "an Affinity file", _EXPORT),
    (rb"BLENDER|\x28\xb5\x2f\xfd.{0,20}BLENDER", "a Blender file", _EXPORT),
    (_PROLOGUE + rb"<svg[\s>]", "an SVG drawing", _EXPORT),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript drawing", _EXPORT),
    (rb"\xff\x0a|\x00\x00\x00\x0cJXL ", "a JPEG XL picture", _CONVERT),
    (rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 picture", _CONVERT),
    (rb"....ftyp(?:avi[fs]|hei[cxms]|hev[cx]|mif1|msf1)", "an AVIF or HEIC picture", _CONVERT),
    (rb"II[*+]\0|MM\0[*+]", "a TIFF file", _CONVERT),
    (rb"\0\0[\x01\x02]\0[^\0]", "an icon file", _CONVERT),
    (rb"icns\0", "an icon file", _CONVERT),
    (rb"DDS |\xabKTX ", "a texture of a game (DDS or KTX)", _CONVERT),
    (rb"qoif\0", "a QOI picture", _CONVERT),
    (rb"v/1\x01|#\?RADIANCE", "a picture of high dynamic range", _CONVERT),
    (rb"[\x8a\x8b][MJ]NG\r\n", "an MNG animation", _CONVERT),
    (rb"P[1-7]\s+[\d#W]", "a portable bitmap (PNM)", _CONVERT),
    (rb"\x0a[\0-\x05]\x01[\x01\x02\x04\x08]", "a PCX picture", _CONVERT),
    # Checkpoints and tables of numbers.
    (rb"PK\x03\x04.{26}[^/]{1,99}/(?:data\.pkl|\.format_version|\.data/|byteorder|version)",
     TORCH, LEAVE),
    (rb"PK\x03\x04.{26}\S{1,99}?\.npy", "an NPZ file of NumPy", LEAVE),
    (rb".{3}\0{5}\{\s*\"", SAFETENSORS, LEAVE),
    (rb"\x80[\x02-\x05][\x95cX}\](\x8aK]", PICKLE, LEAVE),
    (rb"\x08[\x01-\x14](?:\x12.[\w .-]{2}|:.)", "an ONNX network", LEAVE),
    (rb"GGUF[\x01-\x09]|\x93NUMPY|PAR1[^ -~]|\x89HDF\r|ARROW1|SQLite format 3", "a table of numbers", LEAVE),
    # Archives.
    (rb"PK\x03\x04.{26}(?:\[Content_Types\]|mimetypeapplication/vnd)", "a document or spreadsheet",
     "export what you need from it"),
    (rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", ZIP, "give it as a source of its own"),
    (rb"Rar!\x1a", "a RAR archive", _UNPACK),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (rb"\x1f\x8b", "a gzip archive", _UNPACK),
    (rb"BZh[1-9]1AY|\xfd7zXZ\0|\x28\xb5\x2f\xfd", "a compressed archive", _UNPACK),
    (rb".{257}ustar", "a tar archive", _UNPACK),
    # What browsers and operating systems leave behind.
    (_PROLOGUE + rb"(?i:<!doctype html|<(?:html|head|body|script|meta|title)[\s>])", _WEB_PAGE, _PAGE),
    (_BLANK + rb"\[InternetShortcut\]|L\0\0\0\x01\x14\x02", "a shortcut", _SHORTCUT),
    (rb"\0\x05\x16[\0\x07]|bplist00|\xd0\xcf\x11\xe0", "a side file of the operating system", LEAVE),
    (rb"%PDF", "a PDF file", "export its pictures as PNG"),
    (rb"....ftyp|\x1a\x45\xdf\xa3|RIFF....AVI |FLV\x01|OggS\0|\0\0\x01[\xba\xb3]", "a film",
     "save its frames as PNG"),
    (rb"RIFF....WAVE|ID3[\x02-\x04]|fLaC\0", "a sound", LEAVE),
    (rb"MZ.\0|\x7fELF|\xca\xfe\xba\xbe|\xcf\xfa\xed\xfe", "a program", LEAVE),
    # Text and what has no signature.
    (rb"\xff\xfe[^\0]\0|\xfe\xff\0[^\0]", "text in UTF-16", "save it as UTF-8"),
    (rb"\0{64}\0*\Z", "nothing but zeros", _AGAIN),
    (_BLANK + rb"[{\[]\s*[\"{}\[\]\d-]", "JSON text", LEAVE),
    (_PROLOGUE + rb"<\?xml|" + _BLANK + rb"<[a-zA-Z]+[^<>]*>", "XML text", LEAVE),
    (rb".[\0\x01][\x01-\x03\x09-\x0b].{5}.{8}[\x08\x0f\x10\x18\x20][\0-\x3f]", "a TGA picture", _CONVERT),
)  # fmt: skip

_FORMATS = tuple((name, re.compile(pattern, re.DOTALL)) for name, pattern in _READ)
_TABLE = tuple((re.compile(pattern, re.DOTALL), Kind(what, remedy)) for pattern, what, remedy in _SIGNATURES)


def sniff(data: bytes) -> str:
    """Return PNG, JPEG, WEBP, GIF or BMP; raises PictureError that names what `data` is instead."""
    if name := _picture_format(data):
        return name
    if not data:
        raise PictureError("empty file")
    kind = kind_of(data)
    raise PictureError(f"{kind.what}: {kind.remedy}")


def kind_of(data: bytes) -> Kind:
    """Say what a file is by its content, or by its first HEAD_BYTES; any bytes have an answer."""
    head = data[:HEAD_BYTES]
    if not head:
        return Kind("an empty file", _AGAIN)
    if name := _picture_format(head):
        return Kind(f"a {name} picture", _CONVERT)
    for pattern, kind in _TABLE:
        if pattern.match(head):
            return kind
    if data.endswith(_TGA_FOOTER):
        return Kind("a TGA picture", _CONVERT)
    return Kind(UNKNOWN[_is_text(head)], LEAVE)


def kind_of_file(path: Path) -> Kind:
    """Say what the file at `path` is by its first bytes. Raises OSError when it cannot be read.

    Folders, devices and pipes, which may never answer, are not read.
    """
    if not path.is_file() and path.exists():
        return Kind("a folder" if path.is_dir() else "a device or a pipe", LEAVE)
    with open(path, "rb") as file:
        return kind_of(file.read(HEAD_BYTES))


def is_picture(data: bytes) -> bool:
    """Whether a file with these first bytes is a picture of a format that `decode` reads."""
    return _picture_format(data) is not None


def is_web_page(data: bytes) -> bool:
    """Whether a file with these first bytes is HTML."""
    return kind_of(data).what == _WEB_PAGE


def _picture_format(data: bytes) -> str | None:
    return next((name for name, pattern in _FORMATS if pattern.match(data)), None)


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The head may end inside a character.
        return error.start >= len(head) - 4 and len(head) == HEAD_BYTES
    return True
