"""A card behind the driver's C interface: machine code in, launches on PyTorch's current stream.

PyTorch has loaded the driver and made the card's primary context, which this module shares. The functions
used have had the same form for many years and are called through ctypes: that needs no further package.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable

import torch

from stylegan_pokemon.ops.cuda.launches import THREADS, Launch, Slots, kinds

_I, _U, _P = ctypes.c_int, ctypes.c_uint, ctypes.c_void_p
_SIGNATURES = {
    "cuInit": (_U,),
    "cuDriverGetVersion": (_P,),
    "cuDeviceGet": (_P, _I),
    "cuDevicePrimaryCtxRetain": (_P, _I),
    "cuCtxGetCurrent": (_P,),
    "cuCtxSetCurrent": (_P,),
    "cuModuleLoadData": (_P, ctypes.c_char_p),
    "cuModuleGetFunction": (_P, _P, ctypes.c_char_p),
    "cuLaunchKernel": (_P, *[_U] * 7, _P, _P, _P),
    "cuGetErrorString": (_I, _P),
}

_OUT_OF_MEMORY = 2  # among the answers of its functions


class DriverError(Exception):
    """The driver refused; the text is its own."""


class Driver:
    """The driver's library. Raises DriverError where there is none."""

    def __init__(self, name: str | None = None) -> None:
        name = name or ("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        try:
            self._library = ctypes.CDLL(name)
        except OSError as error:
            raise DriverError(str(error)) from error
        for function, signature in _SIGNATURES.items():
            getattr(self._library, function).argtypes = signature
        self.call("cuInit", 0)

    def call(self, name: str, *arguments: object) -> None:
        """Call a function. Raises DriverError for every answer but success, PyTorch's own for a full card."""
        code = getattr(self._library, name)(*arguments)
        if code == _OUT_OF_MEMORY:
            raise torch.OutOfMemoryError(f"CUDA out of memory in {name}")
        if code:
            text = ctypes.c_char_p()
            self._library.cuGetErrorString(code, ctypes.byref(text))
            raise DriverError(f"{name}: {(text.value or b'error').decode()} ({code})")

    def version(self) -> int:
        """As the driver counts: 12060 is CUDA 12.6."""
        number = ctypes.c_int()
        self.call("cuDriverGetVersion", ctypes.byref(number))
        return number.value


Code = Callable[[str], tuple[bytes, str]]
"""Machine code of an instance, and the kernel's name in it."""


class Card:
    """Launches kernels on one card; their code is loaded when they are first launched."""

    device_type = "cuda"

    def __init__(
        self, index: int, driver: Driver, code: Code, stream: Callable[[], int] | None = None
    ) -> None:
        """`index` counts as PyTorch does; `stream` gives the stream to launch on, PyTorch's current one."""
        self._driver, self._code = driver, code
        self._stream = stream or _current_stream(index)
        device, self._context = ctypes.c_int(), ctypes.c_void_p()
        driver.call("cuDeviceGet", ctypes.byref(device), index)
        driver.call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), device.value)
        self._functions: dict[str, ctypes.c_void_p] = {}
        self._own = threading.local()  # memory for arguments: autograd launches from threads of its own

    def launch(self, launch: Launch) -> None:
        """Queue a launch. Raises DriverError, or what compiling the kernel raises."""
        before = self._enter()
        try:
            function = self._functions.get(launch.kernel)
            if function is None:
                function = self._functions[launch.kernel] = self._load(launch.kernel)
            slots = self._slots(launch)
            slots.fill(launch.arguments)
            shape = (*launch.grid, THREADS, 1, 1, launch.shared)
            self._driver.call("cuLaunchKernel", function, *shape, self._stream(), slots.pointers, None)
        finally:
            if before is not None:  # PyTorch's current device is the one whose context is current
                self._driver.call("cuCtxSetCurrent", before)

    def _slots(self, launch: Launch) -> Slots:
        """This thread's memory for the arguments of an instance, of which every launch has the same kinds."""
        try:
            return self._own.slots[launch.kernel]
        except AttributeError:
            self._own.slots = {}
        except KeyError:
            pass
        slots = self._own.slots[launch.kernel] = Slots(kinds(launch.arguments))
        return slots

    def _enter(self) -> int | None:
        """Make the card's context current, which it need not be yet in autograd's threads.

        Returns the context of another card that was current, else None.
        """
        current = ctypes.c_void_p()
        self._driver.call("cuCtxGetCurrent", ctypes.byref(current))
        if current.value == self._context.value:
            return None
        self._driver.call("cuCtxSetCurrent", self._context)
        return current.value

    def _load(self, kernel: str) -> ctypes.c_void_p:
        code, name = self._code(kernel)
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        try:
            self._driver.call("cuModuleLoadData", ctypes.byref(module), code)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()  # PyTorch keeps what tensors have freed; the code needs little of it
            self._driver.call("cuModuleLoadData", ctypes.byref(module), code)
        self._driver.call("cuModuleGetFunction", ctypes.byref(function), module, name.encode())
        return function


def _current_stream(index: int) -> Callable[[], int]:
    """Gives PyTorch's current stream of a card, as the driver knows it."""
    raw = getattr(torch._C, "_cuda_getCurrentRawStream", None)  # not public, and ten times as fast
    if raw is not None:
        return lambda: raw(index)
    return lambda: torch.cuda.current_stream(index).cuda_stream
