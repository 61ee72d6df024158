// What follows a convolution: factors, noise, bias, activation and clamp in one pass, and its gradients.

#ifndef STYLEGAN_POKEMON_EPILOGUE_H
#define STYLEGAN_POKEMON_EPILOGUE_H

#include <algorithm>
#include <vector>

#include "common.h"

enum Activation { LINEAR = 0, RELU = 1, LRELU = 2 };
static const double LRELU_SLOPE = 0.2;
static const Index BLOCK = 256;  // rows of one partial sum

// max(v, slope·v) is v above 0 and slope·v below, for slopes up to 1. NaN stays NaN.
template <class A> static inline A bounded(A v, A slope, A bound) {
    const A low = slope > A(0) ? v * slope : A(0);  // −∞·0 would be no number
    v = low > v ? low : v;
    v = v < -bound ? -bound : v;
    return v > bound ? bound : v;
}

// `clamp` is infinite for none where values are bounded, and NaN for none where gradients are: no comparison with
// it holds, so that infinite values and NaN pass on what they get.
// `y` may be `x`: every number is read before it is written.
template <class T>
static void epilogue(const T* x, const typename Exact<T>::type* scale, const typename Exact<T>::type* noise,
                     Index noise_images, typename Exact<T>::type strength, const typename Exact<T>::type* bias, T* y,
                     Shape s, int act, double gain, double clamp, int threads) {
    typedef typename Exact<T>::type A;
    const A g = static_cast<A>(gain), slope = act == LINEAR ? A(1) : act == RELU ? A(0) : A(LRELU_SLOPE);
    const A bound = static_cast<A>(clamp);
    if (s.channels_last) {
        const Index blocks = (s.pixels + BLOCK - 1) / BLOCK;
        by_channels(s.c, [=](auto fixed) { parallel(s.n * blocks, threads, [=](Index task) {
            const Index width = fixed ? Index(fixed) : s.c;
            const Index n = task / blocks, first = task % blocks * BLOCK;
            const Index last = std::min(first + BLOCK, s.pixels);
            std::vector<A> factor(s.c), offset(s.c);
            for (Index c = 0; c < s.c; ++c) {
                factor[c] = (scale ? scale[n * s.c + c] : A(1)) * g;
                offset[c] = (bias ? bias[c] : A(0)) * g;
            }
            const A* RESTRICT f = factor.data();
            const A* RESTRICT o = offset.data();
            for (Index p = first; p < last; ++p) {
                const T* in = x + (n * s.pixels + p) * s.c;
                T* out = y + (n * s.pixels + p) * s.c;
                const A add = noise ? noise[(noise_images > 1 ? n : 0) * s.pixels + p] * strength * g : A(0);
                SIMD
                for (Index c = 0; c < width; ++c) {
                    const A v = load(in[c]) * f[c] + (o[c] + add);
                    out[c] = store<T>(bounded(v, slope, bound));
                }
            }
        }); });
        return;
    }
    parallel(s.n * s.c, threads, [=](Index task) {
        const Index n = task / s.c, c = task % s.c;
        const A f = (scale ? scale[task] : A(1)) * g, o = (bias ? bias[c] : A(0)) * g;
        const A* RESTRICT around = noise ? noise + (noise_images > 1 ? n : 0) * s.pixels : nullptr;
        const T* in = x + task * s.pixels;
        T* out = y + task * s.pixels;
        const A st = strength * g;
        if (around) {
            SIMD
            for (Index p = 0; p < s.pixels; ++p) {
                const A v = load(in[p]) * f + (o + around[p] * st);
                out[p] = store<T>(bounded(v, slope, bound));
            }
        } else {
            SIMD
            for (Index p = 0; p < s.pixels; ++p) {
                const A v = load(in[p]) * f + o;
                out[p] = store<T>(bounded(v, slope, bound));
            }
        }
    });
}

template <class T>
static void epilogue_grad(const T* grad, const T* y, T* out, Index count, int act, double gain, double clamp,
                          int threads) {
    typedef typename Exact<T>::type A;
    const A g = static_cast<A>(gain), low = act == LINEAR ? g : act == RELU ? A(0) : g * A(LRELU_SLOPE);
    const A bound = load(store<T>(static_cast<A>(clamp)));  // as y was stored where it was clamped
    const Index chunk = 1 << 14;
    parallel((count + chunk - 1) / chunk, threads, [=](Index task) {
        const Index last = std::min((task + 1) * chunk, count);
        SIMD
        for (Index i = task * chunk; i < last; ++i) {
            const A v = load(y[i]);
            const A u = load(grad[i]) * (v > A(0) ? g : low);
            out[i] = store<T>((v >= bound) | (v <= -bound) ? A(0) : u);
        }
    });
}

// Channels whose three sums fit into the vector registers.
#ifdef __AVX512F__
static const Index ACCUMULATED = 64;
#else
static const Index ACCUMULATED = 32;
#endif

// Rows first … last of one image, its channels from `start` on: GROUP of them, or for 0 all that are left. Adds to
// sums [3, width].
template <class T, Index GROUP, class A>
static inline void backward_rows(const T* grad, const T* y, T* out, const A* noise, Index image, Index first,
                                 Index last, Index width, Index start, const A* RESTRICT scale, A* sums, A g, A low,
                                 A bound) {
    const Index count = GROUP ? GROUP : width - start;
    A own[3 * (GROUP ? GROUP : 1)] = {};
    A* RESTRICT plain = GROUP ? own : sums + start;
    A* RESTRICT noisy = GROUP ? own + GROUP : sums + width + start;
    A* RESTRICT product = GROUP ? own + 2 * GROUP : sums + 2 * width + start;
    for (Index p = first; p < last; ++p) {
        const Index at = (image + p) * width + start;
        const T* RESTRICT up = grad + at;
        const T* RESTRICT value = y + at;
        T* RESTRICT down = out + at;
        const A around = noise ? noise[p] : A(0);
        SIMD
        for (Index c = 0; c < count; ++c) {
            const A v = load(value[c]);
            const A u = (v >= bound) | (v <= -bound) ? A(0) : load(up[c]);
            const A d = u * (v > A(0) ? g : low);
            plain[c] += d;
            noisy[c] += d * around;
            product[c] += u * v;
            down[c] = store<T>(d * scale[start + c]);
        }
    }
    for (Index which = 0; which < 3; ++which)
        for (Index c = 0; c < GROUP; ++c) sums[which * width + start + c] = own[which * GROUP + c];
}

// sums [3, N, C]: of g, of g·noise, and of grad·y where |y| < clamp.
template <class T>
static void epilogue_backward(const T* grad, const T* y, const typename Exact<T>::type* scale,
                              const typename Exact<T>::type* noise, Index noise_images, T* out,
                              typename Exact<T>::type* sums, Shape s, int act, double gain, double clamp,
                              int threads) {
    typedef typename Exact<T>::type A;
    const A g = static_cast<A>(gain), low = act == LINEAR ? g : act == RELU ? A(0) : g * A(LRELU_SLOPE);
    const A bound = load(store<T>(static_cast<A>(clamp)));  // as y was stored where it was clamped
    const Index stride = s.n * s.c;
    if (s.channels_last) {
        const Index blocks = (s.pixels + BLOCK - 1) / BLOCK;
        std::vector<A> partial(s.n * blocks * 3 * s.c);
        by_channels(s.c, [=, &partial](auto fixed) { parallel(s.n * blocks, threads, [=, &partial](Index task) {
            const Index width = fixed ? Index(fixed) : s.c;
            const Index n = task / blocks, first = task % blocks * BLOCK;
            const Index last = std::min(first + BLOCK, s.pixels);
            A* plain = partial.data() + task * 3 * width;
            std::vector<A> ones;
            if (!scale) ones.assign(width, A(1));
            const A* f = scale ? scale + n * width : ones.data();
            const A* around = noise ? noise + (noise_images > 1 ? n : 0) * s.pixels : nullptr;
            constexpr Index GROUP = fixed == 0 ? 0 : fixed < ACCUMULATED ? Index(fixed) : ACCUMULATED;
            Index done = 0;
            if constexpr (GROUP > 0)
                for (; done < width; done += GROUP)
                    backward_rows<T, GROUP>(grad, y, out, around, n * s.pixels, first, last, width, done, f, plain, g,
                                            low, bound);
            if (done < width)
                backward_rows<T, 0>(grad, y, out, around, n * s.pixels, first, last, width, done, f, plain, g, low,
                                    bound);
        }); });
        for (Index n = 0; n < s.n; ++n)
            for (int which = 0; which < 3; ++which) {
                A* total = sums + which * stride + n * s.c;
                std::fill(total, total + s.c, A(0));
                for (Index block = 0; block < blocks; ++block) {
                    const A* part = partial.data() + ((n * blocks + block) * 3 + which) * s.c;
                    for (Index c = 0; c < s.c; ++c) total[c] += part[c];
                }
            }
        return;
    }
    parallel(stride, threads, [=](Index task) {
        const Index n = task / s.c;
        const A f = scale ? scale[task] : A(1);
        const A* RESTRICT around = noise ? noise + (noise_images > 1 ? n : 0) * s.pixels : nullptr;
        const T* RESTRICT up = grad + task * s.pixels;
        const T* RESTRICT value = y + task * s.pixels;
        T* RESTRICT down = out + task * s.pixels;
        A plain = 0, noisy = 0, product = 0;
        for (Index first = 0; first < s.pixels; first += BLOCK) {
            const Index last = std::min(first + BLOCK, s.pixels);
            A a = 0, b = 0, e = 0;
#if !defined(_MSC_VER)
#pragma omp simd reduction(+ : a, b, e)
#endif
            for (Index p = first; p < last; ++p) {
                const A v = load(value[p]);
                const A u = (v >= bound) | (v <= -bound) ? A(0) : load(up[p]);
                const A d = u * (v > A(0) ? g : low);
                a += d;
                b += around ? d * around[p] : A(0);
                e += u * v;
                down[p] = store<T>(d * f);
            }
            plain += a, noisy += b, product += e;
        }
        sums[task] = plain, sums[stride + task] = noisy, sums[2 * stride + task] = product;
    });
}

// ------------------------------------------------------------------------------------ factors of channels

// out = a·scale (if out) and dot [N, C] = Σ a·b (if b).
template <class T>
static void scale_and_dot(const T* a, const T* b, const typename Exact<T>::type* scale, T* out,
                          typename Exact<T>::type* dot, Shape s, int threads) {
    typedef typename Exact<T>::type A;
    if (s.channels_last) {
        const Index blocks = (s.pixels + BLOCK - 1) / BLOCK;
        std::vector<A> partial(b ? s.n * blocks * s.c : 0);
        by_channels(s.c, [=, &partial](auto fixed) { parallel(s.n * blocks, threads, [=, &partial](Index task) {
            const Index width = fixed ? Index(fixed) : s.c;
            const Index n = task / blocks, first = task % blocks * BLOCK;
            const Index last = std::min(first + BLOCK, s.pixels);
            const A* RESTRICT f = scale ? scale + n * s.c : nullptr;
            A* RESTRICT sum = b ? partial.data() + task * s.c : nullptr;
            for (Index p = first; p < last; ++p) {
                const Index row = (n * s.pixels + p) * s.c;
                const T* RESTRICT left = a + row;
                if (b) {
                    const T* RESTRICT right = b + row;
                    if (out) {
                        T* RESTRICT result = out + row;
                        SIMD
                        for (Index c = 0; c < width; ++c) {
                            const A v = load(left[c]);
                            sum[c] += v * load(right[c]);
                            result[c] = store<T>(v * f[c]);
                        }
                    } else {
                        SIMD
                        for (Index c = 0; c < width; ++c) sum[c] += load(left[c]) * load(right[c]);
                    }
                } else {
                    T* RESTRICT result = out + row;
                    SIMD
                    for (Index c = 0; c < width; ++c) result[c] = store<T>(load(left[c]) * f[c]);
                }
            }
        }); });
        if (b)
            for (Index n = 0; n < s.n; ++n) {
                A* total = dot + n * s.c;
                std::fill(total, total + s.c, A(0));
                for (Index block = 0; block < blocks; ++block)
                    for (Index c = 0; c < s.c; ++c) total[c] += partial[(n * blocks + block) * s.c + c];
            }
        return;
    }
    parallel(s.n * s.c, threads, [=](Index task) {
        const T* RESTRICT left = a + task * s.pixels;
        if (out) {
            const A f = scale[task];
            T* RESTRICT result = out + task * s.pixels;
            SIMD
            for (Index p = 0; p < s.pixels; ++p) result[p] = store<T>(load(left[p]) * f);
        }
        if (b) {
            const T* RESTRICT right = b + task * s.pixels;
            A total = 0;
            for (Index first = 0; first < s.pixels; first += BLOCK) {
                const Index last = std::min(first + BLOCK, s.pixels);
                A part = 0;
#if !defined(_MSC_VER)
#pragma omp simd reduction(+ : part)
#endif
                for (Index p = first; p < last; ++p) part += load(left[p]) * load(right[p]);
                total += part;
            }
            dot[task] = total;
        }
    });
}

#endif
