// Of augmentation: pixels gathered along a grid, the gradient's scatter, and the colour transform.

#ifndef STYLEGAN_POKEMON_SAMPLING_H
#define STYLEGAN_POKEMON_SAMPLING_H

#include <algorithm>
#include <vector>

#include "common.h"

// The four pixels around a point of the grid, (−1, −1) being the outer corner of the first pixel.
template <class A> struct Corner {
    Index x, y;
    A right, below;
    Corner(const A* point, Index w, Index h) {
        const A px = ((point[0] + 1) * w - 1) / 2, py = ((point[1] + 1) * h - 1) / 2;
        // Far points and NaN lie outside all the same; a conversion to integers must not overflow.
        const A cx = std::min(std::max(px, A(-2)), A(w + 1)), cy = std::min(std::max(py, A(-2)), A(h + 1));
        x = static_cast<Index>(cx + 4) - 4, y = static_cast<Index>(cy + 4) - 4;  // rounds down from −4 on
        right = cx - static_cast<A>(x), below = cy - static_cast<A>(y);
    }
    template <class F> void each(Index w, Index h, const F& visit) const {
        for (int dy = 0; dy < 2; ++dy)
            for (int dx = 0; dx < 2; ++dx) {
                const Index i = y + dy, j = x + dx;
                if (i < 0 || i >= h || j < 0 || j >= w) continue;
                visit(i * w + j, (dy ? below : 1 - below) * (dx ? right : 1 - right));
            }
    }
};

// Steps from pixel to pixel and from channel to channel within an image of `pixels` pixels.
struct Steps {
    Index pixel, channel;
    Steps(Index c, Index pixels, int channels_last)
        : pixel(channels_last ? c : 1), channel(channels_last ? 1 : pixels) {}
};

template <class T>
static void grid_gather(const T* x, const typename Exact<T>::type* grid, T* out, Index n, Index c, Index h, Index w,
                        Index points, int channels_last, int threads) {
    typedef typename Exact<T>::type A;
    const Steps in(c, h * w, channels_last), to(c, points, channels_last);
    const Index chunk = 1024, chunks = (points + chunk - 1) / chunk;
    parallel(n * chunks, threads, [&](Index task) {
        const Index image = task / chunks, last = std::min((task % chunks + 1) * chunk, points);
        std::vector<A> sums(c);
        for (Index p = task % chunks * chunk; p < last; ++p) {
            std::fill(sums.begin(), sums.end(), A(0));
            Corner<A>(grid + (image * points + p) * 2, w, h).each(w, h, [&](Index pixel, A weight) {
                const T* value = x + image * c * h * w + pixel * in.pixel;
                for (Index k = 0; k < c; ++k) sums[k] += weight * load(value[k * in.channel]);
            });
            T* result = out + image * c * points + p * to.pixel;
            for (Index k = 0; k < c; ++k) result[k * to.channel] = store<T>(sums[k]);
        }
    });
}

// One task per image: two points may add to the same pixel.
template <class T>
static void grid_scatter(const T* values, const typename Exact<T>::type* grid, T* out, Index n, Index c, Index h,
                         Index w, Index points, int channels_last, int threads) {
    typedef typename Exact<T>::type A;
    const Steps from(c, points, channels_last), to(c, h * w, channels_last);
    parallel(n, threads, [&](Index image) {
        std::vector<A> sums(c * h * w, A(0));
        for (Index p = 0; p < points; ++p)
            Corner<A>(grid + (image * points + p) * 2, w, h).each(w, h, [&](Index pixel, A weight) {
                const T* value = values + image * c * points + p * from.pixel;
                A* sum = sums.data() + pixel * to.pixel;
                for (Index k = 0; k < c; ++k) sum[k * to.channel] += weight * load(value[k * from.channel]);
            });
        T* result = out + image * c * h * w;
        for (Index i = 0; i < c * h * w; ++i) result[i] = store<T>(sums[i]);
    });
}

template <class T>
static void colour_transform(const T* x, const typename Exact<T>::type* matrix, T* out, Index n, Index pixels,
                             int channels_last, int threads) {
    typedef typename Exact<T>::type A;
    const Steps step(3, pixels, channels_last);
    const Index chunk = 4096, chunks = (pixels + chunk - 1) / chunk;
    parallel(n * chunks, threads, [=](Index task) {
        const Index image = task / chunks, last = std::min((task % chunks + 1) * chunk, pixels);
        const A* m = matrix + image * 12;
        const T* RESTRICT in = x + image * 3 * pixels;
        T* RESTRICT to = out + image * 3 * pixels;
        SIMD
        for (Index p = task % chunks * chunk; p < last; ++p) {
            const Index at = p * step.pixel;
            const A r = load(in[at]), g = load(in[at + step.channel]);
            const A b = load(in[at + 2 * step.channel]);
            to[at] = store<T>(m[0] * r + m[1] * g + m[2] * b + m[3]);
            to[at + step.channel] = store<T>(m[4] * r + m[5] * g + m[6] * b + m[7]);
            to[at + 2 * step.channel] = store<T>(m[8] * r + m[9] * g + m[10] * b + m[11]);
        }
    });
}

#endif
