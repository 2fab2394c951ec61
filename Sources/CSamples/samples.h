#pragma once
#include <stddef.h>
#include <stdint.h>

// Loops over samples that come from files: they must keep up with memory, and Swift has no instruction sets per function.
// All variants round every operation once, in the same order, a fused multiplication and addition being one: they give
// the same bits.

#define SAMPLES_FUNCTION static inline __attribute__((noinline))
#define SAMPLES_INLINE static inline __attribute__((always_inline))

typedef float samples_f16 __attribute__((vector_size(64), aligned(4)));
typedef int32_t samples_i16 __attribute__((vector_size(64), aligned(4)));

/// −ln x of normal, positive numbers, to 1 ulp of the larger of 1 and |ln x|.
///
/// x = 2ᵉ·m with m in [√½, √2), and −ln m = n + n²·Q(n), n = 1 − m: Q is the polynomial of degree 7 with the smallest
/// largest error, 6.5·10⁻⁹. The float next to ln 2 is 2·10⁻⁹ above it, 3·10⁻⁹ of the result.
#define SAMPLES_DEFINE(ISA, TARGET)                                                                     \
  TARGET SAMPLES_INLINE samples_f16 samples_negative_logarithm_##ISA(samples_f16 x) {                    \
    const samples_f16 one = (samples_f16){0} + 1.0f;                                                    \
    const samples_i16 bits = (samples_i16)x;                                                            \
    const samples_i16 exponent = (bits - 0x3f3504f3) >> 23;                                             \
    const samples_f16 n = one - (samples_f16)(bits - (exponent << 23));                                 \
    samples_f16 series = (samples_f16){0} + 0x1.65babcp-4f;                                             \
    series = __builtin_elementwise_fma(series, n, (samples_f16){0} + 0x1.27c502p-3f);                    \
    series = __builtin_elementwise_fma(series, n, (samples_f16){0} + 0x1.32c69ap-3f);                    \
    series = __builtin_elementwise_fma(series, n, (samples_f16){0} + 0x1.52fde8p-3f);                    \
    series = __builtin_elementwise_fma(series, n, (samples_f16){0} + 0x1.98a666p-3f);                    \
    series = __builtin_elementwise_fma(series, n, (samples_f16){0} + 0x1.000688p-2f);                    \
    series = __builtin_elementwise_fma(series, n, (samples_f16){0} + 0x1.5557acp-2f);                    \
    series = __builtin_elementwise_fma(series, n, (samples_f16){0} + 0x1.fffff4p-2f);                    \
    series = __builtin_elementwise_fma(series, n, one);                                                 \
    return __builtin_elementwise_fma(                                                                   \
        __builtin_convertvector(exponent, samples_f16), (samples_f16){0} - 0x1.62e430p-1f, series * n);  \
  }                                                                                                     \
  TARGET SAMPLES_INLINE samples_i16 samples_attenuate_##ISA(                                            \
      samples_f16 count, samples_f16 dark, samples_f16 gain, float minimum, samples_f16 *value) {       \
    _Pragma("clang fp contract(off)")                                                                   \
    samples_f16 t = (count - dark) * gain;                                                              \
    const samples_i16 below = t < minimum;                                                              \
    const samples_i16 kept = ~below & (samples_i16)t;                                                   \
    t = (samples_f16)(kept | (below & (samples_i16)((samples_f16){0} + minimum)));                      \
    *value = samples_negative_logarithm_##ISA(t);                                                       \
    return below;                                                                                       \
  }                                                                                                     \
  TARGET SAMPLES_FUNCTION size_t samples_negative_logarithms_##ISA(                                     \
      const float *counts, const float *dark, const float *gain, float *line, size_t count,             \
      float minimum) {                                                                                  \
    samples_i16 below = {0};                                                                            \
    const size_t whole = count & ~(size_t)15;                                                           \
    for (size_t i = 0; i < whole; i += 16) {                                                            \
      below -= samples_attenuate_##ISA(                                                                 \
          *(const samples_f16 *)(counts + i), *(const samples_f16 *)(dark + i),                         \
          *(const samples_f16 *)(gain + i), minimum, (samples_f16 *)(line + i));                        \
    }                                                                                                   \
    if (whole < count) {                                                                                \
      samples_f16 c = {0}, d = {0}, g = {0}, value;                                                     \
      for (size_t i = 0; i < 16; ++i) {                                                                 \
        const int inside = whole + i < count;                                                           \
        c[i] = inside ? counts[whole + i] : 1;                                                          \
        d[i] = inside ? dark[whole + i] : 0;                                                            \
        g[i] = inside ? gain[whole + i] : 1;                                                            \
      }                                                                                                 \
      /* A transmission of 1 is above every minimum of use. */                                          \
      samples_i16 last = samples_attenuate_##ISA(c, d, g, minimum, &value);                             \
      for (size_t i = 0; whole + i < count; ++i) {                                                      \
        line[whole + i] = value[i];                                                                     \
        below[i] -= last[i];                                                                            \
      }                                                                                                 \
    }                                                                                                   \
    return (size_t)__builtin_reduce_add(below);                                                         \
  }                                                                                                     \
  /* Their exponents are all ones exactly when adding one to the lowest bit of the exponent carries into \
     the cleared sign. */                                                                               \
  TARGET SAMPLES_FUNCTION int samples_are_finite_##ISA(const float *samples, size_t count) {            \
    samples_i16 carry = {0};                                                                            \
    const size_t whole = count & ~(size_t)15;                                                           \
    for (size_t i = 0; i < whole; i += 16) {                                                            \
      carry |= (*(const samples_i16 *)(samples + i) & 0x7fffffff) + 0x00800000;                         \
    }                                                                                                   \
    int32_t all = 0;                                                                                    \
    for (int i = 0; i < 16; ++i) all |= carry[i];                                                       \
    for (size_t i = whole; i < count; ++i) {                                                            \
      const int32_t bits = ((const int32_t *)samples)[i];                                               \
      all |= (int32_t)(((uint32_t)bits & 0x7fffffffu) + 0x00800000u);                                   \
    }                                                                                                   \
    return all >= 0;                                                                                    \
  }

#if defined(__x86_64__)
SAMPLES_DEFINE(avx512, __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma"))))
SAMPLES_DEFINE(avx2, __attribute__((target("avx2,fma"))))
#endif
SAMPLES_DEFINE(baseline, )

#if defined(__x86_64__)
#define SAMPLES_DISPATCH(NAME, ...)                                                      \
  __builtin_cpu_init();                                                                  \
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&         \
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))          \
    return samples_##NAME##_avx512(__VA_ARGS__);                                         \
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))                   \
    return samples_##NAME##_avx2(__VA_ARGS__);                                           \
  return samples_##NAME##_baseline(__VA_ARGS__);
#else
#define SAMPLES_DISPATCH(NAME, ...) return samples_##NAME##_baseline(__VA_ARGS__);
#endif

/// line ← −ln max((counts − dark) · gain, minimum)
///
/// Returns how many were below the minimum.
SAMPLES_INLINE size_t samples_negative_logarithms(
    const float *counts, const float *dark, const float *gain, float *line, size_t count, float minimum) {
  SAMPLES_DISPATCH(negative_logarithms, counts, dark, gain, line, count, minimum)
}

/// Whether no sample is NaN or infinite.
SAMPLES_INLINE int samples_are_finite(const float *samples, size_t count) {
  SAMPLES_DISPATCH(are_finite, samples, count)
}
