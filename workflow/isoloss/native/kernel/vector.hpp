// Vectors of floats, with operations that have the same bits on every processor.
//
// A vector is v8 (8 floats) everywhere, and v16 too where the processor has AVX-512. Lanes never
// meet but in `sum`, whose order is fixed. So a loop over columns gives the same bits with either.
// A product and a sum are fused only where the code says `fused`: compile with -ffp-contract=off.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__FMA__) || defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define ISOLOSS_INLINE static inline __attribute__((always_inline))

namespace isoloss {

typedef float v8 __attribute__((vector_size(32)));
typedef int32_t i8 __attribute__((vector_size(32)));
#if defined(__AVX512F__)
typedef float v16 __attribute__((vector_size(64)));
typedef int32_t i16 __attribute__((vector_size(64)));
typedef v16 wide;  // the longest vector of this processor
#else
typedef v8 wide;
#endif

// Floats of a vector, and the vector of integers of the same size.
template <class V> struct Of;
template <> struct Of<v8> {
  typedef i8 integers;
  static constexpr long lanes = 8;
};
#if defined(__AVX512F__)
template <> struct Of<v16> {
  typedef i16 integers;
  static constexpr long lanes = 16;
};
#endif

constexpr long whole(long n, long unit) { return (n + unit - 1) / unit * unit; }

template <class V> ISOLOSS_INLINE V load(const float* at) {
  V x;
  std::memcpy(&x, at, sizeof x);
  return x;
}

template <class V> ISOLOSS_INLINE void store(float* at, V x) { std::memcpy(at, &x, sizeof x); }

// The first n floats; the other lanes are 0.
template <class V> ISOLOSS_INLINE V load_first(const float* at, long n) {
  V x = {};
  std::memcpy(&x, at, n * sizeof(float));
  return x;
}

template <class V> ISOLOSS_INLINE void store_first(float* at, V x, long n) {
  std::memcpy(at, &x, n * sizeof(float));
}

template <class V> ISOLOSS_INLINE V all(float x) { return x - V{}; }

template <class V> ISOLOSS_INLINE V from_bits(typename Of<V>::integers bits) { return (V)bits; }

template <class V> ISOLOSS_INLINE typename Of<V>::integers bits(V x) {
  return (typename Of<V>::integers)x;
}

// where ? a : b, lane by lane; `where` is a comparison of two vectors.
template <class V> ISOLOSS_INLINE V select(typename Of<V>::integers where, V a, V b) {
  return where ? a : b;
}

// a * b + c with one rounding.
ISOLOSS_INLINE float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

ISOLOSS_INLINE v8 fused(v8 a, v8 b, v8 c) {
#if defined(__FMA__)
  return (v8)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  float32x4_t parts[3][2];
  std::memcpy(parts[0], &a, sizeof a);
  std::memcpy(parts[1], &b, sizeof b);
  std::memcpy(parts[2], &c, sizeof c);
  for (int i = 0; i < 2; i++) parts[2][i] = vfmaq_f32(parts[2][i], parts[0][i], parts[1][i]);
  std::memcpy(&c, parts[2], sizeof c);
  return c;
#else
  for (int i = 0; i < 8; i++) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return c;
#endif
}

ISOLOSS_INLINE v8 square_root(v8 x) {
#if defined(__AVX__)
  return (v8)_mm256_sqrt_ps((__m256)x);
#else
  for (int i = 0; i < 8; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

#if defined(__AVX512F__)
ISOLOSS_INLINE v16 fused(v16 a, v16 b, v16 c) {
  return (v16)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

ISOLOSS_INLINE v16 square_root(v16 x) { return (v16)_mm512_sqrt_ps((__m512)x); }
#endif

// The sum of 8 lanes: (0 + 4) + (2 + 6), then (1 + 5) + (3 + 7), then both.
ISOLOSS_INLINE float sum(v8 x) {
  return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

// The 0 1 2 ... of a vector's lanes.
ISOLOSS_INLINE i8 lane_numbers(v8) { return i8{0, 1, 2, 3, 4, 5, 6, 7}; }
#if defined(__AVX512F__)
ISOLOSS_INLINE i16 lane_numbers(v16) {
  return i16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
}
#endif

#if defined(__clang__)
#define ISOLOSS_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define ISOLOSS_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, i8{__VA_ARGS__})
#endif

// Transpose 8 rows of 8 in place.
ISOLOSS_INLINE void transpose(v8 (&row)[8]) {
  v8 pair[8], four[8];
  for (int i = 0; i < 8; i += 2) {  // pairs of rows, lane by lane
    pair[i] = ISOLOSS_SHUFFLE(row[i], row[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pair[i + 1] = ISOLOSS_SHUFFLE(row[i], row[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int i = 0; i < 8; i += 4)
    for (int j = 0; j < 2; j++) {
      four[i + 2 * j] = ISOLOSS_SHUFFLE(pair[i + j], pair[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      four[i + 2 * j + 1] =
          ISOLOSS_SHUFFLE(pair[i + j], pair[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  for (int i = 0; i < 4; i++) {
    row[i] = ISOLOSS_SHUFFLE(four[i], four[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    row[i + 4] = ISOLOSS_SHUFFLE(four[i], four[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

// to[j][i] = from[i][j] for i < rows, j < columns. Rows of `to` are written to a multiple of 8
// floats; those beyond `rows` are 0. Rows of `from` are read to a multiple of 8 floats.
static inline void transpose(const float* from, long from_stride, long rows, long columns,
                             float* to, long to_stride) {
  for (long i = 0; i < rows; i += 8)
    for (long j = 0; j < columns; j += 8) {
      v8 block[8] = {};
      const long n_rows = rows - i < 8 ? rows - i : 8;
      const long n_columns = columns - j < 8 ? columns - j : 8;
      const float* source = from + i * from_stride + j;
      float* target = to + j * to_stride + i;
      if (n_rows == 8) {
        for (int k = 0; k < 8; k++) block[k] = load<v8>(source + k * from_stride);
      } else {
        for (long k = 0; k < n_rows; k++) block[k] = load<v8>(source + k * from_stride);
      }
      transpose(block);
      if (n_columns == 8) {
        for (int k = 0; k < 8; k++) store(target + k * to_stride, block[k]);
      } else {
        for (long k = 0; k < n_columns; k++) store(target + k * to_stride, block[k]);
      }
    }
}

}  // namespace isoloss
