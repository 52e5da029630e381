// Matrix products in which the order of every sum is fixed.
//
// Each sum over k is cut into parts of 256. A part is one chain of fused multiply-adds that starts
// from 0, in the order of k; C is the sum of the parts in their order, or C + part + part + ...
// where the product is added. The size of a tile and the length of a vector change no bit. Parts
// keep long sums exact: the error of a chain grows with the root of its length.
#pragma once

#include "vector.hpp"

namespace isoloss {

// C (m, n) = A B, or C += A B. A[m][k] lies at a[m * a_row + k * a_column], so that A may be a
// transpose. B[k][n] lies at b[k * b_row + n] and can be read up to a multiple of 8 columns.
struct Product {
  long m, n, k;
  const float* a;
  long a_row, a_column;
  const float* b;
  long b_row;
  float* c;
  long c_row;
  bool add;  // to the C that is there
};

constexpr long PART = 256;  // of a sum over k

// ROWS x (VECTORS of V) numbers of C, in registers. The last vector has `last` columns.
template <class V, int ROWS, int VECTORS>
ISOLOSS_INLINE void tile(const Product& p, long row, long column, long last) {
  constexpr long lanes = Of<V>::lanes;
  const float* a = p.a + row * p.a_row;
  const float* b = p.b + column;
  float* c = p.c + row * p.c_row + column;
  V sums[ROWS][VECTORS] = {};
  for (long k = 0; k < p.k; k++) {
    V right[VECTORS];
#pragma GCC unroll 4
    for (int j = 0; j < VECTORS; j++) right[j] = load<V>(b + j * lanes);
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; i++) {
      const V left = all<V>(a[i * p.a_row]);
#pragma GCC unroll 4
      for (int j = 0; j < VECTORS; j++) sums[i][j] = fused(left, right[j], sums[i][j]);
    }
    a += p.a_column;
    b += p.b_row;
  }
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
    for (int j = 0; j < VECTORS; j++) {
      float* at = c + i * p.c_row + j * lanes;
      if (j + 1 < VECTORS || last == lanes)
        store(at, p.add ? load<V>(at) + sums[i][j] : sums[i][j]);
      else
        store_first(at, p.add ? load_first<V>(at, last) + sums[i][j] : sums[i][j], last);
    }
}

// All rows of VECTORS vectors of columns: as many tiles of ROWS as there are, then smaller ones.
template <class V, int ROWS, int VECTORS>
static void columns(const Product& p, long column, long last) {
  long row = 0;
  for (; row + ROWS <= p.m; row += ROWS) tile<V, ROWS, VECTORS>(p, row, column, last);
  if (ROWS > 6 && row + 6 <= p.m) tile<V, 6, VECTORS>(p, row, column, last), row += 6;
  if (ROWS > 4 && row + 4 <= p.m) tile<V, 4, VECTORS>(p, row, column, last), row += 4;
  if (ROWS > 2 && row + 2 <= p.m) tile<V, 2, VECTORS>(p, row, column, last), row += 2;
  for (; row < p.m; row++) tile<V, 1, VECTORS>(p, row, column, last);
}

// One part of the sum.
static inline void multiply_part(const Product& p) {
  long column = 0;
#if defined(__AVX512F__)
  for (; column + 64 <= p.n; column += 64) columns<v16, 6, 4>(p, column, 16);
  if (column + 32 <= p.n) columns<v16, 12, 2>(p, column, 16), column += 32;
  for (long left; (left = p.n - column) > 8; column += 16)
    columns<v16, 12, 1>(p, column, left < 16 ? left : 16);
#else
  for (long left; (left = p.n - column) > 8; column += 16)
    columns<v8, 6, 2>(p, column, left < 16 ? left - 8 : 8);
#endif
  if (column < p.n) columns<v8, 8, 1>(p, column, p.n - column);
}

static inline void multiply(const Product& p) {
  Product part = p;
  for (long first = 0; first < p.k; first += PART) {
    part.k = p.k - first < PART ? p.k - first : PART;
    part.a = p.a + first * p.a_column;
    part.b = p.b + first * p.b_row;
    part.add = p.add || first > 0;
    multiply_part(part);
  }
}

}  // namespace isoloss
