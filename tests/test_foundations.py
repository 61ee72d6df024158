"""Files are written whole or not at all; randomness depends on its arguments alone; rooms import one way."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import remove_temporaries, whole_file, write_json
from stylegan_pokemon.randomness import derive_seed, generator
from tests.conftest import ROOT


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    before = path.read_bytes()

    def fail_halfway():
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_what_a_killed_process_leaves_is_removed(tmp_path):
    """Ours are named for the file that they were to become; the safetensors library has names of its own."""
    for name in (".000001.k3j.tmp.safetensors", ".tmpQw3rTy", "x.json", ".gitignore"):
        (tmp_path / name).touch()
    remove_temporaries(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"x.json", ".gitignore"}


def test_a_folder_that_does_not_exist_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="cannot write"):
        write_json(tmp_path / "missing" / "x.json", {})


def test_written_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_text("")
    write_json(tmp_path / "ours", {})
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_seeds_depend_on_every_argument_and_are_stable():
    seeds = [
        derive_seed(0, "a", 1, 2),
        derive_seed(1, "a", 1, 2),
        derive_seed(0, "b", 1, 2),
        derive_seed(0, "a", 12),
    ]
    seeds += [derive_seed(0, "a", 2, 1), derive_seed(0, "a")]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(3, "latents", 0, 4000) == derive_seed(3, "latents", 0, 4000)
    one, two = (torch.randn(4, generator=generator(7, "x", 1)) for _ in range(2))
    assert torch.equal(one, two)


def test_importing_the_package_and_dataset_tool_loads_no_torch():
    code = "import sys, stylegan_pokemon, dataset_tool.convert; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_modules_stay_within_450_lines():
    long = []
    for room in ("stylegan_pokemon", "dataset_tool"):
        for path in Path(ROOT / room).rglob("*.py"):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > 450:
                long.append((path.name, lines))
    assert long == []
