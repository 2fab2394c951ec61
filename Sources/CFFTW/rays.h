#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// The inner loops of the ray transforms. As those of the non-uniform FFT they are C because Swift has neither
// per-function instruction sets nor lane shuffles.
//
// Ray k meets line l of an image at the position c[k] + b[k] l, in pixels from the middle of the first one. Rays are
// sorted by position. Neighbours in a vector fall on pixels close together, so a few loads and a shuffle within
// registers do what a gather would do one element at a time.

#define RAYS_INLINE static inline __attribute__((always_inline))
#define RAYS_FUNCTION static inline __attribute__((noinline))

/// Rays of one vector. Tables are padded to a multiple of it.
#define RAYS_GROUP 16
/// Readable elements beyond both ends of a line of pixels, a table of rays or a view.
#define RAYS_MARGIN 80
/// Lines and pixels of the cell within which ray indices are interpolated.
#define RAYS_CELL 16

/// Narrows lines first ..< last to those on which c + b l is above (or below) a bound, and one more on either side.
RAYS_INLINE void rays_limit(float c, float b, float bound, int above, int *first, int *last) {
  if (b > -1e-9f && b < 1e-9f) {
    if (above ? !(c > bound) : !(c < bound)) *last = *first;
    return;
  }
  float root = (bound - c) / b;
  root = root < -1e6f ? -1e6f : root > 1e6f ? 1e6f : root;
  int line = (int)(root + 1e6f) - 1000000;
  if ((b > 0) == (above != 0)) {
    if (line - 1 > *first) *first = line - 1;
  } else {
    if (line + 2 < *last) *last = line + 2;
  }
}

RAYS_INLINE int rays_floor(float x) {
  int i = (int)x;
  return i - (x < (float)i);
}

// MARK: any processor

RAYS_FUNCTION void rays_project_plain(
    const float *image, ptrdiff_t pitch, int length, int first, int last, const float *c, const float *b,
    int count, float *sums) {
#pragma clang fp contract(off)
  for (int k = 0; k < count; ++k) {
    int from = first, to = last;
    rays_limit(c[k], b[k], -1, 1, &from, &to);
    rays_limit(c[k], b[k], (float)length, 0, &from, &to);
    float sum = 0;
    for (int l = from; l < to; ++l) {
      const float position = c[k] + b[k] * (float)l;
      const int pixel = rays_floor(position);
      const float fraction = position - (float)pixel;
      const float *p = image + l * pitch + pixel;
      sum += p[0] + fraction * (p[1] - p[0]);
    }
    sums[k] += sum;
  }
}

RAYS_INLINE void rays_spread(
    const int fused, float *image, ptrdiff_t pitch, int length, int first, int last, const float *c, const float *b,
    const float *values, int count) {
#pragma clang fp contract(off)
  for (int k = 0; k < count; ++k) {
    int from = first, to = last;
    rays_limit(c[k], b[k], -1, 1, &from, &to);
    rays_limit(c[k], b[k], (float)length, 0, &from, &to);
    for (int l = from; l < to; ++l) {
      const float position = fused ? __builtin_fmaf(b[k], (float)l, c[k]) : c[k] + b[k] * (float)l;
      const int pixel = rays_floor(position);
      const float fraction = position - (float)pixel;
      float *p = image + l * pitch + pixel;
      p[0] += (1 - fraction) * values[k];
      p[1] += fraction * values[k];
    }
  }
}

RAYS_FUNCTION void rays_project_adjoint_plain(
    float *image, ptrdiff_t pitch, int length, int first, int last, const float *c, const float *b,
    const float *values, int count) {
  rays_spread(0, image, pitch, length, first, last, c, b, values, count);
}

/// A view as a pixel-driven back-projection sees it. With the source at the origin, a pixel lies at the depth t along
/// the central ray and at v across it, both linear in row and column.
typedef struct {
  double depth, depth_per_row, depth_per_column;
  double across, across_per_row, across_per_column;
  /// Bins per unit of v / t, or per radian, and the bin of the central ray.
  float scale, axis;
  /// Of a pixel at t = 1, or at a distance of 1.
  float weight;
  int32_t curved;
  /// Registers that hold the bins under RAYS_GROUP pixels: 1, 2 or 4; 0 when they may be anywhere.
  int32_t reach;
} rays_view;

// atan x / x as a polynomial in x² for 0 <= x <= 1, error below 2e-8 (Abramowitz and Stegun, 4.4.49).
#define RAYS_ARC_TANGENT(STEP, START) \
  START(0.0028662257f)                \
  STEP(-0.0161657367f)                \
  STEP(0.0429096138f)                 \
  STEP(-0.0752896400f)                \
  STEP(0.1065626393f)                 \
  STEP(-0.1420889944f)                \
  STEP(0.1999355085f)                 \
  STEP(-0.3333314528f)                \
  STEP(1.0f)

RAYS_FUNCTION void rays_interpolate_plain(
    float *image, ptrdiff_t pitch, int first, int last, int columns, const rays_view *view, const float *bins,
    int count) {
#pragma clang fp contract(off)
  for (int row = first; row < last; ++row) {
    const float t0 = (float)(view->depth + view->depth_per_row * row);
    const float v0 = (float)(view->across + view->across_per_row * row);
    const float dt = (float)view->depth_per_column, dv = (float)view->across_per_column;
    float *target = image + (row - first) * pitch;
    for (int j = 0; j < columns; ++j) {
      const float t = t0 + dt * (float)j, v = v0 + dv * (float)j;
      float position, weight;
      if (view->curved) {
        const float a = v < 0 ? -v : v;
        const float x = a > t ? t / a : a / t, s = x * x;
#define RAYS_START(C) float p = C;
#define RAYS_STEP(C) p = p * s + C;
        RAYS_ARC_TANGENT(RAYS_STEP, RAYS_START)
#undef RAYS_START
#undef RAYS_STEP
        p *= x;
        p = a > t ? 1.57079632679f - p : p;
        position = view->axis + view->scale * (v < 0 ? -p : p);
        weight = view->weight / (t * t + v * v);
      } else {
        const float inverse = 1 / t;
        position = view->axis + view->scale * (v * inverse);
        weight = view->weight * (inverse * inverse);
      }
      position = position > -2 ? position : -2;
      position = position < (float)(count + 1) ? position : (float)(count + 1);
      const int bin = rays_floor(position);
      const float fraction = position - (float)bin;
      target[j] += weight * (bins[bin] + fraction * (bins[bin + 1] - bins[bin]));
    }
  }
}

// MARK: AVX-512

#if defined(__x86_64__)
#define RAYS_AVX512 __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")))

/// p[index] for indices below 16 · reach; any index for a reach of 0.
RAYS_AVX512 RAYS_INLINE __m512 rays_look_up(const int reach, const float *p, __m512i index) {
  if (reach == 0) return _mm512_i32gather_ps(index, p, 4);
  if (reach == 1) return _mm512_permutexvar_ps(index, _mm512_loadu_ps(p));
  const __m512 low = _mm512_permutex2var_ps(_mm512_loadu_ps(p), index, _mm512_loadu_ps(p + 16));
  if (reach == 2) return low;
  const __m512 high = _mm512_permutex2var_ps(_mm512_loadu_ps(p + 32), index, _mm512_loadu_ps(p + 48));
  return _mm512_mask_blend_ps(_mm512_test_epi32_mask(index, _mm512_set1_epi32(32)), low, high);
}

RAYS_AVX512 RAYS_INLINE __m512 rays_sum_lines(
    const int reach, const float *image, ptrdiff_t pitch, int length, int first, int last, __m512 c, __m512 b) {
  __m512 sum = _mm512_setzero_ps();
  __m512 line = _mm512_set1_ps((float)first);
  const __m512 one = _mm512_set1_ps(1);
  const float *row = image + first * pitch;
  for (int l = first; l < last; ++l, row += pitch) {
    const __m512 position = _mm512_fmadd_ps(b, line, c);
    line = _mm512_add_ps(line, one);
    const __m512 below = _mm512_roundscale_ps(position, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    const __m512 fraction = _mm512_sub_ps(position, below);
    __m512i index = _mm512_cvtps_epi32(below);
    const float *p = row;
    if (reach == 0) {
      index = _mm512_max_epi32(index, _mm512_set1_epi32(-2));
      index = _mm512_min_epi32(index, _mm512_set1_epi32(length));
    } else {
      const int base = _mm_cvtsi128_si32(_mm512_castsi512_si128(index));
      index = _mm512_sub_epi32(index, _mm512_set1_epi32(base));
      p += base;
    }
    const __m512 left = rays_look_up(reach, p, index);
    const __m512 right = rays_look_up(reach, p + 1, index);
    sum = _mm512_add_ps(sum, _mm512_fmadd_ps(fraction, _mm512_sub_ps(right, left), left));
  }
  return sum;
}

RAYS_AVX512 RAYS_FUNCTION void rays_project_avx512(
    const float *image, ptrdiff_t pitch, int length, int first, int last, const float *c, const float *b,
    int count, float *sums) {
  for (int k = 0; k < count; k += RAYS_GROUP) {
    const float c0 = c[k], b0 = b[k], c1 = c[k + RAYS_GROUP - 1], b1 = b[k + RAYS_GROUP - 1];
    int from = first, to = last;
    rays_limit(c1, b1, -1, 1, &from, &to);
    rays_limit(c0, b0, (float)length, 0, &from, &to);
    if (from >= to) continue;
    const float start = (c1 - c0) + (b1 - b0) * (float)from, end = (c1 - c0) + (b1 - b0) * (float)(to - 1);
    const float span = start > end ? start : end;
    const __m512 vc = _mm512_loadu_ps(c + k), vb = _mm512_loadu_ps(b + k);
    __m512 sum;
    if (span < 14.9f)
      sum = rays_sum_lines(1, image, pitch, length, from, to, vc, vb);
    else if (span < 30.9f)
      sum = rays_sum_lines(2, image, pitch, length, from, to, vc, vb);
    else if (span < 62.9f)
      sum = rays_sum_lines(4, image, pitch, length, from, to, vc, vb);
    else
      sum = rays_sum_lines(0, image, pitch, length, from, to, vc, vb);
    _mm512_storeu_ps(sums + k, _mm512_add_ps(_mm512_loadu_ps(sums + k), sum));
  }
}

/// Positions rounded once, as in the vectors of the projection.
RAYS_AVX512 RAYS_FUNCTION void rays_project_adjoint_fused(
    float *image, ptrdiff_t pitch, int length, int first, int last, const float *c, const float *b,
    const float *values, int count) {
  rays_spread(1, image, pitch, length, first, last, c, b, values, count);
}

/// One block of RAYS_GROUP pixels on every line of a cell.
///
/// Pixel j takes values · max(0, 1 − |position − j|) from the rays near it. Which these are is interpolated; a ray too
/// many weighs nothing, and `margin` is more than the error of the interpolation.
RAYS_AVX512 RAYS_INLINE void rays_collect(
    const int reach, float *image, ptrdiff_t pitch, int first, int lines, int pixel, const float *c, const float *b,
    const float *values, int count, float top, float topStep, float bottom, float bottomStep, float margin,
    int taps) {
  const __m512 lanes = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512 pixels = _mm512_add_ps(lanes, _mm512_set1_ps((float)pixel));
  const __m512 one = _mm512_set1_ps(1), zero = _mm512_setzero_ps();
  const __m512i next = _mm512_set1_epi32(1);
  float *row = image + pixel;
  for (int l = 0; l < lines; ++l, row += pitch) {
    const float s = (float)l * (1.0f / RAYS_CELL);
    const float ray = top + s * (bottom - top), step = topStep + s * (bottomStep - topStep);
    // The first ray beyond the pixel before.
    const __m512 start = _mm512_fmadd_ps(lanes, _mm512_set1_ps(step), _mm512_set1_ps(ray - margin + 1));
    __m512i index = _mm512_cvt_roundps_epi32(start, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    const __m512 line = _mm512_set1_ps((float)(first + l));
    __m512 sum = zero;
    if (reach == 0) {
      const __m512i lowest = _mm512_set1_epi32(-1), highest = _mm512_set1_epi32(count);
      for (int t = 0; t < taps; ++t) {
        const __m512i k = _mm512_min_epi32(_mm512_max_epi32(index, lowest), highest);
        const __m512 position =
            _mm512_fmadd_ps(_mm512_i32gather_ps(k, b, 4), line, _mm512_i32gather_ps(k, c, 4));
        const __m512 value = _mm512_i32gather_ps(k, values, 4);
        const __m512 weight = _mm512_sub_ps(one, _mm512_abs_ps(_mm512_sub_ps(position, pixels)));
        sum = _mm512_fmadd_ps(_mm512_max_ps(weight, zero), value, sum);
        index = _mm512_add_epi32(index, next);
      }
    } else {
      const int base = _mm_cvtsi128_si32(_mm512_castsi512_si128(index));
      if (base >= count || base + 16 * reach <= 0) continue;
      index = _mm512_sub_epi32(index, _mm512_set1_epi32(base));
      __m512 p[4], v[4];
      for (int r = 0; r < reach; ++r) {
        const ptrdiff_t k = base + 16 * r;
        p[r] = _mm512_fmadd_ps(_mm512_loadu_ps(b + k), line, _mm512_loadu_ps(c + k));
        v[r] = _mm512_loadu_ps(values + k);
      }
      for (int t = 0; t < taps; ++t) {
        __m512 position, value;
        if (reach == 1) {
          position = _mm512_permutexvar_ps(index, p[0]);
          value = _mm512_permutexvar_ps(index, v[0]);
        } else {
          position = _mm512_permutex2var_ps(p[0], index, p[1]);
          value = _mm512_permutex2var_ps(v[0], index, v[1]);
        }
        if (reach == 4) {
          const __mmask16 high = _mm512_test_epi32_mask(index, _mm512_set1_epi32(32));
          position = _mm512_mask_blend_ps(high, position, _mm512_permutex2var_ps(p[2], index, p[3]));
          value = _mm512_mask_blend_ps(high, value, _mm512_permutex2var_ps(v[2], index, v[3]));
        }
        const __m512 weight = _mm512_sub_ps(one, _mm512_abs_ps(_mm512_sub_ps(position, pixels)));
        sum = _mm512_fmadd_ps(_mm512_max_ps(weight, zero), value, sum);
        index = _mm512_add_epi32(index, next);
      }
    }
    _mm512_storeu_ps(row, _mm512_add_ps(_mm512_loadu_ps(row), sum));
  }
}

RAYS_AVX512 RAYS_FUNCTION void rays_project_adjoint_avx512(
    float *image, ptrdiff_t pitch, int length, int first, int lines, const float *c, const float *b,
    const float *values, int count, const float *top, const float *bottom, float margin) {
  const int blocks = (length + RAYS_GROUP - 1) / RAYS_GROUP;
  for (int block = 0; block < blocks; ++block) {
    const float t0 = top[block], t1 = top[block + 1], b0 = bottom[block], b1 = bottom[block + 1];
    const float topStep = (t1 - t0) * (1.0f / RAYS_GROUP), bottomStep = (b1 - b0) * (1.0f / RAYS_GROUP);
    const float step = topStep > bottomStep ? topStep : bottomStep;
    const float reached = 2 * (step + margin);
    // The first pixel asks for rays from t0 or b0 on, the last one for rays up to two pixels further.
    if ((t1 > b1 ? t1 : b1) + reached < 0 || (t0 < b0 ? t0 : b0) - reached > (float)count) continue;
    const int taps = (int)reached + 1;
    const float span = 15 * step + (float)taps;
    if (span < 14.9f)
      rays_collect(1, image, pitch, first, lines, RAYS_GROUP * block, c, b, values, count, t0, topStep, b0,
                   bottomStep, margin, taps);
    else if (span < 30.9f)
      rays_collect(2, image, pitch, first, lines, RAYS_GROUP * block, c, b, values, count, t0, topStep, b0,
                   bottomStep, margin, taps);
    else if (span < 62.9f)
      rays_collect(4, image, pitch, first, lines, RAYS_GROUP * block, c, b, values, count, t0, topStep, b0,
                   bottomStep, margin, taps);
    else
      rays_collect(0, image, pitch, first, lines, RAYS_GROUP * block, c, b, values, count, t0, topStep, b0,
                   bottomStep, margin, taps);
  }
}

RAYS_AVX512 RAYS_INLINE void rays_interpolate_rows(
    const int reach, const int curved, float *image, ptrdiff_t pitch, int first, int last, int columns,
    const rays_view *view, const float *bins, int count) {
  const __m512 lanes = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512 dt = _mm512_set1_ps((float)view->depth_per_column);
  const __m512 dv = _mm512_set1_ps((float)view->across_per_column);
  const __m512 scale = _mm512_set1_ps(view->scale), axis = _mm512_set1_ps(view->axis);
  const __m512 factor = _mm512_set1_ps(view->weight), one = _mm512_set1_ps(1), sixteen = _mm512_set1_ps(16);
  const __m512 lowest = _mm512_set1_ps(-2), highest = _mm512_set1_ps((float)(count + 1));
  for (int row = first; row < last; ++row) {
    const __m512 t0 = _mm512_set1_ps((float)(view->depth + view->depth_per_row * row));
    const __m512 v0 = _mm512_set1_ps((float)(view->across + view->across_per_row * row));
    float *target = image + (row - first) * pitch;
    // The sign of the slope of v / t along the row, the same everywhere on it.
    const int descending = view->across_per_column * (view->depth + view->depth_per_row * row) <
                           view->depth_per_column * (view->across + view->across_per_row * row);
    __m512 column = lanes;
    for (int j = 0; j < columns; j += RAYS_GROUP) {
      const __m512 t = _mm512_fmadd_ps(dt, column, t0), v = _mm512_fmadd_ps(dv, column, v0);
      column = _mm512_add_ps(column, sixteen);
      __m512 position, weight;
      if (curved) {
        const __m512 a = _mm512_abs_ps(v);
        const __m512 x = _mm512_div_ps(_mm512_min_ps(a, t), _mm512_max_ps(a, t)), s = _mm512_mul_ps(x, x);
#define RAYS_START(C) __m512 p = _mm512_set1_ps(C);
#define RAYS_STEP(C) p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(C));
        RAYS_ARC_TANGENT(RAYS_STEP, RAYS_START)
#undef RAYS_START
#undef RAYS_STEP
        p = _mm512_mul_ps(p, x);
        p = _mm512_mask_sub_ps(
            p, _mm512_cmp_ps_mask(a, t, _CMP_GT_OQ), _mm512_set1_ps(1.57079632679f), p);
        p = _mm512_mask_sub_ps(
            p, _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_LT_OQ), _mm512_setzero_ps(), p);
        position = _mm512_fmadd_ps(scale, p, axis);
        weight = _mm512_div_ps(factor, _mm512_fmadd_ps(t, t, _mm512_mul_ps(v, v)));
      } else {
        const __m512 inverse = _mm512_div_ps(one, t);
        position = _mm512_fmadd_ps(scale, _mm512_mul_ps(v, inverse), axis);
        weight = _mm512_mul_ps(factor, _mm512_mul_ps(inverse, inverse));
      }
      position = _mm512_min_ps(_mm512_max_ps(position, lowest), highest);
      const __m512 below = _mm512_roundscale_ps(position, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
      const __m512 fraction = _mm512_sub_ps(position, below);
      __m512i index = _mm512_cvtps_epi32(below);
      const float *p = bins;
      if (reach != 0) {
        // One below the lowest: where bins hardly change along a row, rounding may put the order of two pixels wrong.
        const int base = (descending ? _mm_extract_epi32(_mm512_extracti32x4_epi32(index, 3), 3)
                                     : _mm_cvtsi128_si32(_mm512_castsi512_si128(index))) -
                         1;
        index = _mm512_sub_epi32(index, _mm512_set1_epi32(base));
        p += base;
      }
      const __m512 left = rays_look_up(reach, p, index);
      const __m512 right = rays_look_up(reach, p + 1, index);
      const __m512 value = _mm512_fmadd_ps(fraction, _mm512_sub_ps(right, left), left);
      _mm512_storeu_ps(target + j, _mm512_fmadd_ps(weight, value, _mm512_loadu_ps(target + j)));
    }
  }
}

#define RAYS_INTERPOLATE(REACH)                                                                            \
  if (view->curved)                                                                                        \
    rays_interpolate_rows(REACH, 1, image, pitch, first, last, columns, view, bins, count);                \
  else                                                                                                     \
    rays_interpolate_rows(REACH, 0, image, pitch, first, last, columns, view, bins, count);

RAYS_AVX512 RAYS_FUNCTION void rays_interpolate_avx512(
    float *image, ptrdiff_t pitch, int first, int last, int columns, const rays_view *view, const float *bins,
    int count) {
  switch (view->reach) {
    case 1: RAYS_INTERPOLATE(1) break;
    case 2: RAYS_INTERPOLATE(2) break;
    case 4: RAYS_INTERPOLATE(4) break;
    default: RAYS_INTERPOLATE(0) break;
  }
}
#undef RAYS_INTERPOLATE
#endif

// MARK: what Swift calls

/// Whether this machine has the vectors that the loops above are written for.
RAYS_FUNCTION int rays_have_vectors(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return 0;
#endif
}

/// sums[k] += Σ over lines first ..< last of the image at c[k] + b[k] l, interpolated between pixels.
///
/// The image has `length` pixels to a line and RAYS_MARGIN zeros on both sides. `count` is a multiple of RAYS_GROUP.
RAYS_INLINE void rays_project(
    int vectors, const float *image, ptrdiff_t pitch, int length, int first, int last, const float *c,
    const float *b, int count, float *sums) {
#if defined(__x86_64__)
  if (vectors) {
    rays_project_avx512(image, pitch, length, first, last, c, b, count, sums);
    return;
  }
#endif
  rays_project_plain(image, pitch, length, first, last, c, b, count, sums);
}

/// The transpose of `rays_project`, ray by ray: image += values. Writes up to two pixels beyond both ends of a line.
RAYS_INLINE void rays_project_adjoint(
    int vectors, float *image, ptrdiff_t pitch, int length, int first, int last, const float *c, const float *b,
    const float *values, int count) {
#if defined(__x86_64__)
  if (vectors) {
    rays_project_adjoint_fused(image, pitch, length, first, last, c, b, values, count);
    return;
  }
#endif
  rays_project_adjoint_plain(image, pitch, length, first, last, c, b, values, count);
}

/// The same, pixel by pixel, for lines first ..< first + lines of at most RAYS_CELL; `image` is the first of them.
///
/// Writes RAYS_GROUP pixels beyond the end of a line at most. Values beyond both ends of the table are zero.
///
/// - top: for pixels −1, 15, 31, … the index, with fraction, of the ray that meets the first line there.
/// - bottom: the same RAYS_CELL lines further.
/// - margin: more than the error of indices interpolated in between.
RAYS_INLINE void rays_project_adjoint_cell(
    float *image, ptrdiff_t pitch, int length, int first, int lines, const float *c, const float *b,
    const float *values, int count, const float *top, const float *bottom, float margin) {
#if defined(__x86_64__)
  rays_project_adjoint_avx512(image, pitch, length, first, lines, c, b, values, count, top, bottom, margin);
#endif
}

/// image += weight · bins at the position of every pixel, for rows first ..< last; `image` is the first of them.
///
/// Bins have RAYS_MARGIN zeros on both sides. Rows are written to a multiple of RAYS_GROUP pixels.
RAYS_INLINE void rays_interpolate(
    int vectors, float *image, ptrdiff_t pitch, int first, int last, int columns, const rays_view *view,
    const float *bins, int count) {
#if defined(__x86_64__)
  if (vectors) {
    rays_interpolate_avx512(image, pitch, first, last, columns, view, bins, count);
    return;
  }
#endif
  rays_interpolate_plain(image, pitch, first, last, columns, view, bins, count);
}
