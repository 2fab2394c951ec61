#pragma once
#include "gridding.h"

// A sum of shifted lines: both passes of a separable convolution. C for the reason the gridding is.

/// target[j] = factor · Σₜ weights[t] · source[t · step + j]
#define BLUR_DEFINE(SUFFIX, TARGET)                                                                    \
  TARGET GRIDDING_FUNCTION void blur_taps_##SUFFIX(                                                    \
      const float *source, ptrdiff_t step, const float *weights, int taps, float factor, float *target, \
      ptrdiff_t count) {                                                                               \
    ptrdiff_t j = 0;                                                                                   \
    /* Four vectors at a time: a sum alone waits for every addition. */                                \
    for (; j + 64 <= count; j += 64) {                                                                 \
      gridding_f16 a = {0}, b = {0}, c = {0}, d = {0};                                                 \
      for (int t = 0; t < taps; ++t) {                                                                 \
        const gridding_f16 *s = (const gridding_f16 *)(source + t * step + j);                         \
        a += weights[t] * s[0];                                                                        \
        b += weights[t] * s[1];                                                                        \
        c += weights[t] * s[2];                                                                        \
        d += weights[t] * s[3];                                                                        \
      }                                                                                                \
      gridding_f16 *out = (gridding_f16 *)(target + j);                                                \
      out[0] = factor * a, out[1] = factor * b, out[2] = factor * c, out[3] = factor * d;              \
    }                                                                                                  \
    for (; j + 16 <= count; j += 16) {                                                                 \
      gridding_f16 a = {0};                                                                            \
      for (int t = 0; t < taps; ++t) a += weights[t] * *(const gridding_f16 *)(source + t * step + j); \
      *(gridding_f16 *)(target + j) = factor * a;                                                      \
    }                                                                                                  \
    for (; j < count; ++j) {                                                                           \
      float a = 0;                                                                                     \
      for (int t = 0; t < taps; ++t) a += weights[t] * source[t * step + j];                           \
      target[j] = factor * a;                                                                          \
    }                                                                                                  \
  }

#if defined(__x86_64__)
BLUR_DEFINE(avx512, GRIDDING_AVX512)
BLUR_DEFINE(avx2, GRIDDING_AVX2)
#endif
BLUR_DEFINE(baseline, )

GRIDDING_INLINE void blur_taps(
    int instructions, const float *source, ptrdiff_t step, const float *weights, int taps, float factor,
    float *target, ptrdiff_t count) {
#if defined(__x86_64__)
  if (instructions == 2) blur_taps_avx512(source, step, weights, taps, factor, target, count);
  else if (instructions == 1) blur_taps_avx2(source, step, weights, taps, factor, target, count);
  else
#endif
    blur_taps_baseline(source, step, weights, taps, factor, target, count);
}
