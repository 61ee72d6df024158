// Convolutions of 3×3 with stride 1 and padding 1 by Winograd's minimal filtering, F(2×2, 3×3) (Lavin & Gray 2015).
//
// The output is cut into tiles of 2×2. Each depends on 4×4 inputs d and, transformed as B'dB, takes 16 products
// with the transformed filter GgG' instead of 36 with the filter; A'mA of them, summed over the channels, is the
// tile. The transforms only add and halve. For every one of the 16 places the sums over the channels of many tiles
// are a product of matrices. The weight's gradient is the adjoint: for every place a product over the tiles.
//
// Images are channels_last float32. A tile's result depends on its inputs alone, and the weight's gradient is
// summed over parts that shapes decide, so that results do not depend on the number of threads.

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "common.h"

// GCC and Clang have vector types. On one thread PyTorch's convolutions, which have theirs, would be faster.
#if defined(__GNUC__) && defined(_OPENMP)

#include <omp.h>

#if defined(__AVX512F__)
enum { LANES = 16, ROWS = 12, WEIGHT_ROWS = 8 };  // ROWS × 2 sums, 2 operands and a factor fit the registers
#elif defined(__AVX__)
enum { LANES = 8, ROWS = 6, WEIGHT_ROWS = 4 };
#elif defined(__aarch64__)
enum { LANES = 4, ROWS = 12, WEIGHT_ROWS = 8 };
#else
enum { LANES = 4, ROWS = 6, WEIGHT_ROWS = 4 };
#endif

enum {
    PLACES = 16,          // of a transformed tile
    COLUMNS = 2 * LANES,  // output channels of one small product
    BLOCK = 48,           // tiles, at most, that are transformed together: up to 256 channels in the second cache
    SIDE = 64,            // input and output channels of one block of the weight's gradient
    DEPTH = 32,           // tiles of one small product for it
    PARTS = 16,           // blocks of the weight's gradient, at least, for threads to share
    SKEW = LANES          // between the matrices of two places, which would else meet in few lines of the cache
};

typedef float Vector __attribute__((vector_size(LANES * sizeof(float))));
typedef float Loose __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

static inline Vector get(const float* p) { return *reinterpret_cast<const Loose*>(p); }
static inline void put(float* p, Vector v) { *reinterpret_cast<Loose*>(p) = v; }

// Room for numbers that a calling thread keeps from call to call, so that memory is not asked for at each of them;
// null where there is none. What is left in it are finite numbers.
static float* kept(Index numbers) {
    static thread_local std::vector<float> room;
    try {
        if (static_cast<Index>(room.size()) < numbers) room.resize(numbers);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
    return room.data();
}

// Images [n, h, w] and their tiles, which are numbered along rows, then down, then over the images.
struct Tiling {
    Index n, h, w;
    Index across() const { return (w + 1) / 2; }
    Index down() const { return (h + 1) / 2; }
    Index tiles() const { return n * across() * down(); }
};

// The place of a tile, and which of its 2×2 pixels the image has.
struct Tile {
    Index first;  // pixel, counted over all images
    Index y, x;   // of its first pixel in its image
    bool right, below;
    Tile(const Tiling& s, Index number) {
        const Index image = number / (s.across() * s.down());
        y = number / s.across() % s.down() * 2;
        x = number % s.across() * 2;
        first = (image * s.h + y) * s.w + x;
        right = x + 1 < s.w;
        below = y + 1 < s.h;
    }
};

// ---------------------------------------------------------------------------------------------- products

// c[r][j] (+)= Σ_k a[r·row + k·step] · b[k·b_row + j] for the given rows r and COLUMNS columns j.
template <bool ADD, int... r>
static inline void product(std::integer_sequence<int, r...>, const float* a, Index row, Index step, const float* b,
                           Index b_row, Index depth, float* c, Index c_row) {
    Vector left[sizeof...(r)], right[sizeof...(r)];
    ((left[r] = ADD ? get(c + r * c_row) : Vector{}, right[r] = ADD ? get(c + r * c_row + LANES) : Vector{}), ...);
    for (Index k = 0; k < depth; ++k) {
        const Vector b0 = get(b + k * b_row), b1 = get(b + k * b_row + LANES);
        ((left[r] += a[r * row + k * step] * b0, right[r] += a[r * row + k * step] * b1), ...);
    }
    ((put(c + r * c_row, left[r]), put(c + r * c_row + LANES, right[r])), ...);
}

// ---------------------------------------------------------------------------------------------- transforms

// B'dB of the channels [from, to) of a tile: out[place·stride + channel − from]. Outside the image d is 0.
static inline void transform_input(const float* x, const Tiling& s, Index channels, Index number, Index from,
                                   Index to, float* out, Index stride) {
    const Tile tile(s, number);
    bool row[4], column[4];
    for (int i = 0; i < 4; ++i) {
        row[i] = tile.y - 1 + i >= 0 && tile.y - 1 + i < s.h;
        column[i] = tile.x - 1 + i >= 0 && tile.x - 1 + i < s.w;
    }
    for (Index c = from; c < to; c += LANES) {
        Vector t[4][4];  // B'd
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
            Vector d[4];
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i)
                d[i] = row[i] && column[j] ? get(x + (tile.first + (i - 1) * s.w + j - 1) * channels + c) : Vector{};
            t[0][j] = d[0] - d[2];
            t[1][j] = d[1] + d[2];
            t[2][j] = d[2] - d[1];
            t[3][j] = d[1] - d[3];
        }
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            float* to_row = out + 4 * i * stride + c - from;
            put(to_row, t[i][0] - t[i][2]);
            put(to_row + stride, t[i][1] + t[i][2]);
            put(to_row + 2 * stride, t[i][2] - t[i][1]);
            put(to_row + 3 * stride, t[i][1] - t[i][3]);
        }
    }
}

// A'mA: the 2×2 pixels of a tile from m[place·stride + channel].
static inline void transform_output(const float* m, Index stride, const Tiling& s, Index channels, Index number,
                                    float* y) {
    const Tile tile(s, number);
    float* out = y + tile.first * channels;
    for (Index c = 0; c < channels; c += LANES) {
        Vector a[2][4];  // A'm
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
            const Vector m0 = get(m + j * stride + c), m1 = get(m + (4 + j) * stride + c);
            const Vector m2 = get(m + (8 + j) * stride + c), m3 = get(m + (12 + j) * stride + c);
            a[0][j] = m0 + m1 + m2;
            a[1][j] = m1 - m2 - m3;
        }
        put(out + c, a[0][0] + a[0][1] + a[0][2]);
        if (tile.right) put(out + channels + c, a[0][1] - a[0][2] - a[0][3]);
        if (tile.below) put(out + s.w * channels + c, a[1][0] + a[1][1] + a[1][2]);
        if (tile.right && tile.below) put(out + (s.w + 1) * channels + c, a[1][1] - a[1][2] - a[1][3]);
    }
}

// The adjoint of transform_output for the channels [from, to): out[place·stride + channel − from].
static inline void transform_grad(const float* grad, const Tiling& s, Index channels, Index number, Index from,
                                  Index to, float* out, Index stride) {
    const Tile tile(s, number);
    const float* in = grad + tile.first * channels;
    for (Index c = from; c < to; c += LANES) {
        const Vector zero = {}, d00 = get(in + c), d01 = tile.right ? get(in + channels + c) : zero;
        const Vector d10 = tile.below ? get(in + s.w * channels + c) : zero;
        const Vector d11 = tile.right && tile.below ? get(in + (s.w + 1) * channels + c) : zero;
        const Vector t[4][2] = {{d00, d01}, {d00 + d10, d01 + d11}, {d00 - d10, d01 - d11}, {-d10, -d11}};
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            float* to_row = out + 4 * i * stride + c - from;
            put(to_row, t[i][0]);
            put(to_row + stride, t[i][0] + t[i][1]);
            put(to_row + 2 * stride, t[i][0] - t[i][1]);
            put(to_row + 3 * stride, -t[i][1]);
        }
    }
}

// A filter bank g[outer][inner][3][3] with any strides.
struct Filters {
    const float* g;
    Index outer, inner, down, across;
};

// GgG': u[place][o / COLUMNS][i][o % COLUMNS].
static void transform_filters(Filters f, Index inner, Index outer, float* u, int threads) {
    const Index place = inner * outer;
    parallel(outer / COLUMNS, threads, [=](Index block) {
        for (Index i = 0; i < inner; ++i) {
            float g[3][3][COLUMNS];
            for (int o = 0; o < COLUMNS; ++o)
                for (int k = 0; k < 9; ++k)
                    g[k / 3][k % 3][o] = f.g[(block * COLUMNS + o) * f.outer + i * f.inner + k / 3 * f.down + k % 3 * f.across];
            float* to = u + (block * inner + i) * COLUMNS;
            SIMD
            for (int o = 0; o < COLUMNS; ++o) {
                float t[4][3];  // Gg
                for (int j = 0; j < 3; ++j) {
                    t[0][j] = g[0][j][o];
                    t[1][j] = 0.5f * (g[0][j][o] + g[1][j][o] + g[2][j][o]);
                    t[2][j] = 0.5f * (g[0][j][o] - g[1][j][o] + g[2][j][o]);
                    t[3][j] = g[2][j][o];
                }
                for (int r = 0; r < 4; ++r) {
                    to[4 * r * place + o] = t[r][0];
                    to[(4 * r + 1) * place + o] = 0.5f * (t[r][0] + t[r][1] + t[r][2]);
                    to[(4 * r + 2) * place + o] = 0.5f * (t[r][0] - t[r][1] + t[r][2]);
                    to[(4 * r + 3) * place + o] = t[r][2];
                }
            }
        }
    });
}

// ---------------------------------------------------------------------------------------------- convolution

static Index room_of_a_thread(Index inner, Index outer) { return PLACES * (BLOCK * (inner + outer) + 2 * SKEW); }

template <Index FIXED>
static void convolve(const float* x, const float* u, float* rooms, float* y, Tiling s, Index channels, Index outer,
                     int threads) {
    const Index tiles = s.tiles(), share = (tiles + 2 * threads - 1) / (2 * threads);
    const Index block = std::min<Index>(BLOCK, (share + ROWS - 1) / ROWS * ROWS);  // no result depends on it
    parallel((tiles + block - 1) / block, threads, [=](Index task) {
        const Index inner = FIXED ? FIXED : channels;
        const Index first = task * block, count = std::min(block, tiles - first);
        const Index v_place = block * inner + SKEW, m_place = block * outer + SKEW;
        float* v = rooms + omp_get_thread_num() * room_of_a_thread(inner, outer);
        float* m = v + PLACES * v_place;  // rows beyond `count` are numbers that nobody reads
        for (Index t = 0; t < count; ++t) transform_input(x, s, inner, first + t, 0, inner, v + t * inner, v_place);
        for (Index p = 0; p < PLACES; ++p)
            for (Index o = 0; o < outer; o += COLUMNS)
                for (Index t = 0; t < count; t += ROWS)
                    product<false>(std::make_integer_sequence<int, ROWS>(), v + p * v_place + t * inner, inner, 1,
                                   u + (p * outer + o) * inner, COLUMNS, inner, m + p * m_place + t * outer + o, outer);
        for (Index t = 0; t < count; ++t) transform_output(m + t * outer, m_place, s, outer, first + t, y);
    });
}

// Channels of input and output must be multiples of this; 0 where there are no such convolutions.
EXPORT Index sp_conv3x3_channels() { return COLUMNS; }

// y[n, h, w, outer] of x[n, h, w, inner] and filters with the given strides; 0 if memory is short, else 1.
EXPORT int sp_conv3x3(const float* x, const float* weight, Index outer_stride, Index inner_stride, Index down,
                       Index across, float* y, Index n, Index h, Index w, Index inner, Index outer, int threads) {
    float* u = kept(PLACES * inner * outer + threads * room_of_a_thread(inner, outer));
    if (!u) return 0;
    float* rooms = u + PLACES * inner * outer;
    transform_filters({weight, outer_stride, inner_stride, down, across}, inner, outer, u, threads);
    const Tiling s = {n, h, w};
    by_channels(inner, [=](auto fixed) { convolve<fixed>(x, u, rooms, y, s, inner, outer, threads); });
    return 1;
}

// ---------------------------------------------------------------------------------------------- weight's gradient

struct Blocks {
    Index inner, outer;  // channels
    Index down() const { return (inner + SIDE - 1) / SIDE; }
    Index across() const { return (outer + SIDE - 1) / SIDE; }
    Index parts() const { return std::max<Index>(1, PARTS / (down() * across())); }  // of the tiles
};

enum { CELL = PLACES * SIDE * SIDE, PLACE = DEPTH * SIDE + SKEW, GRAD_ROOM = 2 * PLACES * PLACE };

// sum[place][i][o] over the tiles [begin, end) of B'dB · transformed gradient, for one block of channels.
static void accumulate(const float* x, const float* grad, const Tiling& s, const Blocks& b, Index from_inner,
                       Index from_outer, Index begin, Index end, float* room, float* sum) {
    const Index to_inner = std::min<Index>(from_inner + SIDE, b.inner), rows = to_inner - from_inner;
    const Index to_outer = std::min<Index>(from_outer + SIDE, b.outer), columns = to_outer - from_outer;
    float* v = room;
    float* g = v + PLACES * PLACE;
    std::fill(sum, sum + CELL, 0.0f);
    for (Index first = begin; first < end; first += DEPTH) {
        const Index depth = std::min<Index>(DEPTH, end - first);
        for (Index t = 0; t < depth; ++t) {
            transform_input(x, s, b.inner, first + t, from_inner, to_inner, v + t * SIDE, PLACE);
            transform_grad(grad, s, b.outer, first + t, from_outer, to_outer, g + t * SIDE, PLACE);
        }
        for (Index p = 0; p < PLACES; ++p)
            for (Index o = 0; o < columns; o += COLUMNS)
                for (Index i = 0; i < rows; i += WEIGHT_ROWS)
                    product<true>(std::make_integer_sequence<int, WEIGHT_ROWS>(), v + p * PLACE + i, 1, SIDE,
                                  g + p * PLACE + o, SIDE, depth, sum + (p * SIDE + i) * SIDE + o, SIDE);
    }
}

// G'qG of LANES filters: out[k][lane], k counts the 3×3.
static inline void transform_sums(const Vector q[PLACES], float out[9][LANES]) {
    Vector t[3][4];  // G'q
    for (int j = 0; j < 4; ++j) {
        const Vector sum = 0.5f * (q[4 + j] + q[8 + j]);
        t[0][j] = q[j] + sum;
        t[1][j] = 0.5f * (q[4 + j] - q[8 + j]);
        t[2][j] = sum + q[12 + j];
    }
    for (int k = 0; k < 3; ++k) {
        const Vector sum = 0.5f * (t[k][1] + t[k][2]);
        put(out[3 * k], t[k][0] + sum);
        put(out[3 * k + 1], 0.5f * (t[k][1] - t[k][2]));
        put(out[3 * k + 2], sum + t[k][3]);
    }
}

// The gradient [outer][inner][3][3], contiguous, of images x[n, h, w, inner] and grad[n, h, w, outer]; 0 if memory is
// short, else 1.
EXPORT int sp_conv3x3_weight_grad(const float* x, const float* grad, float* out, Index n, Index h, Index w,
                                   Index inner, Index outer, int threads) {
    const Tiling s = {n, h, w};
    const Blocks b = {inner, outer};
    const Index cells = b.down() * b.across(), parts = b.parts(), tiles = s.tiles();
    float* sums = kept(parts * cells * CELL + threads * GRAD_ROOM);
    if (!sums) return 0;
    float* rooms = sums + parts * cells * CELL;
    parallel(parts * cells, threads, [=](Index task) {
        const Index part = task / cells, cell = task % cells;
        accumulate(x, grad, s, b, cell / b.across() * SIDE, cell % b.across() * SIDE, tiles * part / parts,
                   tiles * (part + 1) / parts, rooms + omp_get_thread_num() * GRAD_ROOM, sums + task * CELL);
    });
    parallel(inner, threads, [=](Index i) {
        for (Index o = 0; o < outer; o += LANES) {
            const float* from = sums + (i / SIDE * b.across() + o / SIDE) * CELL + i % SIDE * SIDE + o % SIDE;
            Vector q[PLACES];
            for (int p = 0; p < PLACES; ++p) {
                q[p] = get(from + p * SIDE * SIDE);
                for (Index part = 1; part < parts; ++part) q[p] += get(from + (part * cells * PLACES + p) * SIDE * SIDE);
            }
            float filters[9][LANES];
            transform_sums(q, filters);
            for (int lane = 0; lane < LANES; ++lane)
                for (int k = 0; k < 9; ++k) out[((o + lane) * inner + i) * 9 + k] = filters[k][lane];
        }
    });
    return 1;
}

#else  // other compilers: PyTorch convolves

EXPORT Index sp_conv3x3_channels() { return 0; }
EXPORT int sp_conv3x3(const float*, const float*, Index, Index, Index, Index, float*, Index, Index, Index, Index, Index,
                      int) {
    return 0;
}
EXPORT int sp_conv3x3_weight_grad(const float*, const float*, float*, Index, Index, Index, Index, Index, int) {
    return 0;
}

#endif
