"""TorchScript networks: the standard files' arguments, any other file, and what is refused."""

from __future__ import annotations

import hashlib
import zipfile

import numpy as np
import pytest
import torch

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.metrics import features
from stylegan_pokemon.metrics.features import FeatureNetwork, extract, load_inception, load_script, load_vgg
from tests.metrics.scripts import VGG, Flat, Inception, Plain, save

CPU = torch.device("cpu")
PICTURES = np.random.RandomState(0).randint(0, 256, (21, 16, 16, 3)).astype(np.uint8)
IMAGES = torch.from_numpy(PICTURES).permute(0, 3, 1, 2)


def test_the_standard_inception_gives_features_and_probabilities_without_bias(tmp_path):
    path = save(Inception(), tmp_path / "inception-2015-12-05.pt")
    network = load_inception(path, CPU)
    assert (network.suffix, network.dimensions) == ("", 2048)
    assert network.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    found, logs = extract(network, PICTURES, CPU, with_probabilities=True)
    torch.testing.assert_close(found, Inception()(IMAGES, return_features=True))
    torch.testing.assert_close(logs.exp().float(), Inception()(IMAGES, no_output_bias=True))


def test_the_standard_vgg_gives_features(tmp_path):
    network = load_vgg(save(VGG(), tmp_path / "vgg16.pt"), CPU)
    assert network.dimensions == 4096
    torch.testing.assert_close(extract(network, PICTURES, CPU)[0], VGG()(IMAGES))


def test_any_script_lends_its_name(tmp_path):
    network = load_script(save(Plain(), tmp_path / "My Net-2.pt"), CPU)
    assert (network.name, network.suffix, network.dimensions) == ("my_net_2", "_my_net_2", 48)
    torch.testing.assert_close(extract(network, PICTURES, CPU)[0], Plain()(IMAGES))
    assert network.facts() == {"file": "My Net-2.pt", "sha256": network.sha256, "dimensions": 48}


def test_what_is_no_feature_network_is_one_sentence(tmp_path):
    save(Flat(), tmp_path / "flat.pt")
    save(Plain(), tmp_path / "plain.pt")
    (tmp_path / "text.pt").write_text("<html>")
    with zipfile.ZipFile(tmp_path / "zip.pt", "w") as archive:
        archive.writestr("a/data.pkl", b"cos\nsystem\n(S'touch /tmp/x'\ntR.")
    cases = [
        (load_script, "flat.pt", r"returns \[\] for two pictures"),
        (load_script, "text.pt", "is no TorchScript file"),
        (load_script, "zip.pt", "is no TorchScript file"),
        (load_script, "missing.pt", "does not exist"),
        (load_inception, "plain.pt", "takes no return_features"),
        (load_vgg, "plain.pt", "takes no return_features"),
    ]
    for load, name, words in cases:
        with pytest.raises(UserError, match=words) as caught:
            load(tmp_path / name, CPU)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)


def test_the_size_of_a_script_is_bounded_packed_and_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data/0", bytes(1 << 20))
    monkeypatch.setattr(features, "MAX_BYTES", 1 << 19)
    assert path.stat().st_size < 1 << 19
    with pytest.raises(UserError, match="larger than"):
        load_script(path, CPU)


def test_a_micro_batch_that_does_not_fit_is_halved(tmp_path):
    sizes, progress = [], []

    def hungry(x):
        if len(x) > 3:
            raise torch.OutOfMemoryError("no room")
        sizes.append(len(x))
        return x.float().flatten(1)

    network = FeatureNetwork("hungry", "_hungry", tmp_path, "", 768, 8, hungry)
    found, logs = extract(network, PICTURES, CPU, advance=progress.append)
    torch.testing.assert_close(found, IMAGES.float().flatten(1))
    assert logs is None
    assert max(sizes) <= 3
    assert sum(progress) == len(PICTURES)
