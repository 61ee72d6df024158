// CPU kernels of stylegan_pokemon: plain C++17 behind a C interface, without any framework header.
//
// An image is seen as rows of C numbers (channels_last: one row per pixel) or, contiguous, as N·C images of one
// channel. Storage is float, double or bfloat16; arithmetic is float, or double for double. Sums are taken over
// blocks whose bounds depend on shapes alone, so that results do not depend on the number of threads.

#include "epilogue.h"
#include "sampling.h"
#include "upfirdn2d.h"

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
