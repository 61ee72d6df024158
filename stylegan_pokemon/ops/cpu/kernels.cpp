// CPU kernels of stylegan_pokemon: plain C++17 behind a C interface, without any framework header.
//
// An image is seen as rows of C numbers (channels_last: one row per pixel) or, contiguous, as N·C images of one
// channel. Storage is float, double or bfloat16; arithmetic is float, or double for double. Sums are taken over
// blocks whose bounds depend on shapes alone, so that results do not depend on the number of threads.

#include <algorithm>
#include <cstring>
#include <vector>

#include "common.h"

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
struct Shape {
    Index n, c, pixels;
    int channels_last;
};

// ---------------------------------------------------------------------------------------------- epilogue

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

// ---------------------------------------------------------------------------------------------- upfirdn2d

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

// -------------------------------------------------------------------------------------- sampling and colours

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

// ------------------------------------------------------------------------------------------ the C interface
//
// `type` is 0 for float, 1 for double, 2 for bfloat16. Factors, sums, grids and matrices have the type of the
// arithmetic. A null pointer leaves an argument out. A struct of one pointer is passed as the pointer itself.

struct Any {
    void* pointer;
    template <class T> operator T*() const { return static_cast<T*>(pointer); }
};

#define BY_TYPE(function, ...)                           \
    switch (type) {                                      \
        case 0: return function<float>(__VA_ARGS__);     \
        case 1: return function<double>(__VA_ARGS__);    \
        default: return function<BFloat16>(__VA_ARGS__); \
    }

EXPORT void sp_epilogue(int type, Any x, Any scale, Any noise, Index noise_images, double strength, Any bias, Any y,
                        Index n, Index c, Index pixels, int last, int act, double gain, double clamp, int threads) {
    const Shape s = {n, c, pixels, last};
    BY_TYPE(epilogue, x, scale, noise, noise_images, strength, bias, y, s, act, gain, clamp, threads)
}

EXPORT void sp_epilogue_grad(int type, Any grad, Any y, Any out, Index count, int act, double gain, double clamp,
                             int threads) {
    BY_TYPE(epilogue_grad, grad, y, out, count, act, gain, clamp, threads)
}

EXPORT void sp_epilogue_backward(int type, Any grad, Any y, Any scale, Any noise, Index noise_images, Any out,
                                 Any sums, Index n, Index c, Index pixels, int last, int act, double gain,
                                 double clamp, int threads) {
    const Shape s = {n, c, pixels, last};
    BY_TYPE(epilogue_backward, grad, y, scale, noise, noise_images, out, sums, s, act, gain, clamp, threads)
}

EXPORT void sp_scale_and_dot(int type, Any a, Any b, Any scale, Any out, Any dot, Index n, Index c, Index pixels,
                             int last, int threads) {
    const Shape s = {n, c, pixels, last};
    BY_TYPE(scale_and_dot, a, b, scale, out, dot, s, threads)
}

// A contiguous image is passed as images = N·C of one channel, c = 1.
EXPORT void sp_upfirdn2d(int type, Any x, Any out, Index images, Index h, Index w, Index oh, Index ow, Index c,
                         Index up, Index down, Index before_x, Index before_y, const double* taps, Index count,
                         double gain, int threads) {
    const Filter p = {count, up, down, before_x, before_y};
    BY_TYPE(upfirdn2d, x, out, images, h, w, oh, ow, c, p, taps, gain, threads)
}

EXPORT void sp_grid_gather(int type, Any x, Any grid, Any out, Index n, Index c, Index h, Index w, Index points,
                           int last, int threads) {
    BY_TYPE(grid_gather, x, grid, out, n, c, h, w, points, last, threads)
}

EXPORT void sp_grid_scatter(int type, Any values, Any grid, Any out, Index n, Index c, Index h, Index w, Index points,
                            int last, int threads) {
    BY_TYPE(grid_scatter, values, grid, out, n, c, h, w, points, last, threads)
}

EXPORT void sp_colour_transform(int type, Any x, Any matrix, Any out, Index n, Index pixels, int last, int threads) {
    BY_TYPE(colour_transform, x, matrix, out, n, pixels, last, threads)
}
