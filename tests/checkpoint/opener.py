"""Opens .pkl files as the official programs do: executes the source they carry; nothing of ours is there.

Usage: opener.py CASES.npz RESULTS.npz, the cases naming a file each. Written from the description of the
container alone; imports torch, NumPy and the standard library.
"""

import copy
import pickle
import sys
import types

import numpy as np
import torch

MODULES = {}


class EasyDict(dict):
    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(name)


def reconstruct(meta):
    meta = EasyDict(meta)
    assert meta.type == "class"
    if meta.module_src not in MODULES:
        module = types.ModuleType(f"_imported_module_{len(MODULES)}")
        sys.modules[module.__name__] = module
        exec(meta.module_src, module.__dict__)
        MODULES[meta.module_src] = module
    cls = MODULES[meta.module_src].__dict__[meta.class_name]
    instance = cls.__new__(cls)
    if callable(getattr(instance, "__setstate__", None)):
        instance.__setstate__(EasyDict(meta.state))
    else:
        instance.__dict__.update(meta.state)
    return instance


def install():
    package, persistence = types.ModuleType("torch_utils"), types.ModuleType("torch_utils.persistence")
    persistence._reconstruct_persistent_obj = reconstruct
    package.persistence = persistence
    sys.modules.update({"torch_utils": package, "torch_utils.persistence": persistence})


def ask(path, z, c, images):
    with open(path, "rb") as file:
        data = pickle.load(file)
    assert set(data) >= {"G", "D", "G_ema", "augment_pipe", "training_set_kwargs"}
    assert all(isinstance(data[name], torch.nn.Module) for name in ("G", "D", "G_ema"))
    G, D = data["G_ema"], data["D"]
    c = c if G.c_dim else None
    assert z.shape[1] == G.z_dim == G.init_kwargs.z_dim == G.init_kwargs["z_dim"]
    assert G.init_kwargs.synthesis_kwargs.channel_max >= G.synthesis.b4.const.shape[0]
    G.init_kwargs.synthesis_kwargs.channel_max = 0  # a copy
    assert G.init_kwargs.synthesis_kwargs.channel_max > 0
    assert G.mapping.num_ws == G.num_ws == 2 * int(np.log2(G.img_resolution)) - 2
    assert G.synthesis.block_resolutions[-1] == G.img_resolution
    assert images.shape[1] == G.img_channels
    ws = G.mapping(z.double(), c, truncation_psi=0.7, truncation_cutoff=None)
    assert ws.shape[2] == G.w_dim == G.mapping.w_avg.shape[0]
    assert torch.equal(ws, G.mapping(z=z, c=c, truncation_psi=0.7))
    rendered = G.synthesis(ws=ws, noise_mode="const", force_fp32=True)
    assert torch.equal(rendered, G(z=z, c=c, truncation_psi=0.7, noise_mode="const", force_fp32=True))
    noise = [name for name, _ in G.synthesis.named_buffers() if name.endswith("noise_const")]
    random = G(z, c, noise_mode="random")
    assert len(noise) == 0 or not torch.equal(random, G(z, c, noise_mode="random"))
    logits = D(images, c)
    trained = copy.deepcopy(G).train().requires_grad_(True)
    before = trained.mapping.w_avg.clone()
    trained(z, c, noise_mode="none").sum().backward()
    assert not torch.equal(trained.mapping.w_avg, before)
    assert all(torch.isfinite(p.grad).all() for p in trained.parameters() if p.grad is not None)
    wanted = trained.mapping(z, c)
    (gradient,) = torch.autograd.grad(trained.synthesis(wanted).sum(), wanted, create_graph=True)
    gradient.square().sum().backward()  # path lengths
    copied = copy.deepcopy(D).train().requires_grad_(True)
    copied(img=images, c=c).sum().backward()
    leaf = images.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(copied(leaf, c).sum(), leaf, create_graph=True)
    gradient.square().sum().backward()  # R1
    if c is None:
        assert torch.equal(D(images, None), logits)
    calls = []  # as a printed summary of the layers makes them
    handles = [part.register_forward_hook(lambda m, i, o: calls.append(m)) for part in G.modules()]
    G(z, c)
    for handle in handles:
        handle.remove()
    assert len(calls) > len(G.synthesis.block_resolutions)
    G.load_state_dict(G.state_dict())
    return rendered.numpy(), logits.numpy(), G(z, c, noise_mode="none").numpy()


def main():
    install()
    torch.manual_seed(0)
    cases, results = np.load(sys.argv[1]), {}
    for name in cases["names"]:
        z, c, images = (torch.from_numpy(cases[f"{name}/{part}"]) for part in ("z", "c", "images"))
        answers = ask(str(cases[f"{name}/path"]), z, c, images)
        results.update(
            {f"{name}/{part}": a for part, a in zip(("const", "logits", "none"), answers, strict=True)}
        )
    assert "stylegan_pokemon" not in sys.modules
    np.savez(sys.argv[2], **results)


if __name__ == "__main__":
    main()
