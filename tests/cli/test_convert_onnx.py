"""`convert IN OUT.onnx`: one line with the difference from PyTorch, one sentence for what cannot be."""

import re
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from stylegan_pokemon.checkpoint import load, save
from stylegan_pokemon.cli.convert import convert
from stylegan_pokemon.render.images import to_uint8
from tests.conftest import FIXTURES, ROOT

NETWORK = FIXTURES / "cond32.pkl"


def invoke(*arguments):
    return CliRunner().invoke(convert, [*map(str, arguments)])


def images(path):
    z, c = np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64), np.eye(6, dtype=np.float32)[:2]
    session = onnxruntime.InferenceSession(path)
    (found,) = session.run(["images"], {"z": z, "c": c, "truncation_psi": np.array([0.7], np.float32)})
    return found


@pytest.mark.parametrize(("options", "written"), [([], "G_ema"), (["--only", "G"], "G")])
def test_a_generator_is_written_and_the_greatest_difference_printed(options, written, tmp_path):
    result = invoke(NETWORK, tmp_path / "out.onnx", *options)
    assert result.exit_code == 0, result.output
    line = rf".*out\.onnx: {written}, [\d.]+ MiB; onnxruntime and PyTorch differ by at most (\S+) of .*\n"
    assert float(re.fullmatch(line, result.stdout)[1]) <= 1e-5
    networks = load(NETWORK)
    G = networks.G if options else networks.G_ema
    z, c = torch.linspace(-1, 1, 128).reshape(2, 64), torch.eye(6)[:2]
    expected = G(z, c, truncation_psi=0.7, noise_mode="const").numpy()
    assert np.abs(images(tmp_path / "out.onnx") - expected).max() <= 1e-4 * np.abs(expected).max()


def test_without_an_average_g_is_written(tmp_path):
    networks = load(NETWORK)
    networks.G_ema = None
    save(tmp_path / "in.safetensors", networks)
    assert ": G," in invoke(tmp_path / "in.safetensors", tmp_path / "out.onnx").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["out.onnx", "--half"], "--half: an .onnx computes in 32 bits"),
        (["out.onnx", "--only", "D"], "--only D: an .onnx holds one generator; name G or G_ema"),
        (["out.onnx", "--only", "G,G_ema"], "--only G,G_ema: an .onnx holds one generator"),
        (["missing/out.onnx"], "cannot write missing/out.onnx"),
        (["out.gif"], "out.gif: networks are written as .safetensors or .pkl"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_nothing_is_written(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke(NETWORK, *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {sentence}")
    assert result.output.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_generator_is_one_sentence(tmp_path):
    networks = load(NETWORK)
    networks.G = networks.G_ema = None
    save(tmp_path / "d.safetensors", networks)
    result = invoke(tmp_path / "d.safetensors", tmp_path / "out.onnx")
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "d.safetensors holds no generator to export, only D" in result.stderr


def test_without_the_package_onnx_the_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "stylegan_pokemon.checkpoint.onnx_writer", raising=False)
    monkeypatch.delattr("stylegan_pokemon.checkpoint.onnx_writer", raising=False)
    result = invoke("no-such-network", tmp_path / "out.onnx")
    assert result.exit_code == 2
    assert (
        result.stderr == "Error: writing .onnx needs the package onnx: pip install 'stylegan-pokemon[onnx]'\n"
    )


def test_without_onnxruntime_the_file_is_written_and_said_to_be_unchecked(tmp_path, monkeypatch):
    assert invoke(NETWORK, tmp_path / "checked.onnx").exit_code == 0
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = invoke(NETWORK, tmp_path / "out.onnx")
    assert result.stdout.endswith("MiB; not checked, since onnxruntime is not installed\n")
    assert (tmp_path / "out.onnx").read_bytes() == (tmp_path / "checked.onnx").read_bytes()


def test_help_and_other_formats_do_not_import_onnx(tmp_path):
    program = (
        "import sys; from stylegan_pokemon.cli.convert import convert\n"
        "assert not {'onnx', 'onnxruntime', 'torch'} & set(sys.modules)\n"
        "convert(sys.argv[1:], standalone_mode=False)\n"
        "assert not {'onnx', 'onnxruntime'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(NETWORK), str(tmp_path / "out.safetensors")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_lines_of_the_manual_draw_the_networks_picture(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "checkpoints.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    assert invoke("crayon32", "creatures.onnx").exit_code == 0
    names = {}
    exec(snippet, names)
    G = load(ROOT / "pretrained" / "crayon32.safetensors").G_ema
    expected = G(torch.from_numpy(names["z"]), truncation_psi=0.7, noise_mode="const")
    drawn = np.asarray(Image.open("creature.png")).astype(int)
    assert np.abs(drawn - to_uint8(expected)[0]).max() <= 1  # truncation may fall on either side
