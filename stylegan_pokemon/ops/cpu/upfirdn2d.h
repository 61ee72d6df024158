// Upsampling, separable filter and downsampling in one pass.

#ifndef STYLEGAN_POKEMON_UPFIRDN2D_H
#define STYLEGAN_POKEMON_UPFIRDN2D_H

#include <algorithm>
#include <vector>

#include "common.h"

static const int MAX_TAPS = 64;

struct Filter {
    Index taps, up, down, before_x, before_y;  // before: zeros left of and above the image
};

// out[i] (+)= f · in[i], one tap of a filter along `count` numbers that lie side by side.
template <class A, class T> static inline void add_tap(A* RESTRICT out, const T* RESTRICT in, A f, Index count) {
    SIMD
    for (Index i = 0; i < count; ++i) out[i] += f * load(in[i]);
}

// The four taps of the papers' filter in one pass.
template <class A, class T, class R>
static inline void four_taps(R* RESTRICT out, const T* in0, const T* in1, const T* in2, const T* in3, const A* f,
                             Index count) {
    const A f0 = f[0], f1 = f[1], f2 = f[2], f3 = f[3];
    SIMD
    for (Index i = 0; i < count; ++i)
        out[i] = store<R>((f0 * load(in0[i]) + f1 * load(in1[i])) +
                                (f2 * load(in2[i]) + f3 * load(in3[i])));
}

template <class A, class T, class R>
static inline void two_taps(R* RESTRICT out, const T* in0, const T* in1, A f0, A f1, Index count) {
    SIMD
    for (Index i = 0; i < count; ++i)
        out[i] = store<R>(f0 * load(in0[i]) + f1 * load(in1[i]));
}

// Two rows of sums at once, out0 from in0 … in3 and out1 from in1 … in4: most numbers are read once for both.
template <class A, class T>
static inline void four_taps_twice(A* RESTRICT out0, A* RESTRICT out1, const T* const* in, const A* f, Index count) {
    const A f0 = f[0], f1 = f[1], f2 = f[2], f3 = f[3];
    const T *in0 = in[0], *in1 = in[1], *in2 = in[2], *in3 = in[3], *in4 = in[4];
    SIMD
    for (Index i = 0; i < count; ++i) {
        const A b = load(in1[i]), c = load(in2[i]), d = load(in3[i]);
        out0[i] = (f0 * load(in0[i]) + f1 * b) + (f2 * c + f3 * d);
        out1[i] = (f0 * b + f1 * c) + (f2 * d + f3 * load(in4[i]));
    }
}

// Images are [h, w, c], c numbers lying side by side; `f` correlates: tap k reads position + k. First down the
// columns: one row of sums, as wide as the image.
template <class T, class A>
static void filter_columns(const T* x, A* column, Index oy, Index h, Index width, const Filter& p, const A* f) {
    const T* rows[MAX_TAPS];
    A weights[MAX_TAPS];
    int found = 0;
    for (Index k = 0; k < p.taps; ++k) {
        const Index at = oy * p.down - p.before_y + k;
        if (at < 0 || at % p.up || at / p.up >= h) continue;
        rows[found] = x + at / p.up * width;
        weights[found++] = f[k];
    }
    if (found == 4)
        four_taps(column, rows[0], rows[1], rows[2], rows[3], weights, width);
    else if (found == 2)
        two_taps(column, rows[0], rows[1], weights[0], weights[1], width);
    else {
        std::fill(column, column + width, A(0));
        for (int k = 0; k < found; ++k) add_tap(column, rows[k], weights[k], width);
    }
}

// Then along that row, to [ow, c]. Zeros lie on both sides of `column` as far as taps reach.
template <class T, class A>
static void filter_row(const A* column, T* out, A* line, Index w, Index ow, Index c, const Filter& p, const A* f) {
    if (p.taps == 4 && p.up == 1 && p.down == 1) {
        const A* in = column - p.before_x * c;
        four_taps(out, in, in + c, in + 2 * c, in + 3 * c, f, ow * c);
    } else if (p.taps == 4 && p.up == 1) {
        for (Index ox = 0; ox < ow; ++ox) {
            const A* in = column + (ox * p.down - p.before_x) * c;
            four_taps(out + ox * c, in, in + c, in + 2 * c, in + 3 * c, f, c);
        }
    } else if (p.taps == 4 && p.up == 2 && p.down == 1) {
        for (Index ox = 0; ox < ow; ++ox) {
            const Index at = ox - p.before_x, odd = at & 1;  // of four taps, two meet pixels and not zeros
            const A* in = column + (at + odd) / 2 * c;
            two_taps(out + ox * c, in, in + c, f[odd], f[odd + 2], c);
        }
    } else {
        for (Index ox = 0; ox < ow; ++ox) {
            std::fill(line, line + c, A(0));
            for (Index k = 0; k < p.taps; ++k) {
                const Index at = ox * p.down - p.before_x + k;
                if (at >= 0 && at % p.up == 0 && at / p.up < w) add_tap(line, column + at / p.up * c, f[k], c);
            }
            for (Index i = 0; i < c; ++i) out[ox * c + i] = store<T>(line[i]);
        }
    }
}

template <class T>
static void upfirdn2d(const T* x, T* out, Index images, Index h, Index w, Index oh, Index ow, Index c, Filter p,
                      const double* taps, double gain, int threads) {
    typedef typename Exact<T>::type A;
    std::vector<A> along(p.taps), down(p.taps);
    for (Index k = 0; k < p.taps; ++k) along[k] = static_cast<A>(taps[k]), down[k] = static_cast<A>(taps[k] * gain);
    const Index wanted = images * oh / (4 * threads);  // so that all threads have work to the end
    const Index rows = std::min<Index>(std::max<Index>(wanted, 4), 32), blocks = (oh + rows - 1) / rows;
    parallel(images * blocks, threads, [&](Index task) {
        const Index width = w * c, left = std::max<Index>(p.before_x, 0) + 1;
        const Index right = std::max<Index>((ow - 1) * p.down - p.before_x + p.taps - w * p.up, 0) + 1;
        const Index padded = (left + w + right) * c;
        std::vector<A> columns(2 * padded, A(0)), line(c);
        A *column = columns.data() + left * c, *below = column + padded;
        const Index image = task / blocks, first = task % blocks * rows, last = std::min(first + rows, oh);
        const T* own = x + image * h * width;
        for (Index oy = first; oy < last; ++oy) {
            const Index top = oy - p.before_y;
            const bool both = p.taps == 4 && p.up == 1 && p.down == 1 && oy + 1 < last && top >= 0 && top + 5 <= h;
            T* row = out + (image * oh + oy) * ow * c;
            if (both) {
                const T* in[5];
                for (int k = 0; k < 5; ++k) in[k] = own + (top + k) * width;
                four_taps_twice(column, below, in, down.data(), width);
                filter_row(below, row + ow * c, line.data(), w, ow, c, p, along.data());
                ++oy;
            } else {
                filter_columns(own, column, oy, h, width, p, down.data());
            }
            filter_row(column, row, line.data(), w, ow, c, p, along.data());
        }
    });
}

#endif
