// CUDA kernels of stylegan_pokemon: plain CUDA C++ without any header, for NVRTC on sm_60 and newer, and, under the
// tests' emulation, for a C++ compiler.
//
// Images are [n, c, pixels], contiguous or (LAST) channels_last. Storage T is float, Half or BFloat16; arithmetic,
// factors, sums, grids and matrices are float. V numbers that lie side by side in memory are read at once; the host
// chooses V such that they share a channel (contiguous) or a pixel (channels_last) and are aligned. Nothing depends
// on the order in which threads or blocks run, so that results repeat.

#ifndef EMULATED
#define DYNAMIC_SHARED(name) extern __shared__ float name[]

__device__ inline float half_to_float(unsigned short bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}

__device__ inline unsigned short float_to_half(float value) {
    unsigned short bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}
#endif

typedef unsigned int U;
typedef long long Long;

const int THREADS = 256;  // of every block; the second launch bound lets that many blocks share a multiprocessor

// ------------------------------------------------------------------------------------------------ storage types

struct Half {
    unsigned short bits;
};
struct BFloat16 {
    unsigned short bits;
};

__device__ inline float load(float value) { return value; }

__device__ inline float load(Half value) { return half_to_float(value.bits); }

__device__ inline float load(BFloat16 value) { return __uint_as_float(static_cast<U>(value.bits) << 16); }

__device__ inline void store(float& to, float value) { to = value; }

__device__ inline void store(Half& to, float value) { to.bits = float_to_half(value); }

__device__ inline void store(BFloat16& to, float value) {  // to nearest, ties to even; NaN stays NaN
    const U bits = __float_as_uint(value);
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    to.bits = static_cast<unsigned short>(nan ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

template <class T, int V> struct alignas(sizeof(T) * V) Pack {
    T at[V];
};

template <class T, int V> __device__ inline Pack<T, V> read(const T* from) {
    return *reinterpret_cast<const Pack<T, V>*>(from);
}

template <class T, int V> __device__ inline void write(T* to, const Pack<T, V>& values) {
    *reinterpret_cast<Pack<T, V>*>(to) = values;
}

// ----------------------------------------------------------------------------------------------------- epilogue

// y = clamp(act(x·scale + noise·strength + bias) · gain): one read, one write. `slope` is that of the activation
// below 0, `bound` infinite for none; `y` may be `x`. blockIdx.y counts images.
template <class T, int V, bool LAST>
__global__ void __launch_bounds__(THREADS, 4)
    epilogue(const T* x, const float* scale, const float* noise, const float* strength, const float* bias, T* y,
             int n, int c, int pixels, int noise_images, float gain, float slope, float bound) {
    const U size = static_cast<U>(c) * static_cast<U>(pixels);
    const U at = (blockIdx.x * THREADS + threadIdx.x) * V;
    if (at >= size) return;
    const U row = LAST ? at / c : at / pixels, place = LAST ? at - row * c : at - row * pixels;
    const U channel = LAST ? place : row, pixel = LAST ? row : place;
    const float loud = noise ? *strength : 0.f;
    for (int image = blockIdx.y; image < n; image += gridDim.y) {
        const size_t base = static_cast<size_t>(image) * size + at;
        const float* around = noise ? noise + static_cast<size_t>(noise_images > 1 ? image : 0) * pixels + pixel : 0;
        const Pack<T, V> in = read<T, V>(x + base);
        Pack<T, V> out;
#pragma unroll
        for (int v = 0; v < V; ++v) {
            const U k = LAST ? channel + v : channel;
            float value = load(in.at[v]);
            if (scale) value *= scale[static_cast<size_t>(image) * c + k];
            if (noise) value += loud * around[LAST ? 0 : v];
            if (bias) value += bias[k];
            value *= gain;
            const float low = slope > 0.f ? value * slope : 0.f;  // −∞·0 would be no number
            value = low > value ? low : value;
            value = value < -bound ? -bound : value;
            store(out.at[v], value > bound ? bound : value);
        }
        write<T, V>(y + base, out);
    }
}

// grad · gain · act' where |y| < bound, else 0. `low` is the derivative where y ≤ 0; a NaN as bound is none.
template <class T> __device__ inline float passed(float grad, float y, float gain, float low, float bound) {
    return y >= bound || y <= -bound ? 0.f : grad * (y > 0.f ? gain : low);
}

template <class T, int V>
__global__ void __launch_bounds__(THREADS, 4)
    epilogue_grad(const T* grad, const T* y, T* out, Long count, float gain, float low, float bound) {
    const Long at = (static_cast<Long>(blockIdx.x) * THREADS + threadIdx.x) * V;
    if (at >= count) return;
    const Pack<T, V> up = read<T, V>(grad + at), value = read<T, V>(y + at);
    Pack<T, V> down;
#pragma unroll
    for (int v = 0; v < V; ++v) store(down.at[v], passed<T>(load(up.at[v]), load(value.at[v]), gain, low, bound));
    write<T, V>(out + at, down);
}

// ------------------------------------------------------------------------- one pass that also sums over the pixels

// The sums per image and channel of epilogue_backward: of g, of g·noise, and of grad·y where |y| < bound.
struct EpilogueBackward {
    static const int SUMS = 3;
    float gain, low, bound;
    __device__ float operator()(float grad, float y, float noise, float* sums) const {
        const float free = passed<float>(grad, y, 1.f, 1.f, bound), g = free * (y > 0.f ? gain : low);
        sums[0] += g, sums[1] += g * noise, sums[2] += free * y;
        return g;
    }
};

// The sum of a·b; what is passed on is a.
struct ScaleAndDot {
    static const int SUMS = 1;
    float gain, low, bound;
    __device__ float operator()(float a, float b, float, float* sums) const {
        sums[0] += a * b;
        return a;
    }
};

// out = op(a, b, noise) · scale (if out), and partial[n, chunk, SUMS, c] = its sums over the chunk's pixels.
//
// channels_last: a block has `lanes` columns of V channels each, and as many rows of pixels as threads suffice for;
// blockIdx is (chunk, group of lanes·V channels, image). Contiguous: blockIdx is (chunk, channel, image), all
// threads side by side on its pixels (lanes 1).
template <class T, int V, bool LAST, class OP>
__global__ void __launch_bounds__(THREADS, 2)
    pass_and_sum(const T* a, const T* b, const float* scale, const float* noise, T* out, float* partial, int n, int c,
                 int pixels, int noise_images, int lanes, int chunk, float gain, float low, float bound) {
    DYNAMIC_SHARED(shared);  // [SUMS, rows, lanes · W]
    const int W = LAST ? V : 1, STEP = LAST ? 1 : V;  // sums and pixels of a thread
    const OP op = {gain, low, bound};
    const int rows = THREADS / lanes, lane = threadIdx.x % lanes, row = threadIdx.x / lanes;
    const int channel = LAST ? (blockIdx.y * lanes + lane) * V : blockIdx.y;
    const int first = blockIdx.x * chunk, last = first + chunk < pixels ? first + chunk : pixels;
    const int wide = lanes * W;
    const int busy = (last - first + STEP - 1) / STEP < rows ? (last - first + STEP - 1) / STEP : rows;
    for (int image = blockIdx.z; image < n; image += gridDim.z) {
        float sums[W][OP::SUMS];
#pragma unroll
        for (int w = 0; w < W; ++w)
#pragma unroll
            for (int s = 0; s < OP::SUMS; ++s) sums[w][s] = 0.f;
        if (row < rows && channel < c) {
            float factor[W];
#pragma unroll
            for (int w = 0; w < W; ++w) factor[w] = scale ? scale[static_cast<size_t>(image) * c + channel + w] : 1.f;
            const float* around = noise ? noise + static_cast<size_t>(noise_images > 1 ? image : 0) * pixels : 0;
            const size_t own = static_cast<size_t>(image) * c * pixels;
            for (int pixel = first + row * STEP; pixel < last; pixel += rows * STEP) {
                const size_t at = own + (LAST ? static_cast<size_t>(pixel) * c + channel
                                              : static_cast<size_t>(channel) * pixels + pixel);
                const Pack<T, V> left = read<T, V>(a + at), right = read<T, V>(b + at);
                Pack<T, V> result;
#pragma unroll
                for (int v = 0; v < V; ++v) {
                    const int w = LAST ? v : 0;
                    const float loud = around ? around[pixel + (LAST ? 0 : v)] : 0.f;
                    store(result.at[v], op(load(left.at[v]), load(right.at[v]), loud, sums[w]) * factor[w]);
                }
                if (out) write<T, V>(out + at, result);
            }
        }
        if (row < rows)
#pragma unroll
            for (int s = 0; s < OP::SUMS; ++s)
#pragma unroll
                for (int w = 0; w < W; ++w) shared[(s * rows + row) * wide + lane * W + w] = sums[w][s];
        __syncthreads();
        // Halve the rows that had pixels until one is left; an odd one in the middle waits for the next round.
        for (int left = busy; left > 1;) {
            const int half = (left + 1) / 2, pairs = left / 2;
            for (int i = threadIdx.x; i < OP::SUMS * pairs * wide; i += THREADS) {
                const int s = i / (pairs * wide), rest = i - s * pairs * wide;
                shared[s * rows * wide + rest] += shared[s * rows * wide + half * wide + rest];
            }
            __syncthreads();
            left = half;
        }
        for (int i = threadIdx.x; i < OP::SUMS * wide; i += THREADS) {
            const int s = i / wide, k = i - s * wide, to = LAST ? blockIdx.y * wide + k : blockIdx.y;
            if (to < c)
                partial[((static_cast<size_t>(image) * gridDim.x + blockIdx.x) * OP::SUMS + s) * c + to] =
                    shared[s * rows * wide + k];
        }
        __syncthreads();
    }
}

// sums[s, n, c] = Σ over chunks of partial[n, chunk, s, c]. blockIdx.y counts images.
template <int SUMS>
__global__ void __launch_bounds__(THREADS, 4)
    sum_partial(const float* partial, float* sums, int n, int c, int chunks) {
    const int i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= SUMS * c) return;
    for (int image = blockIdx.y; image < n; image += gridDim.y) {
        const float* from = partial + static_cast<size_t>(image) * chunks * SUMS * c + i;
        float total = 0.f;
        for (int k = 0; k < chunks; ++k) total += from[static_cast<size_t>(k) * SUMS * c];
        sums[(static_cast<size_t>(i / c) * n + image) * c + i % c] = total;
    }
}

// ---------------------------------------------------------------------------------------------------- upfirdn2d

// The first tap k that meets a pixel, not an inserted zero, when the filter's start lies at `position`.
template <int UP> __device__ inline int first_tap(int position, int up) {
    if (UP == 1) return 0;
    if (UP == 2) return position & 1;
    const int rest = position % up;
    return rest == 0 ? 0 : rest > 0 ? up - rest : -rest;
}

// The sum of a filter's taps over the pixels that they meet; `from` is the first of these.
template <int UP, int TAPS>
__device__ inline float correlated(const float* f, const float* from, int step, int first, int up, int count) {
    float sum = 0.f;
#pragma unroll
    for (int k = 0; k < (TAPS ? (TAPS + (UP ? UP : 1) - 1) / (UP ? UP : 1) : (count + up - 1) / up); ++k) {
        const int tap = first + k * up;
        if (tap < count) sum += f[tap] * from[k * step];
    }
    return sum;
}

// Zeros are inserted (up), the filter correlates with `taps` along both axes, every down-th result is kept and
// multiplied by `gain`. UP, DOWN, TAPS of 0 are arguments instead. `before` counts zeros left of and above the image.
//
// A block computes a tile of WIDTH × HEIGHT pixels and LANES channels: it reads the pixels that the tile needs once
// into shared memory, filters down the columns, then along the rows. blockIdx is (tile, group of LANES channels,
// image). A contiguous image is passed as n·c images of one channel, LANES 1.
template <class T, int UP, int DOWN, int TAPS, int WIDTH, int HEIGHT, int LANES>
__global__ void __launch_bounds__(THREADS, 4)
    upfirdn2d(const T* x, T* out, const float* taps, int n, int c, int h, int w, int oh, int ow, int before_x,
              int before_y, int up_, int down_, int count_, float gain) {
    DYNAMIC_SHARED(shared);  // taps, the tile's pixels [in_h, in_w, LANES], filtered columns [HEIGHT, in_w, LANES]
    const int up = UP ? UP : up_, down = DOWN ? DOWN : down_, count = TAPS ? TAPS : count_;
    const int in_w = ((WIDTH - 1) * down + count + up - 1) / up, in_h = ((HEIGHT - 1) * down + count + up - 1) / up;
    float *f = shared, *pixels = f + count, *columns = pixels + in_h * in_w * LANES;
    const int across = (ow + WIDTH - 1) / WIDTH;
    const int ox = static_cast<int>(blockIdx.x) % across * WIDTH, oy = static_cast<int>(blockIdx.x) / across * HEIGHT;
    const int start_x = ox * down - before_x, start_y = oy * down - before_y;
    const int from_x = (start_x + first_tap<UP>(start_x, up)) / up;
    const int from_y = (start_y + first_tap<UP>(start_y, up)) / up;
    const int channel = blockIdx.y * LANES;
    // Rows below the image's end are left out, which are most of a small image's tile.
    const int tall = oh - oy < HEIGHT ? oh - oy : HEIGHT, in_tall = ((tall - 1) * down + count + up - 1) / up;
    for (int i = threadIdx.x; i < count; i += THREADS) f[i] = taps[i];
    for (int image = blockIdx.z; image < n; image += gridDim.z) {
        const T* own = x + static_cast<size_t>(image) * h * w * c;
        for (int i = threadIdx.x; i < in_tall * in_w * LANES; i += THREADS) {
            const int lane = i % LANES, ix = i / LANES % in_w + from_x, iy = i / LANES / in_w + from_y;
            const bool inside = ix >= 0 && ix < w && iy >= 0 && iy < h && channel + lane < c;
            pixels[i] = inside ? load(own[(static_cast<size_t>(iy) * w + ix) * c + channel + lane]) : 0.f;
        }
        __syncthreads();
        for (int i = threadIdx.x; i < tall * in_w * LANES; i += THREADS) {
            const int place = i % (in_w * LANES), y = i / (in_w * LANES);
            const int position = start_y + y * down, first = first_tap<UP>(position, up);
            const float* column = pixels + ((position + first) / up - from_y) * in_w * LANES + place;
            columns[i] = correlated<UP, TAPS>(f, column, in_w * LANES, first, up, count);
        }
        __syncthreads();
        for (int i = threadIdx.x; i < tall * WIDTH * LANES; i += THREADS) {
            const int lane = i % LANES, x_ = i / LANES % WIDTH, y = i / LANES / WIDTH;
            if (ox + x_ >= ow || channel + lane >= c) continue;
            const int position = start_x + x_ * down, first = first_tap<UP>(position, up);
            const float* row = columns + (y * in_w + (position + first) / up - from_x) * LANES + lane;
            const float sum = correlated<UP, TAPS>(f, row, LANES, first, up, count);
            T* to = out + static_cast<size_t>(image) * oh * ow * c;
            store(to[(static_cast<size_t>(oy + y) * ow + ox + x_) * c + channel + lane], sum * gain);
        }
        // The next image's pixels go where no thread reads any more: the columns were finished a barrier ago.
    }
}

// ------------------------------------------------------------------------------------------ sampling and colours

// The four pixels around a point of the grid, (−1, −1) being the outer corner of the first pixel. Far points and NaN
// lie outside: fmaxf and fminf take the other argument for NaN.
struct Corner {
    int x, y;
    float right, below;
    __device__ Corner(const float* point, int w, int h) {
        const float px = fminf(fmaxf(((point[0] + 1) * w - 1) / 2, -2.f), w + 1.f);
        const float py = fminf(fmaxf(((point[1] + 1) * h - 1) / 2, -2.f), h + 1.f);
        const float fx = floorf(px), fy = floorf(py);
        x = static_cast<int>(fx), y = static_cast<int>(fy);
        right = px - fx, below = py - fy;
    }
    __device__ float weight(int corner) const {
        return (corner & 2 ? below : 1 - below) * (corner & 1 ? right : 1 - right);
    }
    // The index of the pixel, −1 outside.
    __device__ int pixel(int corner, int w, int h) const {
        const int i = y + (corner >> 1), j = x + (corner & 1);
        return i >= 0 && i < h && j >= 0 && j < w ? i * w + j : -1;
    }
};

// out[n, c, points] = bilinear samples of x [n, c, h·w] at grid [n, points, 2]. blockIdx.y counts images.
template <class T, bool LAST>
__global__ void __launch_bounds__(THREADS, 4)
    grid_gather(const T* x, const float* grid, T* out, int n, int c, int h, int w, int points) {
    const int point = blockIdx.x * THREADS + threadIdx.x;
    if (point >= points) return;
    for (int image = blockIdx.y; image < n; image += gridDim.y) {
        const Corner corner(grid + (static_cast<size_t>(image) * points + point) * 2, w, h);
        const T* own = x + static_cast<size_t>(image) * c * h * w;
        T* to = out + static_cast<size_t>(image) * c * points;
        for (int k = 0; k < c; ++k) {
            float sum = 0.f;
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int pixel = corner.pixel(i, w, h);
                if (pixel < 0) continue;
                const size_t at = LAST ? static_cast<size_t>(pixel) * c + k : static_cast<size_t>(k) * h * w + pixel;
                sum += corner.weight(i) * load(own[at]);
            }
            store(to[LAST ? static_cast<size_t>(point) * c + k : static_cast<size_t>(k) * points + point], sum);
        }
    }
}

// What turns values into whole numbers whose sums fit 64 bits, a power of two: the values are at most `greatest`,
// and a pixel gets at most one of each point.
__device__ inline double fixed_point(float greatest, int points) {
    return greatest > 0.f ? ldexp(1.0, 60 - ilogbf(greatest) - ilogbf(static_cast<float>(points))) : 1.0;
}

// The adjoint of grid_gather, added up in whole numbers, so that the order of additions does not matter:
// sums [n, c, h·w] (or [n, h·w, c]), zero before. `greatest` is the largest |value|.
template <class T, bool LAST>
__global__ void __launch_bounds__(THREADS, 4)
    grid_scatter(const T* values, const float* grid, const float* greatest, unsigned long long* sums, int n, int c,
                 int h, int w, int points) {
    const int point = blockIdx.x * THREADS + threadIdx.x;
    if (point >= points) return;
    const double unit = fixed_point(*greatest, points);
    for (int image = blockIdx.y; image < n; image += gridDim.y) {
        const Corner corner(grid + (static_cast<size_t>(image) * points + point) * 2, w, h);
        const T* from = values + static_cast<size_t>(image) * c * points;
        unsigned long long* own = sums + static_cast<size_t>(image) * c * h * w;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int pixel = corner.pixel(i, w, h);
            if (pixel < 0) continue;
            const float weight = corner.weight(i);
            for (int k = 0; k < c; ++k) {
                const float value = load(
                    from[LAST ? static_cast<size_t>(point) * c + k : static_cast<size_t>(k) * points + point]);
                const size_t to = LAST ? static_cast<size_t>(pixel) * c + k : static_cast<size_t>(k) * h * w + pixel;
                const Long whole = static_cast<Long>(static_cast<double>(weight * value) * unit);
                atomicAdd(own + to, static_cast<unsigned long long>(whole));
            }
        }
    }
}

// Whole numbers back to values; NaN for all where `greatest` is none or infinite.
template <class T>
__global__ void __launch_bounds__(THREADS, 4)
    grid_scatter_end(const unsigned long long* sums, const float* greatest, T* out, Long count, int points) {
    const Long at = static_cast<Long>(blockIdx.x) * THREADS + threadIdx.x;
    if (at >= count) return;
    const float most = *greatest;
    const double value = static_cast<double>(static_cast<Long>(sums[at])) / fixed_point(most, points);
    store(out[at], most - most == 0.f ? static_cast<float>(value) : __uint_as_float(0x7fc00000u));
}

// matrix[:, :, :3] · x + matrix[:, :, 3] per pixel: x [n, 3, pixels], matrix [n, 3, 4]. blockIdx.y counts images.
template <class T, bool LAST>
__global__ void __launch_bounds__(THREADS, 4)
    colour_transform(const T* x, const float* matrix, T* out, int n, int pixels) {
    const int pixel = blockIdx.x * THREADS + threadIdx.x;
    if (pixel >= pixels) return;
    const size_t step = LAST ? 1 : pixels;
    for (int image = blockIdx.y; image < n; image += gridDim.y) {
        const float* m = matrix + static_cast<size_t>(image) * 12;
        const size_t at = static_cast<size_t>(image) * 3 * pixels + (LAST ? 3 * static_cast<size_t>(pixel) : pixel);
        const float r = load(x[at]), g = load(x[at + step]), b = load(x[at + 2 * step]);
#pragma unroll
        for (int k = 0; k < 3; ++k)
            store(out[at + k * step], m[4 * k] * r + m[4 * k + 1] * g + m[4 * k + 2] * b + m[4 * k + 3]);
    }
}
