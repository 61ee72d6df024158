// What the CPU kernels share: how they are exported, vectorised and divided among threads.

#ifndef STYLEGAN_POKEMON_COMMON_H
#define STYLEGAN_POKEMON_COMMON_H

#include <cstdint>
#include <type_traits>

#ifdef _WIN32
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

#if defined(_MSC_VER)
#define SIMD __pragma(loop(ivdep))
#define RESTRICT __restrict
#else
#define SIMD _Pragma("omp simd")
#define RESTRICT __restrict__
#endif

typedef int64_t Index;

// Calls work(task) for every task; tasks are shared among `threads`.
template <class F> static void parallel(Index tasks, int threads, const F& work) {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1 && tasks > 1)
    for (Index task = 0; task < tasks; ++task) work(task);
}

// Calls work(width) with the number of channels, as a constant of the compiler's for those that networks have:
// loops over a pixel's channels are then straight lines. 0 stands for any other.
template <class F> static void by_channels(Index c, const F& work) {
    switch (c) {
        case 32: return work(std::integral_constant<Index, 32>());
        case 64: return work(std::integral_constant<Index, 64>());
        case 128: return work(std::integral_constant<Index, 128>());
        case 256: return work(std::integral_constant<Index, 256>());
        case 512: return work(std::integral_constant<Index, 512>());
        default: return work(std::integral_constant<Index, 0>());
    }
}

#endif
