#pragma once
#include "gridding.h"

// Inner loops over coils and over small Hermitian matrices, for every instruction set as in gridding.h. Complex numbers
// are pairs of floats unless two planes are named.

typedef int32_t coils_i8 __attribute__((vector_size(32), aligned(4)));

#define COILS_SWAP(b) __builtin_shufflevector(b, b, 1, 0, 3, 2, 5, 4, 7, 6)
#define COILS_REAL(a) __builtin_shufflevector(a, a, 0, 0, 2, 2, 4, 4, 6, 6)
#define COILS_IMAGINARY(a) __builtin_shufflevector(a, a, 1, 1, 3, 3, 5, 5, 7, 7)
#define COILS_AT(p) (*(gridding_f8 *)(p))
#define COILS_CONSTANT_AT(p) (*(const gridding_f8 *)(p))
#define COILS_SELECT(mask, a, b) ((gridding_f8)(((coils_i8)(a) & (mask)) | ((coils_i8)(b) & ~(mask))))
/// Matrices whose largest eigenvector is sought at once.
#define COILS_LANES 8
#define COILS_MAXIMUM 64

#define COILS_DEFINE(ISA, TARGET)                                                                      \
  TARGET GRIDDING_FUNCTION void coils_multiply_##ISA(                                                  \
      const float *a, const float *b, ptrdiff_t count, float *out) { _Pragma("clang fp contract(fast)") \
    const gridding_f8 sign = {-1, 1, -1, 1, -1, 1, -1, 1};                                             \
    ptrdiff_t i = 0;                                                                                   \
    for (; i + 4 <= count; i += 4) {                                                                   \
      gridding_f8 x = COILS_CONSTANT_AT(a + 2 * i), y = COILS_CONSTANT_AT(b + 2 * i);                  \
      COILS_AT(out + 2 * i) = COILS_IMAGINARY(x) * (COILS_SWAP(y) * sign) + COILS_REAL(x) * y;         \
    }                                                                                                  \
    for (; i < count; ++i) {                                                                           \
      float re = a[2 * i] * b[2 * i] - a[2 * i + 1] * b[2 * i + 1];                                    \
      out[2 * i + 1] = a[2 * i] * b[2 * i + 1] + a[2 * i + 1] * b[2 * i];                              \
      out[2 * i] = re;                                                                                 \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_FUNCTION void coils_add_conjugate_product_##ISA(                                     \
      const float *a, const float *b, ptrdiff_t count, float *out) { _Pragma("clang fp contract(fast)") \
    const gridding_f8 sign = {1, -1, 1, -1, 1, -1, 1, -1};                                             \
    ptrdiff_t i = 0;                                                                                   \
    for (; i + 4 <= count; i += 4) {                                                                   \
      gridding_f8 x = COILS_CONSTANT_AT(a + 2 * i), y = COILS_CONSTANT_AT(b + 2 * i);                  \
      gridding_f8 sum = COILS_AT(out + 2 * i) + COILS_REAL(x) * y;                                     \
      COILS_AT(out + 2 * i) = sum + COILS_IMAGINARY(x) * (COILS_SWAP(y) * sign);                       \
    }                                                                                                  \
    for (; i < count; ++i) {                                                                           \
      out[2 * i] += a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];                                 \
      out[2 * i + 1] += a[2 * i] * b[2 * i + 1] - a[2 * i + 1] * b[2 * i];                             \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_FUNCTION void coils_weigh_##ISA(                                                     \
      const float *weights, const float *in, ptrdiff_t count, float *out) { _Pragma("clang fp contract(fast)") \
    ptrdiff_t i = 0;                                                                                   \
    for (; i + 4 <= count; i += 4) {                                                                   \
      gridding_f4 w = *(const gridding_f4 *)(weights + i);                                             \
      COILS_AT(out + 2 * i) =                                                                          \
          COILS_CONSTANT_AT(in + 2 * i) * __builtin_shufflevector(w, w, 0, 0, 1, 1, 2, 2, 3, 3);       \
    }                                                                                                  \
    for (; i < count; ++i) {                                                                           \
      out[2 * i] = weights[i] * in[2 * i];                                                             \
      out[2 * i + 1] = weights[i] * in[2 * i + 1];                                                     \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_FUNCTION void coils_waves_##ISA(                                                     \
      const float *terms, ptrdiff_t termCount, const float *waves, ptrdiff_t pitch, ptrdiff_t count,   \
      float *real, float *imaginary) { _Pragma("clang fp contract(fast)")                              \
    for (ptrdiff_t x = 0; x < count; x += 8) {                                                         \
      gridding_f8 re = {0}, im = {0};                                                                  \
      for (ptrdiff_t d = 0; d < termCount; ++d) {                                                      \
        const float tr = terms[2 * d], ti = terms[2 * d + 1];                                          \
        gridding_f8 c = COILS_CONSTANT_AT(waves + 2 * d * pitch + x);                                  \
        gridding_f8 s = COILS_CONSTANT_AT(waves + (2 * d + 1) * pitch + x);                            \
        re += tr * c - ti * s;                                                                         \
        im += tr * s + ti * c;                                                                         \
      }                                                                                                \
      COILS_AT(real + x) = re;                                                                         \
      COILS_AT(imaginary + x) = im;                                                                    \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_FUNCTION void coils_largest_##ISA(                                                   \
      const float *matrices, ptrdiff_t pitch, int n, int iterations, float tolerance, float *vector,   \
      ptrdiff_t vectorPitch, float *value) { _Pragma("clang fp contract(fast)")                        \
    gridding_f8 re[COILS_MAXIMUM], im[COILS_MAXIMUM], wr[COILS_MAXIMUM], wi[COILS_MAXIMUM];            \
    gridding_f8 best = {-1, -1, -1, -1, -1, -1, -1, -1}, norm = {0};                                   \
    const gridding_f8 tiny = (gridding_f8){0} + 1e-30f;                                                \
    for (int a = 0; a < n; ++a) re[a] = im[a] = (gridding_f8){0};                                      \
    for (int a = 0; a < n; ++a) {                                                                      \
      gridding_f8 d = COILS_CONSTANT_AT(matrices + 2 * pitch * (ptrdiff_t)(a * n + a));                \
      coils_i8 larger = (coils_i8)(d > best);                                                          \
      best = COILS_SELECT(larger, d, best);                                                            \
      for (int b = 0; b < n; ++b) {                                                                    \
        int low = b < a ? b : a, high = b < a ? a : b;                                                 \
        const float *m = matrices + 2 * pitch * (ptrdiff_t)(low * n + high);                           \
        gridding_f8 mi = COILS_CONSTANT_AT(m + pitch);                                                 \
        re[b] = COILS_SELECT(larger, COILS_CONSTANT_AT(m), re[b]);                                     \
        mi = b > a ? -mi : b < a ? mi : (gridding_f8){0};                                              \
        im[b] = COILS_SELECT(larger, mi, im[b]);                                                       \
      }                                                                                                \
    }                                                                                                  \
    for (int k = 0; k <= iterations; ++k) {                                                            \
      if (k > 0) {                                                                                     \
        for (int a = 0; a < n; ++a) {                                                                  \
          gridding_f8 d = COILS_CONSTANT_AT(matrices + 2 * pitch * (ptrdiff_t)(a * n + a));            \
          wr[a] = d * re[a];                                                                           \
          wi[a] = d * im[a];                                                                           \
        }                                                                                              \
        for (int a = 0; a < n; ++a) {                                                                  \
          gridding_f8 sr = wr[a], si = wi[a];                                                          \
          for (int b = a + 1; b < n; ++b) {                                                            \
            const float *m = matrices + 2 * pitch * (ptrdiff_t)(a * n + b);                            \
            gridding_f8 mr = COILS_CONSTANT_AT(m), mi = COILS_CONSTANT_AT(m + pitch);                  \
            sr += mr * re[b] - mi * im[b];                                                             \
            si += mr * im[b] + mi * re[b];                                                             \
            wr[b] += mr * re[a] + mi * im[a];                                                          \
            wi[b] += mr * im[a] - mi * re[a];                                                          \
          }                                                                                            \
          wr[a] = sr;                                                                                  \
          wi[a] = si;                                                                                  \
        }                                                                                              \
      } else {                                                                                         \
        for (int a = 0; a < n; ++a) {                                                                  \
          wr[a] = re[a];                                                                               \
          wi[a] = im[a];                                                                               \
        }                                                                                              \
      }                                                                                                \
      gridding_f8 square = {0};                                                                        \
      for (int a = 0; a < n; ++a) square += wr[a] * wr[a] + wi[a] * wi[a];                             \
      for (int l = 0; l < COILS_LANES; ++l) norm[l] = __builtin_sqrtf(square[l]);                      \
      gridding_f8 inverse = COILS_SELECT((coils_i8)(norm > tiny), 1.0f / norm, (gridding_f8){0});      \
      gridding_f8 change = {0};                                                                        \
      for (int a = 0; a < n; ++a) {                                                                    \
        wr[a] *= inverse;                                                                              \
        wi[a] *= inverse;                                                                              \
        gridding_f8 dr = wr[a] - re[a], di = wi[a] - im[a];                                            \
        change += dr * dr + di * di;                                                                   \
        re[a] = wr[a];                                                                                 \
        im[a] = wi[a];                                                                                 \
      }                                                                                                \
      int settled = k > 0;                                                                             \
      for (int l = 0; l < COILS_LANES; ++l) settled &= change[l] <= tolerance;                         \
      if (settled) break;                                                                              \
    }                                                                                                  \
    COILS_AT(value) = norm;                                                                            \
    for (int a = 0; a < n; ++a) {                                                                      \
      COILS_AT(vector + 2 * vectorPitch * (ptrdiff_t)a) = re[a];                                       \
      COILS_AT(vector + vectorPitch * (ptrdiff_t)(2 * a + 1)) = im[a];                                 \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_FUNCTION void coils_gram_##ISA(                                                      \
      const float *a, const float *b, ptrdiff_t pitch, double *out) { _Pragma("clang fp contract(fast)") \
    gridding_f8 rr = {0}, ir = {0};                                                                    \
    for (ptrdiff_t i = 0; i < pitch; i += 8) {                                                         \
      gridding_f8 ar = COILS_CONSTANT_AT(a + i), ai = COILS_CONSTANT_AT(a + pitch + i);                \
      gridding_f8 br = COILS_CONSTANT_AT(b + i), bi = COILS_CONSTANT_AT(b + pitch + i);                \
      rr += ar * br + ai * bi;                                                                         \
      ir += ai * br - ar * bi;                                                                         \
    }                                                                                                  \
    double re = 0, im = 0;                                                                             \
    for (int l = 0; l < 8; ++l) {                                                                      \
      re += rr[l];                                                                                     \
      im += ir[l];                                                                                     \
    }                                                                                                  \
    out[0] = re;                                                                                       \
    out[1] = im;                                                                                       \
  }                                                                                                    \
  TARGET GRIDDING_FUNCTION void hermitian_multiply_##ISA(                                              \
      const double *real, const double *imaginary, ptrdiff_t pitch, ptrdiff_t n, const double *vr,     \
      const double *vi, double *pr, double *pi) { _Pragma("clang fp contract(fast)")                   \
    for (ptrdiff_t j = 0; j < n; ++j) pr[j] = pi[j] = 0;                                               \
    ptrdiff_t i = 0;                                                                                   \
    for (; i + 2 <= n; i += 2) {                                                                       \
      const double *ar = real + i * pitch, *ai = imaginary + i * pitch;                                \
      const double *br = ar + pitch, *bi = ai + pitch;                                                 \
      const double x = vr[i], y = vi[i], u = vr[i + 1], v = vi[i + 1];                                 \
      _Pragma("clang loop vectorize(enable)") for (ptrdiff_t j = 0; j < n; ++j) {                      \
        pr[j] += x * ar[j] + y * ai[j] + u * br[j] + v * bi[j];                                        \
        pi[j] += y * ar[j] - x * ai[j] + v * br[j] - u * bi[j];                                        \
      }                                                                                                \
    }                                                                                                  \
    if (i < n) {                                                                                       \
      const double *ar = real + i * pitch, *ai = imaginary + i * pitch;                                \
      for (ptrdiff_t j = 0; j < n; ++j) {                                                              \
        pr[j] += vr[i] * ar[j] + vi[i] * ai[j];                                                        \
        pi[j] += vi[i] * ar[j] - vr[i] * ai[j];                                                        \
      }                                                                                                \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_FUNCTION void hermitian_update_##ISA(                                                \
      double *real, double *imaginary, ptrdiff_t pitch, ptrdiff_t n, const double *vr,                 \
      const double *vi, const double *wr, const double *wi) { _Pragma("clang fp contract(fast)")       \
    for (ptrdiff_t i = 0; i < n; ++i) {                                                                \
      double *ar = real + i * pitch, *ai = imaginary + i * pitch;                                      \
      const double x = vr[i], y = vi[i], u = wr[i], v = wi[i];                                         \
      _Pragma("clang loop vectorize(assume_safety)") for (ptrdiff_t j = 0; j < n; ++j) {               \
        ar[j] -= x * wr[j] + y * wi[j] + u * vr[j] + v * vi[j];                                        \
        ai[j] -= y * wr[j] - x * wi[j] + v * vr[j] - u * vi[j];                                        \
      }                                                                                                \
    }                                                                                                  \
  }                                                                                                    \
  TARGET GRIDDING_FUNCTION void hermitian_rotate_##ISA(                                                \
      double *a, double *b, ptrdiff_t n, double cosine, double sine) { _Pragma("clang fp contract(fast)") \
    _Pragma("clang loop vectorize(assume_safety)")                                                     \
    for (ptrdiff_t j = 0; j < n; ++j) {                                                                \
      const double x = a[j], y = b[j];                                                                 \
      a[j] = cosine * x - sine * y;                                                                    \
      b[j] = sine * x + cosine * y;                                                                    \
    }                                                                                                  \
  }

#if defined(__x86_64__)
COILS_DEFINE(avx512, GRIDDING_AVX512)
COILS_DEFINE(avx2, GRIDDING_AVX2)
#define COILS_DISPATCH(NAME, ...)                                                                      \
  if (instructions == 2) NAME##_avx512(__VA_ARGS__);                                                   \
  else if (instructions == 1) NAME##_avx2(__VA_ARGS__);                                                \
  else NAME##_baseline(__VA_ARGS__);
#else
#define COILS_DISPATCH(NAME, ...) NAME##_baseline(__VA_ARGS__);
#endif
COILS_DEFINE(baseline, )

/// out ← a b
GRIDDING_INLINE void coils_multiply(
    int instructions, const float *a, const float *b, ptrdiff_t count, float *out) {
  COILS_DISPATCH(coils_multiply, a, b, count, out)
}

/// out ← out + conj(a) b
GRIDDING_INLINE void coils_add_conjugate_product(
    int instructions, const float *a, const float *b, ptrdiff_t count, float *out) {
  COILS_DISPATCH(coils_add_conjugate_product, a, b, count, out)
}

/// out ← real weights · in, which may be the same memory.
GRIDDING_INLINE void coils_weigh(
    int instructions, const float *weights, const float *in, ptrdiff_t count, float *out) {
  COILS_DISPATCH(coils_weigh, weights, in, count, out)
}

/// real[x] + i imaginary[x] ← Σ terms[d] waves[d][x]; every wave is a plane of real and one of imaginary parts. All
/// rows have room for a multiple of 8.
GRIDDING_INLINE void coils_waves(
    int instructions, const float *terms, ptrdiff_t termCount, const float *waves, ptrdiff_t pitch,
    ptrdiff_t count, float *real, float *imaginary) {
  COILS_DISPATCH(coils_waves, terms, termCount, waves, pitch, count, real, imaginary)
}

/// The largest eigenvalue of 8 positive semi-definite n × n matrices and its eigenvector of norm 1, by power iteration
/// from the column of the largest diagonal element.
///
/// Element (a, b ≥ a) of the matrices is at `matrices + 2 · pitch · (a n + b)`: 8 real parts, and 8 imaginary parts
/// `pitch` further. Component c of the vectors is stored alike at `vector + 2 · vectorPitch · c`. Stops when all
/// vectors change by less than the root of `tolerance` in a step.
GRIDDING_INLINE void coils_largest(
    int instructions, const float *matrices, ptrdiff_t pitch, int n, int iterations, float tolerance,
    float *vector, ptrdiff_t vectorPitch, float *value) {
  COILS_DISPATCH(coils_largest, matrices, pitch, n, iterations, tolerance, vector, vectorPitch, value)
}

/// out ← Σ a conj(b), for planes of `pitch` real and `pitch` imaginary parts, a multiple of 8.
GRIDDING_INLINE void coils_gram(
    int instructions, const float *a, const float *b, ptrdiff_t pitch, double *out) {
  COILS_DISPATCH(coils_gram, a, b, pitch, out)
}

/// p ← A v for a Hermitian matrix in two planes.
GRIDDING_INLINE void hermitian_multiply(
    int instructions, const double *real, const double *imaginary, ptrdiff_t pitch, ptrdiff_t n,
    const double *vr, const double *vi, double *pr, double *pi) {
  COILS_DISPATCH(hermitian_multiply, real, imaginary, pitch, n, vr, vi, pr, pi)
}

/// A ← A − v wᴴ − w vᴴ
GRIDDING_INLINE void hermitian_update(
    int instructions, double *real, double *imaginary, ptrdiff_t pitch, ptrdiff_t n, const double *vr,
    const double *vi, const double *wr, const double *wi) {
  COILS_DISPATCH(hermitian_update, real, imaginary, pitch, n, vr, vi, wr, wi)
}

/// (a, b) ← (c a − s b, s a + c b)
GRIDDING_INLINE void hermitian_rotate(
    int instructions, double *a, double *b, ptrdiff_t n, double cosine, double sine) {
  COILS_DISPATCH(hermitian_rotate, a, b, n, cosine, sine)
}
