"""Every instance of every kernel compiles for every card, without one, and fits it, as NVRTC says."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from stylegan_pokemon.nvrtc import Nvrtc, NvrtcError, find
from stylegan_pokemon.ops.cuda import binaries
from stylegan_pokemon.ops.cuda.binaries import Binaries, compiler_for, options, source
from stylegan_pokemon.ops.cuda.launches import THREADS, Tile, all_instances

TWELVE = [(6, 0), (6, 1), (7, 0), (7, 5), (8, 0), (8, 6), (8, 9), (9, 0)]
THIRTEEN = [(7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (10, 0), (10, 3), (11, 0), (12, 0), (12, 1)]
RARE = {  # slow, for another stands for them: with twelve thirteen's or a Pascal, with thirteen a neighbour
    12: [(6, 0), (7, 0), (7, 5), (8, 0), (8, 6), (8, 9), (9, 0)],
    13: [(8, 0), (8, 9), (9, 0), (10, 0), (10, 3), (11, 0), (12, 1)],
}
# Per multiprocessor, from the CUDA programming guide's table of compute capabilities: threads, blocks, and
# kibibytes of shared memory. All have 65,536 registers, of which a thread may use 255.
LIMITS = {
    (6, 0): (2048, 32, 64), (6, 1): (2048, 32, 96), (7, 0): (2048, 32, 96), (7, 5): (1024, 16, 64),
    (8, 0): (2048, 32, 164), (8, 6): (1536, 16, 100), (8, 9): (1536, 24, 100), (9, 0): (2048, 32, 228),
    (10, 0): (2048, 32, 228), (10, 3): (2048, 32, 228), (11, 0): (1536, 24, 228), (12, 0): (1536, 24, 100),
    (12, 1): (1536, 24, 100),
}  # fmt: skip
SAID = re.compile(
    r"Compiling entry function '(\w+)'.*?(\d+) bytes stack frame,"
    r" (\d+) bytes spill stores, (\d+) bytes spill loads"
    r".*?Used (\d+) registers(?:, used \d+ barriers)?(?:, (\d+) bytes smem)?",
    re.DOTALL,
)


def nvrtc(major):
    for path in find():
        try:
            library = Nvrtc(path)
        except NvrtcError:
            continue
        if library.version()[0] == major:
            return library
    return pytest.skip(
        f"NVRTC {major} is not installed here; its wheels exist for Linux and Windows on x86-64"
    )


def shared_bytes(name):
    """The most dynamic shared memory that a launch of training asks for; static memory there is none."""
    kernel, *parameters = re.split("[<,>]", name)[:-1]
    if kernel == "pass_and_sum":
        _, width, last, operation = parameters
        return (
            4
            * (3 if operation == "EpilogueBackward" else 1)
            * THREADS
            * (int(width) if last == "true" else 1)
        )
    if kernel == "upfirdn2d":
        up, down, taps, *tile = map(int, parameters[1:])
        shapes = [(up, down, taps)] if up else [(2, 1, 12), (1, 2, 12)]  # ADA's filter has 12 taps
        return max(Tile(*tile).shared(*shape) for shape in shapes)
    return 0


@pytest.mark.parametrize(
    ("major", "capability"),
    [
        pytest.param(major, one, marks=pytest.mark.slow if one in RARE[major] else ())
        for major, capabilities in ((12, TWELVE), (13, THIRTEEN))
        for one in capabilities
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "sm_{}{}".format(*value),
)
def test_every_instance_compiles_and_fits(major, capability):
    library, names = nvrtc(major), all_instances()
    said = [*options(capability), "--ptxas-options=-v"]
    with ThreadPoolExecutor(2) as pool:
        halves = pool.map(lambda part: library.compile(source(), part, said), (names[::2], names[1::2]))
    found = {}
    for half in halves:
        instances = {name: instance for instance, name in half.names.items()}
        for name, stack, stores, loads, registers, static in SAID.findall(half.log):
            found[instances[name]] = int(registers)
            assert (stack, stores, loads) == ("0", "0", "0"), f"{instances[name]} spills registers"
            assert not static
        assert half.code[:4] == b"\x7fELF"
    assert set(found) == set(names)
    threads, blocks, kibibytes = LIMITS[capability]
    for name, registers in found.items():
        assert THREADS * registers <= 65536
        shared = shared_bytes(name)
        fitting = [threads // THREADS, blocks, 65536 // (THREADS * -(-registers // 8) * 8)]
        fitting += [(kibibytes << 10) // shared] if shared else []
        # A quarter of a multiprocessor's threads at least: these kernels wait for memory. ADA's long filter
        # is for three channels, once an iteration; on a card of 64 KiB one block of it must do.
        least = 8 if ",0,0,0," in name else 4
        assert min(fitting) * THREADS >= threads / least, (name, registers, shared)


def test_code_is_kept_by_source_options_compiler_and_architecture(tmp_path, monkeypatch):
    library = compiler_for((6, 1)) if _has_any((6, 1)) else nvrtc(13)
    capability = (6, 1) if _has_any((6, 1)) else (7, 5)
    own = Binaries(capability, library, tmp_path)
    code, name = own("sum_partial<1>")
    assert "sum_partial" in name
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(Nvrtc, "compile", lambda *_: pytest.fail("it was kept"))
    assert Binaries(capability, library, tmp_path)("sum_partial<1>") == (code, name)
    (kept,) = tmp_path.iterdir()
    damaged = bytearray(kept.read_bytes())
    damaged[-100] ^= 1
    kept.write_bytes(damaged)
    monkeypatch.undo()
    assert Binaries(capability, library, tmp_path)("sum_partial<1>") == (code, name)  # made anew
    keys = {own.key, Binaries((8, 6), library, tmp_path).key}
    monkeypatch.setattr(binaries, "source", lambda: "another")
    keys.add(Binaries(capability, library, tmp_path).key)
    assert len(keys) == 3


def test_a_kernel_that_does_not_compile_says_so_in_the_compilers_words():
    with pytest.raises(NvrtcError, match="error"):
        nvrtc(12).compile("__global__ void k() { nonsense }", [], options((6, 1)))


def test_the_compiler_is_the_one_that_knows_the_card(monkeypatch):
    nvrtc(12), nvrtc(13)  # both are here
    assert compiler_for((6, 1)).version()[0] == 12  # NVRTC 13 does not know a GTX 1080
    assert compiler_for((12, 0)).version()[0] == 13
    with pytest.raises(NvrtcError, match=r"compute capability 3\.5, only NVRTC 1"):
        compiler_for((3, 5))
    monkeypatch.setattr(binaries, "find", lambda: iter(()))
    with pytest.raises(NvrtcError, match="none at all"):
        compiler_for((6, 1))


def _has_any(capability):
    try:
        compiler_for(capability)
    except NvrtcError:
        return False
    return True
