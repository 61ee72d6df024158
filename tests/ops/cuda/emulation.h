// Runs the source of CUDA kernels on a CPU: grid, block, shared memory and barriers, one block after the other.
//
// The threads of a block are fibers that run up to their next barrier in turn, in either order. Shared memory is
// allocated at the size that the launch asks for and starts as NaN. Under the address sanitizer every access beyond
// it, and beyond any tensor, ends the process. What a card would not survive ends it too: a barrier that only some
// threads reach, more shared memory than launched with, a grid beyond the limits.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#define EMULATED
#define __device__
#define __global__
#define __launch_bounds__(...)
#define __syncthreads() emulated::barrier()
#define DYNAMIC_SHARED(name) float* name = emulated::shared

struct Triple {
    unsigned x, y, z;
};
static Triple threadIdx, blockIdx, gridDim;

inline unsigned long long atomicAdd(unsigned long long* to, unsigned long long value) {
    const unsigned long long before = *to;
    *to += value;
    return before;
}

inline float __uint_as_float(uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

inline uint32_t __float_as_uint(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    return bits;
}

inline float half_to_float(uint16_t bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value = exponent == 0    ? std::ldexp(static_cast<float>(fraction), -24)
                  : exponent == 31 ? (fraction ? NAN : INFINITY)
                                   : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
    return bits & 0x8000 ? -value : value;
}

inline uint16_t float_to_half(float value) {  // to nearest, ties to even
    const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    const float size = std::fabs(value);
    if (std::isnan(value)) return 0x7e00;
    if (size >= 65520.f) return sign | 0x7c00;
    const int exponent = size < 6.103515625e-05f ? -14 : std::ilogb(size);
    const int fraction = static_cast<int>(std::nearbyint(std::ldexp(size, 10 - exponent)));  // 0 to 2048
    return sign | static_cast<uint16_t>(fraction < 1024 ? fraction : ((exponent + 14) << 10) + fraction);
}

namespace emulated {

const int BLOCK = 256;
const size_t STACK = 64 << 10;

static float* shared = nullptr;
static bool backwards = false;

struct Fiber {
    ucontext_t context;
    std::vector<char> stack;
    bool ended = true, waiting = false;
    void* fake = nullptr;
};

static std::vector<Fiber> fibers(BLOCK);
static ucontext_t scheduler;
#if defined(__SANITIZE_ADDRESS__)
static const void* scheduler_stack = nullptr;
static size_t scheduler_size = 0;
#endif
static int current = -1;
static std::function<void()> body;

[[noreturn]] inline void fail(const char* what) {
    std::fprintf(stderr, "emulation: %s in thread %u of block (%u, %u, %u)\n", what, threadIdx.x, blockIdx.x,
                 blockIdx.y, blockIdx.z);
    std::abort();
}

inline void leave(bool for_good) {
    Fiber& own = fibers[current];
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(for_good ? nullptr : &own.fake, scheduler_stack, scheduler_size);
#endif
    swapcontext(&own.context, &scheduler);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(own.fake, &scheduler_stack, &scheduler_size);
#endif
}

inline void barrier() {
    if (current < 0) fail("a barrier in a kernel that is said to have none");
    fibers[current].waiting = true;
    leave(false);
}

inline void start() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_size);
#endif
    body();
    fibers[current].ended = true;
    leave(true);
}

inline void resume(int thread) {
    Fiber& fiber = fibers[thread];
    current = thread;
    threadIdx = {static_cast<unsigned>(thread), 0, 0};
    fiber.waiting = false;
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, fiber.stack.data(), fiber.stack.size());
#endif
    swapcontext(&scheduler, &fiber.context);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
    current = -1;
}

inline void run_block_with_barriers() {
    for (Fiber& fiber : fibers) {
        fiber.stack.resize(STACK);
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data();
        fiber.context.uc_stack.ss_size = fiber.stack.size();
        fiber.context.uc_link = nullptr;
        makecontext(&fiber.context, start, 0);
        fiber.ended = false;
    }
    for (;;) {
        int waiting = 0, ended = 0;
        for (int i = 0; i < BLOCK; ++i) {
            const int thread = backwards ? BLOCK - 1 - i : i;
            resume(thread);
            waiting += fibers[thread].waiting, ended += fibers[thread].ended;
        }
        if (ended == BLOCK) return;
        if (waiting != BLOCK) fail("only some threads reach a barrier");
    }
}

inline void run(bool barriers, Triple grid, size_t shared_bytes, bool from_behind) {
    if (!grid.x || !grid.y || !grid.z || grid.x > 2147483647u || grid.y > 65535 || grid.z > 65535)
        fail("a grid that no card takes");
    if (shared_bytes > 48 << 10 || shared_bytes % 4) fail("more shared memory than a card has");
    gridDim = grid, backwards = from_behind;
    for (unsigned z = 0; z < grid.z; ++z)
        for (unsigned y = 0; y < grid.y; ++y)
            for (unsigned x = 0; x < grid.x; ++x) {
                blockIdx = {x, y, z};
                shared = static_cast<float*>(std::malloc(shared_bytes));
                for (size_t i = 0; i < shared_bytes / 4; ++i) shared[i] = NAN;
                if (barriers)
                    run_block_with_barriers();
                else
                    for (int i = 0; i < BLOCK; ++i) {
                        threadIdx = {static_cast<unsigned>(backwards ? BLOCK - 1 - i : i), 0, 0};
                        body();
                    }
                std::free(shared);
            }
}

// A kernel behind the same array of pointers to arguments that a card's driver takes, and its signature.
struct Kernel {
    std::function<void(void**)> call;
    std::string signature;
};

template <class T> struct Code { static const char value = 'p'; };
template <> struct Code<int> { static const char value = 'i'; };
template <> struct Code<float> { static const char value = 'f'; };
template <> struct Code<long long> { static const char value = 'l'; };

template <class... A, size_t... I>
Kernel unpacked(void (*kernel)(A...), std::index_sequence<I...>) {
    return {[kernel](void** arguments) { kernel(*static_cast<A*>(arguments[I])...); },
            std::string{Code<A>::value...}};
}

template <class... A> Kernel wrapped(void (*kernel)(A...)) {
    return unpacked(kernel, std::make_index_sequence<sizeof...(A)>());
}

}  // namespace emulated
