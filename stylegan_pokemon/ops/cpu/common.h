// What the CPU kernels share: how they are exported, vectorised and divided among threads; how images are stored.

#ifndef STYLEGAN_POKEMON_COMMON_H
#define STYLEGAN_POKEMON_COMMON_H

#include <cstdint>
#include <cstring>
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

typedef uint16_t BFloat16;  // as bits, so that compilers can vectorise

template <class T> struct Exact { typedef float type; };
template <> struct Exact<double> { typedef double type; };

static inline float load(float value) { return value; }
static inline double load(double value) { return value; }
static inline float load(BFloat16 bits) {
    const uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
}

template <class T> static inline T store(typename Exact<T>::type value) { return value; }
template <> inline BFloat16 store<BFloat16>(float value) {  // to nearest, ties to even; NaN stays NaN
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return static_cast<BFloat16>((bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : rounded);
}

struct Shape {
    Index n, c, pixels;
    int channels_last;
};

#endif
