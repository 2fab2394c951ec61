#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The two inner loops of a non-uniform FFT. They live beside FFTW because Swift has neither per-function
// instruction sets nor lane shuffles; a `static inline` body needs no library of its own.
//
// A sample between grid points is a sum over `width` neighbours along every axis with separable weights. The weights
// are polynomials in the distance to the first neighbour, one per neighbour, evaluated for all of them at once.

/// One sample of a grid in two dimensions: where its neighbourhood starts and what its value is multiplied by.
typedef struct {
  int32_t offset;         // of the first neighbour, in complex numbers
  uint32_t target;        // index of the value; the top bit asks for its conjugate
  float across, along;    // distance to the first neighbour from row to row and along them, mapped to [-1, 1)
  float real, imaginary;  // factor
} gridding_sample;

/// The same in three dimensions.
typedef struct {
  gridding_sample plane;
  float above;  // distance to the first neighbour from slab to slab
} gridding_sample3;

#define GRIDDING_CONJUGATE 0x80000000u
#define GRIDDING_MAXIMUM_WIDTH 8
/// So many neighbouring samples of one neighbourhood are summed in registers before the sum is added to the grid.
#define GRIDDING_RUN 64
/// Coefficients per polynomial: as few as keep the error of the fit below that of the kernel.
#define GRIDDING_TERMS(width) ((width) + ((width) < 4 ? 3 : (width) < 7 ? 2 : 1))

typedef float gridding_f16 __attribute__((vector_size(64), aligned(4)));
typedef float gridding_f8 __attribute__((vector_size(32), aligned(4)));
typedef float gridding_f4 __attribute__((vector_size(16), aligned(4)));
typedef float gridding_f2 __attribute__((vector_size(8), aligned(4)));
typedef int64_t gridding_i4 __attribute__((vector_size(32), aligned(8)));

#define GRIDDING_INLINE static inline __attribute__((always_inline))
#define GRIDDING_FUNCTION static inline __attribute__((noinline))

GRIDDING_INLINE int gridding_terms(int width) { return GRIDDING_TERMS(width); }

// `along` holds GRIDDING_TERMS × 16 coefficients, each twice, for real and imaginary part; `across` holds
// GRIDDING_TERMS × 8. SIZE is the number of floats in a row of neighbours, 8 or 16.
#define GRIDDING_WEIGHTS(SIZE, WIDTH, S)                                                               \
  gridding_f##SIZE u = *(const gridding_f##SIZE *)(along + 16 * (GRIDDING_TERMS(WIDTH) - 1));          \
  gridding_f8 v = *(const gridding_f8 *)(across + 8 * (GRIDDING_TERMS(WIDTH) - 1));                    \
  _Pragma("clang loop unroll(full)") for (int d = GRIDDING_TERMS(WIDTH) - 2; d >= 0; --d) {            \
    u = u * (S).along + *(const gridding_f##SIZE *)(along + 16 * d);                                   \
    v = v * (S).across + *(const gridding_f8 *)(across + 8 * d);                                       \
  }
#define GRIDDING_WEIGHTS3(WIDTH, S)                                                                    \
  gridding_f8 t = *(const gridding_f8 *)(across + 8 * (GRIDDING_TERMS(WIDTH) - 1));                    \
  _Pragma("clang loop unroll(full)") for (int d = GRIDDING_TERMS(WIDTH) - 2; d >= 0; --d) {            \
    t = t * (S).above + *(const gridding_f8 *)(across + 8 * d);                                        \
  }

#define GRIDDING_HALVE_8(x) \
  (__builtin_shufflevector(x, x, 0, 1, 2, 3) + __builtin_shufflevector(x, x, 4, 5, 6, 7))
#define GRIDDING_HALVE_16(x)                             \
  (__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) + \
   __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15))
#define GRIDDING_FOLD_8(x, b) gridding_f4 b = GRIDDING_HALVE_8(x);
#define GRIDDING_FOLD_16(x, b)              \
  gridding_f8 b##8 = GRIDDING_HALVE_16(x); \
  gridding_f4 b = GRIDDING_HALVE_8(b##8);
#define GRIDDING_REPEAT_8(p) __builtin_shufflevector(p, p, 0, 1, 0, 1, 0, 1, 0, 1)
#define GRIDDING_REPEAT_16(p) \
  __builtin_shufflevector(p, p, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1)

#define GRIDDING_STORE(SIZE, S)                                                                        \
  sum *= u;                                                                                            \
  GRIDDING_FOLD_##SIZE(sum, b)                                                                         \
  float x = b[0] + b[2], y = b[1] + b[3];                                                              \
  y = ((S).target & GRIDDING_CONJUGATE) ? -y : y;                                                      \
  float *value = values + 2 * (ptrdiff_t)((S).target & ~GRIDDING_CONJUGATE);                           \
  value[0] = x * (S).real - y * (S).imaginary;                                                         \
  value[1] = x * (S).imaginary + y * (S).real;
#define GRIDDING_LOAD(SIZE, S)                                                                         \
  const float *value = values + 2 * (ptrdiff_t)((S).target & ~GRIDDING_CONJUGATE);                     \
  float x = value[0] * (S).real + value[1] * (S).imaginary;                                            \
  float y = value[1] * (S).real - value[0] * (S).imaginary;                                            \
  y = ((S).target & GRIDDING_CONJUGATE) ? -y : y;                                                      \
  gridding_f2 p = {x, y};                                                                              \
  u *= GRIDDING_REPEAT_##SIZE(p);

#define GRIDDING_DEFINE_BODIES(ISA, TARGET, SIZE)                                                      \
  TARGET GRIDDING_INLINE void gridding_interpolate_body_##SIZE##_##ISA(                                \
      const int width, const float *grid, ptrdiff_t pitch, const gridding_sample *samples,             \
      ptrdiff_t count, const float *across, const float *along, float *values) {                       \
    _Pragma("clang fp contract(fast)") for (ptrdiff_t i = 0; i < count; ++i) {                         \
      const gridding_sample s = samples[i];                                                            \
      GRIDDING_WEIGHTS(SIZE, width, s)                                                                 \
      const float *row = grid + 2 * (ptrdiff_t)s.offset;                                               \
      gridding_f##SIZE sum = {0};                                                                      \
      _Pragma("clang loop unroll(full)") for (int r = 0; r < width; ++r) {                             \
        sum = sum + v[r] * *(const gridding_f##SIZE *)(row + r * pitch);                               \
      }                                                                                                \
      GRIDDING_STORE(SIZE, s)                                                                          \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_INLINE void gridding_spread_body_##SIZE##_##ISA(                                     \
      const int width, float *grid, ptrdiff_t pitch, const gridding_sample *samples, ptrdiff_t count,  \
      const float *across, const float *along, const float *values) {                                  \
    for (ptrdiff_t i = 0; i < count;) {                                                                \
      const int32_t offset = samples[i].offset;                                                        \
      const ptrdiff_t limit = i + GRIDDING_RUN < count ? i + GRIDDING_RUN : count;                     \
      gridding_f##SIZE sums[GRIDDING_MAXIMUM_WIDTH] = {{0}};                                           \
      do {                                                                                             \
        _Pragma("clang fp contract(fast)")                                                             \
        const gridding_sample s = samples[i];                                                          \
        GRIDDING_WEIGHTS(SIZE, width, s)                                                               \
        GRIDDING_LOAD(SIZE, s)                                                                         \
        _Pragma("clang loop unroll(full)") for (int r = 0; r < width; ++r) sums[r] = sums[r] + v[r] * u; \
      } while (++i < limit && samples[i].offset == offset);                                            \
      float *row = grid + 2 * (ptrdiff_t)offset;                                                       \
      _Pragma("clang loop unroll(full)") for (int r = 0; r < width; ++r) {                             \
        *(gridding_f##SIZE *)(row + r * pitch) += sums[r];                                             \
      }                                                                                                \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_INLINE void gridding_interpolate3_body_##SIZE##_##ISA(                               \
      const int width, const float *grid, ptrdiff_t slabPitch, ptrdiff_t pitch,                        \
      const gridding_sample3 *samples, ptrdiff_t count, const float *across, const float *along,       \
      float *values) {                                                                                 \
    _Pragma("clang fp contract(fast)") for (ptrdiff_t i = 0; i < count; ++i) {                         \
      const gridding_sample3 s = samples[i];                                                           \
      GRIDDING_WEIGHTS(SIZE, width, s.plane)                                                           \
      GRIDDING_WEIGHTS3(width, s)                                                                      \
      const float *slab = grid + 2 * (ptrdiff_t)s.plane.offset;                                        \
      gridding_f##SIZE sum = {0};                                                                      \
      _Pragma("clang loop unroll(full)") for (int q = 0; q < width; ++q) {                             \
        gridding_f##SIZE inner = {0};                                                                  \
        _Pragma("clang loop unroll(full)") for (int r = 0; r < width; ++r) {                           \
          inner = inner + v[r] * *(const gridding_f##SIZE *)(slab + q * slabPitch + r * pitch);        \
        }                                                                                              \
        sum = sum + t[q] * inner;                                                                      \
      }                                                                                                \
      GRIDDING_STORE(SIZE, s.plane)                                                                    \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_INLINE void gridding_add3_##SIZE##_##ISA(                                            \
      const int width, float *slab, ptrdiff_t slabPitch, ptrdiff_t pitch, const gridding_sample3 s,    \
      const float *across, const float *along, const float *values) {                                  \
    _Pragma("clang fp contract(fast)")                                                                 \
    GRIDDING_WEIGHTS(SIZE, width, s.plane)                                                             \
    GRIDDING_WEIGHTS3(width, s)                                                                        \
    GRIDDING_LOAD(SIZE, s.plane)                                                                       \
    _Pragma("clang loop unroll(full)") for (int q = 0; q < width; ++q) {                               \
      gridding_f##SIZE weighted = t[q] * u;                                                            \
      _Pragma("clang loop unroll(full)") for (int r = 0; r < width; ++r) {                             \
        gridding_f##SIZE *point = (gridding_f##SIZE *)(slab + q * slabPitch + r * pitch);              \
        *point = *point + v[r] * weighted;                                                             \
      }                                                                                                \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_INLINE void gridding_spread3_body_##SIZE##_##ISA(                                    \
      const int width, float *grid, ptrdiff_t slabPitch, ptrdiff_t pitch,                              \
      const gridding_sample3 *samples, ptrdiff_t count, const float *across, const float *along,       \
      const float *values) {                                                                           \
    for (ptrdiff_t i = 0; i < count;) {                                                                \
      const int32_t offset = samples[i].plane.offset;                                                  \
      float *slab = grid + 2 * (ptrdiff_t)offset;                                                      \
      ptrdiff_t end = i + 1;                                                                           \
      while (end < count && end < i + GRIDDING_RUN && samples[end].plane.offset == offset) ++end;      \
      /* Sums fill more than the registers: they cost less than they save from three samples on. */    \
      if (end - i < 3) {                                                                               \
        for (; i < end; ++i) {                                                                         \
          gridding_add3_##SIZE##_##ISA(                                                                \
              width, slab, slabPitch, pitch, samples[i], across, along, values);                       \
        }                                                                                              \
        continue;                                                                                      \
      }                                                                                                \
      gridding_f##SIZE sums[GRIDDING_MAXIMUM_WIDTH * GRIDDING_MAXIMUM_WIDTH] = {{0}};                  \
      for (; i < end; ++i) {                                                                           \
        gridding_add3_##SIZE##_##ISA(                                                                  \
            width, (float *)sums, SIZE * width, SIZE, samples[i], across, along, values);              \
      }                                                                                                \
      _Pragma("clang loop unroll(full)") for (int q = 0; q < width; ++q) {                             \
        _Pragma("clang loop unroll(full)") for (int r = 0; r < width; ++r) {                           \
          *(gridding_f##SIZE *)(slab + q * slabPitch + r * pitch) += sums[q * width + r];              \
        }                                                                                              \
      }                                                                                                \
    }                                                                                                  \
  }

// Up to four complex neighbours fill eight floats.
#define GRIDDING_SWITCH(BODY, ISA, ...)                            \
  switch (width) {                                                 \
    case 2: gridding_##BODY##_body_8_##ISA(2, __VA_ARGS__); break;  \
    case 3: gridding_##BODY##_body_8_##ISA(3, __VA_ARGS__); break;  \
    case 4: gridding_##BODY##_body_8_##ISA(4, __VA_ARGS__); break;  \
    case 5: gridding_##BODY##_body_16_##ISA(5, __VA_ARGS__); break; \
    case 6: gridding_##BODY##_body_16_##ISA(6, __VA_ARGS__); break; \
    case 7: gridding_##BODY##_body_16_##ISA(7, __VA_ARGS__); break; \
    case 8: gridding_##BODY##_body_16_##ISA(8, __VA_ARGS__); break; \
  }

#define GRIDDING_DEFINE(ISA, TARGET)                                                                   \
  GRIDDING_DEFINE_BODIES(ISA, TARGET, 8)                                                               \
  GRIDDING_DEFINE_BODIES(ISA, TARGET, 16)                                                              \
  TARGET GRIDDING_FUNCTION void gridding_interpolate_##ISA(                                            \
      int width, const float *grid, ptrdiff_t pitch, const gridding_sample *samples, ptrdiff_t count,  \
      const float *across, const float *along, float *values) {                                        \
    GRIDDING_SWITCH(interpolate, ISA, grid, pitch, samples, count, across, along, values)              \
  }                                                                                                    \
  TARGET GRIDDING_FUNCTION void gridding_spread_##ISA(                                                 \
      int width, float *grid, ptrdiff_t pitch, const gridding_sample *samples, ptrdiff_t count,        \
      const float *across, const float *along, const float *values) {                                  \
    GRIDDING_SWITCH(spread, ISA, grid, pitch, samples, count, across, along, values)                   \
  }                                                                                                    \
  TARGET GRIDDING_FUNCTION void gridding_interpolate3_##ISA(                                           \
      int width, const float *grid, ptrdiff_t slabPitch, ptrdiff_t pitch,                              \
      const gridding_sample3 *samples, ptrdiff_t count, const float *across, const float *along,       \
      float *values) {                                                                                 \
    GRIDDING_SWITCH(                                                                                   \
        interpolate3, ISA, grid, slabPitch, pitch, samples, count, across, along, values)              \
  }                                                                                                    \
  TARGET GRIDDING_FUNCTION void gridding_spread3_##ISA(                                                \
      int width, float *grid, ptrdiff_t slabPitch, ptrdiff_t pitch, const gridding_sample3 *samples,   \
      ptrdiff_t count, const float *across, const float *along, const float *values) {                 \
    GRIDDING_SWITCH(spread3, ISA, grid, slabPitch, pitch, samples, count, across, along, values)       \
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

/// The same two in three dimensions; both pitches in floats.
GRIDDING_INLINE void gridding_interpolate3(
    int instructions, int width, const float *grid, ptrdiff_t slabPitch, ptrdiff_t pitch,
    const gridding_sample3 *samples, ptrdiff_t count, const float *across, const float *along, float *values) {
  GRIDDING_DISPATCH(
      interpolate3, width, grid, slabPitch, pitch, samples, count, across, along, values)
}
GRIDDING_INLINE void gridding_spread3(
    int instructions, int width, float *grid, ptrdiff_t slabPitch, ptrdiff_t pitch,
    const gridding_sample3 *samples, ptrdiff_t count, const float *across, const float *along,
    const float *values) {
  GRIDDING_DISPATCH(spread3, width, grid, slabPitch, pitch, samples, count, across, along, values)
}

/// out[c][r] ← in[r][c] for complex numbers of single precision, taken as 64 bits each.
GRIDDING_INLINE void gridding_transpose(
    int instructions, const void *in, ptrdiff_t inPitch, ptrdiff_t rows, ptrdiff_t columns, void *out,
    ptrdiff_t outPitch) {
  GRIDDING_DISPATCH(
      transpose, (const int64_t *)in, inPitch, rows, columns, (int64_t *)out, outPitch)
}
