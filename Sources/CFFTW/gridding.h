#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The two inner loops of a non-uniform FFT. They live beside FFTW because Swift has neither per-function
// instruction sets nor lane shuffles; a `static inline` body needs no library of its own.
//
// A sample between grid points is a sum over `width` × `width` neighbours with separable weights. The weights
// are polynomials in the distance to the first neighbour, one per neighbour, evaluated for all of them at once.

/// One sample of the grid: where its neighbourhood starts and what its value is multiplied by.
typedef struct {
  int32_t offset;         // of the first neighbour, in complex numbers
  uint32_t target;        // index of the value; the top bit asks for its conjugate
  float across, along;    // distance to the first neighbour along both axes, mapped to [-1, 1)
  float real, imaginary;  // factor
} gridding_sample;

#define GRIDDING_CONJUGATE 0x80000000u
#define GRIDDING_MAXIMUM_WIDTH 8
/// Coefficients per polynomial: the error of the fit stays below that of the kernel.
#define GRIDDING_TERMS(width) ((width) + 3)

typedef float gridding_f16 __attribute__((vector_size(64), aligned(4)));
typedef float gridding_f8 __attribute__((vector_size(32), aligned(4)));
typedef float gridding_f4 __attribute__((vector_size(16), aligned(4)));
typedef float gridding_f2 __attribute__((vector_size(8), aligned(4)));
typedef int64_t gridding_i4 __attribute__((vector_size(32), aligned(8)));

#define GRIDDING_INLINE static inline __attribute__((always_inline))
#define GRIDDING_FUNCTION static inline __attribute__((noinline))

// `along` holds GRIDDING_TERMS × 16 coefficients, each twice, for real and imaginary part; `across` holds
// GRIDDING_TERMS × 8.
#define GRIDDING_WEIGHTS(WIDTH)                                                                        \
  gridding_f16 u = *(const gridding_f16 *)(along + 16 * (GRIDDING_TERMS(WIDTH) - 1));                  \
  gridding_f8 v = *(const gridding_f8 *)(across + 8 * (GRIDDING_TERMS(WIDTH) - 1));                    \
  _Pragma("clang loop unroll(full)") for (int d = GRIDDING_TERMS(WIDTH) - 2; d >= 0; --d) {            \
    u = u * s.along + *(const gridding_f16 *)(along + 16 * d);                                         \
    v = v * s.across + *(const gridding_f8 *)(across + 8 * d);                                         \
  }

#define GRIDDING_DEFINE(ISA, TARGET)                                                                   \
  TARGET GRIDDING_INLINE void gridding_interpolate_body_##ISA(                                         \
      const int width, const float *grid, ptrdiff_t pitch, const gridding_sample *samples,             \
      ptrdiff_t count, const float *across, const float *along, float *values) {                       \
    _Pragma("clang fp contract(fast)") for (ptrdiff_t i = 0; i < count; ++i) {                         \
      const gridding_sample s = samples[i];                                                            \
      GRIDDING_WEIGHTS(width)                                                                          \
      const float *row = grid + 2 * (ptrdiff_t)s.offset;                                               \
      gridding_f16 sum = {0};                                                                          \
      _Pragma("clang loop unroll(full)") for (int r = 0; r < width; ++r) {                             \
        sum = sum + v[r] * *(const gridding_f16 *)(row + r * pitch);                                   \
      }                                                                                                \
      sum *= u;                                                                                        \
      gridding_f8 a = __builtin_shufflevector(sum, sum, 0, 1, 2, 3, 4, 5, 6, 7) +                      \
                      __builtin_shufflevector(sum, sum, 8, 9, 10, 11, 12, 13, 14, 15);                 \
      gridding_f4 b =                                                                                  \
          __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);       \
      float x = b[0] + b[2], y = b[1] + b[3];                                                          \
      y = (s.target & GRIDDING_CONJUGATE) ? -y : y;                                                    \
      float *value = values + 2 * (ptrdiff_t)(s.target & ~GRIDDING_CONJUGATE);                         \
      value[0] = x * s.real - y * s.imaginary;                                                         \
      value[1] = x * s.imaginary + y * s.real;                                                         \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_INLINE void gridding_spread_body_##ISA(                                              \
      const int width, float *grid, ptrdiff_t pitch, const gridding_sample *samples, ptrdiff_t count,  \
      const float *across, const float *along, const float *values) {                                  \
    _Pragma("clang fp contract(fast)") for (ptrdiff_t i = 0; i < count; ++i) {                         \
      const gridding_sample s = samples[i];                                                            \
      GRIDDING_WEIGHTS(width)                                                                          \
      const float *value = values + 2 * (ptrdiff_t)(s.target & ~GRIDDING_CONJUGATE);                   \
      float x = value[0] * s.real + value[1] * s.imaginary;                                            \
      float y = value[1] * s.real - value[0] * s.imaginary;                                            \
      y = (s.target & GRIDDING_CONJUGATE) ? -y : y;                                                    \
      gridding_f2 p = {x, y};                                                                          \
      gridding_f16 q =                                                                                 \
          __builtin_shufflevector(p, p, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1);               \
      u *= q;                                                                                          \
      float *row = grid + 2 * (ptrdiff_t)s.offset;                                                     \
      _Pragma("clang loop unroll(full)") for (int r = 0; r < width; ++r) {                             \
        gridding_f16 *t = (gridding_f16 *)(row + r * pitch);                                           \
        *t = *t + v[r] * u;                                                                            \
      }                                                                                                \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_FUNCTION void gridding_interpolate_##ISA(                                            \
      int width, const float *grid, ptrdiff_t pitch, const gridding_sample *samples, ptrdiff_t count,  \
      const float *across, const float *along, float *values) {                                        \
    switch (width) {                                                                                   \
      case 2: gridding_interpolate_body_##ISA(2, grid, pitch, samples, count, across, along, values); break; \
      case 3: gridding_interpolate_body_##ISA(3, grid, pitch, samples, count, across, along, values); break; \
      case 4: gridding_interpolate_body_##ISA(4, grid, pitch, samples, count, across, along, values); break; \
      case 5: gridding_interpolate_body_##ISA(5, grid, pitch, samples, count, across, along, values); break; \
      case 6: gridding_interpolate_body_##ISA(6, grid, pitch, samples, count, across, along, values); break; \
      case 7: gridding_interpolate_body_##ISA(7, grid, pitch, samples, count, across, along, values); break; \
      case 8: gridding_interpolate_body_##ISA(8, grid, pitch, samples, count, across, along, values); break; \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_FUNCTION void gridding_spread_##ISA(                                                 \
      int width, float *grid, ptrdiff_t pitch, const gridding_sample *samples, ptrdiff_t count,        \
      const float *across, const float *along, const float *values) {                                  \
    switch (width) {                                                                                   \
      case 2: gridding_spread_body_##ISA(2, grid, pitch, samples, count, across, along, values); break; \
      case 3: gridding_spread_body_##ISA(3, grid, pitch, samples, count, across, along, values); break; \
      case 4: gridding_spread_body_##ISA(4, grid, pitch, samples, count, across, along, values); break; \
      case 5: gridding_spread_body_##ISA(5, grid, pitch, samples, count, across, along, values); break; \
      case 6: gridding_spread_body_##ISA(6, grid, pitch, samples, count, across, along, values); break; \
      case 7: gridding_spread_body_##ISA(7, grid, pitch, samples, count, across, along, values); break; \
      case 8: gridding_spread_body_##ISA(8, grid, pitch, samples, count, across, along, values); break; \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_FUNCTION void gridding_transpose_##ISA(                                              \
      const int64_t *in, ptrdiff_t inPitch, ptrdiff_t rows, ptrdiff_t columns, int64_t *out,           \
      ptrdiff_t outPitch) {                                                                            \
    ptrdiff_t r = 0;                                                                                   \
    for (; r + 4 <= rows; r += 4) {                                                                    \
      ptrdiff_t c = 0;                                                                                 \
      for (; c + 4 <= columns; c += 4) {                                                               \
        const int64_t *p = in + r * inPitch + c;                                                       \
        gridding_i4 a0 = *(const gridding_i4 *)p, a1 = *(const gridding_i4 *)(p + inPitch),            \
                    a2 = *(const gridding_i4 *)(p + 2 * inPitch),                                      \
                    a3 = *(const gridding_i4 *)(p + 3 * inPitch);                                      \
        gridding_i4 b0 = __builtin_shufflevector(a0, a1, 0, 4, 2, 6),                                  \
                    b1 = __builtin_shufflevector(a0, a1, 1, 5, 3, 7),                                  \
                    b2 = __builtin_shufflevector(a2, a3, 0, 4, 2, 6),                                  \
                    b3 = __builtin_shufflevector(a2, a3, 1, 5, 3, 7);                                  \
        int64_t *q = out + c * outPitch + r;                                                           \
        *(gridding_i4 *)q = __builtin_shufflevector(b0, b2, 0, 1, 4, 5);                               \
        *(gridding_i4 *)(q + outPitch) = __builtin_shufflevector(b1, b3, 0, 1, 4, 5);                  \
        *(gridding_i4 *)(q + 2 * outPitch) = __builtin_shufflevector(b0, b2, 2, 3, 6, 7);              \
        *(gridding_i4 *)(q + 3 * outPitch) = __builtin_shufflevector(b1, b3, 2, 3, 6, 7);              \
      }                                                                                                \
      for (; c < columns; ++c)                                                                         \
        for (int k = 0; k < 4; ++k) out[c * outPitch + r + k] = in[(r + k) * inPitch + c];             \
    }                                                                                                  \
    for (; r < rows; ++r)                                                                              \
      for (ptrdiff_t c = 0; c < columns; ++c) out[c * outPitch + r] = in[r * inPitch + c];             \
  }

#if defined(__x86_64__)
#define GRIDDING_AVX512 __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")))
#define GRIDDING_AVX2 __attribute__((target("avx2,fma")))
GRIDDING_DEFINE(avx512, GRIDDING_AVX512)
GRIDDING_DEFINE(avx2, GRIDDING_AVX2)
#endif
GRIDDING_DEFINE(baseline, )

/// Which of the instruction sets this machine has. Fused multiply–add rounds once instead of twice, so `0` may
/// differ from `1` and `2` in the last bits; those two do the same operations.
GRIDDING_FUNCTION int gridding_instructions(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")
             ? 2
             : 1;
#else
  return 0;
#endif
}

#if defined(__x86_64__)
#define GRIDDING_DISPATCH(NAME, ...)                         \
  if (instructions == 2) gridding_##NAME##_avx512(__VA_ARGS__); \
  else if (instructions == 1) gridding_##NAME##_avx2(__VA_ARGS__); \
  else gridding_##NAME##_baseline(__VA_ARGS__);
#else
#define GRIDDING_DISPATCH(NAME, ...) gridding_##NAME##_baseline(__VA_ARGS__);
#endif

/// values[target] ← factor · Σ weights · grid, conjugated before the factor where asked. `pitch` in floats.
GRIDDING_INLINE void gridding_interpolate(
    int instructions, int width, const float *grid, ptrdiff_t pitch, const gridding_sample *samples,
    ptrdiff_t count, const float *across, const float *along, float *values) {
  GRIDDING_DISPATCH(interpolate, width, grid, pitch, samples, count, across, along, values)
}

/// grid += weights · conj(factor) · values[target], conjugated after the factor where asked: the transpose of
/// `gridding_interpolate` as a real-linear map.
GRIDDING_INLINE void gridding_spread(
    int instructions, int width, float *grid, ptrdiff_t pitch, const gridding_sample *samples, ptrdiff_t count,
    const float *across, const float *along, const float *values) {
  GRIDDING_DISPATCH(spread, width, grid, pitch, samples, count, across, along, values)
}

/// out[c][r] ← in[r][c] for complex numbers of single precision, taken as 64 bits each.
GRIDDING_INLINE void gridding_transpose(
    int instructions, const void *in, ptrdiff_t inPitch, ptrdiff_t rows, ptrdiff_t columns, void *out,
    ptrdiff_t outPitch) {
  GRIDDING_DISPATCH(
      transpose, (const int64_t *)in, inPitch, rows, columns, (int64_t *)out, outPitch)
}
