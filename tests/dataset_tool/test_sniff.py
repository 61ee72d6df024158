"""What a file really is, is said by its content, in words and with a remedy, by both programs."""

from __future__ import annotations

import io
import pickle
import time
import zipfile

import numpy as np
import pytest
import safetensors.numpy

from dataset_tool.reading.decode import decode
from dataset_tool.reading.sniff import kind_of
from stylegan_pokemon.data.dataset import check_zip
from stylegan_pokemon.errors import UserError
from tests.dataset_tool.pictures import chunk, encoded, noise

PICTURE = noise((8, 8))
PNG = encoded(PICTURE, "PNG")


def zipped(*entries: tuple[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3))
    return buffer.getvalue()


ASEPRITE = (9999).to_bytes(4, "little") + b"\xe0\xa5\1\0\x20\0\x20\0\x20\0" + bytes(200)
TGA = encoded(PICTURE, "TGA")
FILES = [
    (b"", "empty file"),
    (bytes(5000), "nothing but zeros"),
    (b"<!DOCTYPE html><html></html>", "a web page"),
    (b"\n<html><body>404</body></html>", "a web page"),
    (b"<!-- saved from -->\n<HTML lang=en>", "a web page"),
    (b'{"labels": null}', "JSON text"),
    (b"just some notes\n" * 9, "text"),
    ("a.png,Grass\n".encode("utf-16"), "text in UTF-16"),
    (b"BMO,a.png\nMZ,b.png\nID3,c.png\nicns,d.png\n", "text"),
    (b"a.png,Grass\nb.png,Fire\n", "text"),
    (b"<?xml version='1.0'?><svg xmlns='x'/>", "an SVG drawing"),
    (b"<?xml version='1.0'?><!-- by --><!DOCTYPE svg PUBLIC 'x'><svg>", "an SVG drawing"),
    (zipped(("a.png", "x")), "a zip archive"),
    (zipped(("mimetype", "application/x-krita"), ("maindoc.xml", "")), "a Krita file: export it as PNG"),
    (zipped(("mimetype", "image/openraster")), "an OpenRaster file"),
    (zipped(("archive/data.pkl", "x")), "a PyTorch file"),
    (zipped(("[Content_Types].xml", "x")), "a document or spreadsheet"),
    (npz(), "an NPZ file"),
    (b"Rar!\x1a\x07\0" + bytes(40), "a RAR archive: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c" + bytes(40), "a 7z archive"),
    (b"\x1f\x8b\x08" + bytes(40), "a gzip archive"),
    (b"sprites/1.png".ljust(257, b"\0") + b"ustar\0", "a tar archive"),
    (b"8BPS\0\1" + bytes(40), "a Photoshop file"),
    (b"gimp xcf v011\0" + bytes(40), "a GIMP file"),
    (ASEPRITE, "an Aseprite file: export it as PNG"),
    (b"\x89PNG\r\n\x1a\n" + chunk(b"CgBI", b"\x50\0\x20\x02") + PNG[8:], "CgBI"),
    (PNG.replace(b"\r\n", b"\n"), "a picture that was copied as text: download or copy it again, as binary"),
    (PNG.decode("utf-8", "replace").encode(), "a picture that was copied as text"),
    (PNG.decode("latin-1").encode(), "a picture that was copied as text"),
    (PNG[:16].translate(bytes(range(128)) * 2), "a picture that was copied as text"),
    (encoded(PICTURE, "JPEG").decode("utf-8", "replace").encode(), "a picture that was copied as text"),
    (b"\xff\x0a" + bytes(range(40)), "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "a JPEG XL picture"),
    (b"\0\0\0\x1cftypavif" + bytes(40), "an AVIF or HEIC picture"),
    (b"\0\0\0\x18ftypheic" + bytes(40), "an AVIF or HEIC picture"),
    (b"\0\0\0\x18ftypmp42" + bytes(40), "a film"),
    (b"\x1a\x45\xdf\xa3" + bytes(40), "a film"),
    (TGA, "a TGA picture: convert it to PNG"),
    (bytes(99) + b"TRUEVISION-XFILE.\0", "a TGA picture"),
    (encoded(PICTURE, "TIFF"), "a TIFF file"),
    (encoded(PICTURE, "ICO"), "an icon file"),
    (encoded(PICTURE, "DDS"), "a texture"),
    (encoded(PICTURE, "PCX"), "a PCX picture"),
    (encoded(PICTURE, "PPM"), "a portable bitmap"),
    (b"\xabKTX 11\xbb" + bytes(40), "a texture"),
    (b"qoif" + bytes(40), "a QOI picture"),
    (b"%PDF-1.7\n", "a PDF file"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    (b"/annex/objects/MD5E-s33--0.png\n", "git annex get"),
    (safetensors.numpy.save({"a": np.zeros(3)}), "a safetensors file"),
    (pickle.dumps({"G_ema": 1}), "a pickle"),
    (pickle.dumps((1, 2), 2), "a pickle"),
    (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0", "an ONNX network"),
    (b"[InternetShortcut]\r\nURL=https://x\r\n", "a shortcut"),
    (b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(40), "a side file of the operating system"),
    (bytes(range(128, 256)) * 4, "unknown content"),
    (b"\x89PNG\r\n\x1a\n", "no header"),
    (b"\xff\xd8\xff\xe0", "JPEG"),
    (b"GIF89a", "GIF"),
    (b"RIFF\x10\0\0\0WEBPVP8 ", "WEBP"),
    (b"BM" + bytes(40), "BMP"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "reason"), FILES, ids=[reason for _, reason in FILES])
def test_what_is_no_picture_is_named(data, reason):
    with pytest.raises(ValueError, match=reason):
        decode(data)


def test_a_remedy_that_is_for_pictures_alone_is_not_given_for_other_files():
    assert kind_of(PNG) == ("a PNG picture", "convert it to PNG")
    assert kind_of(PNG).remedy_or("name another") == "name another"
    assert kind_of(b"\x1f\x8b\x08").remedy_or("name another") == "unpack it first"
    assert kind_of("Äpfel,Öl\n".encode()).what == "text"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "is a Git LFS pointer, no zip file; .*git lfs pull",
        ),
        (b"\n<html><body>404</body></html>", "is a web page, no zip file; .*download the file itself"),
        (PNG, "is a PNG picture, no zip file; make one with"),
        (zipped(("a.png", "x"))[:40], "is a damaged or incomplete zip: download or copy it again"),
    ],
    ids=["lfs", "html", "png", "cut"],
)
def test_training_names_what_its_data_is_instead_of_a_zip(tmp_path, content, message):
    path = tmp_path / "data.zip"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        check_zip(path)


def test_many_comments_before_a_web_page_take_no_time():
    started = time.process_time()
    assert kind_of(b"<!-- a -->\n" * 40 + b"<!doctype html>").what == "a web page"
    assert time.process_time() - started < 1
