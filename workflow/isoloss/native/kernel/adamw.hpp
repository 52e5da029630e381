// AdamW, clipping by the global norm, and the sums of the gradient noise scale.
//
// Sums over a flat vector: blocks of 4096 numbers, and one chain of doubles over the blocks. In a
// block there are 32 chains of floats, number r over the numbers r, r + 32, ...; they are added
// (0 + 8) + (16 + 24) and so on to 8, and these as `sum` does.
#pragma once

#include "vector.hpp"

namespace isoloss {

constexpr long SUMMED = 4096;

// Terms of a sum over pairs of numbers: a b, and (a - b)^2.
struct ProductTerm {
  ISOLOSS_INLINE v8 add(v8 a, v8 b, v8 total) { return fused(a, b, total); }
};
struct SquareTerm {
  ISOLOSS_INLINE v8 add(v8 a, v8 b, v8 total) { return fused(a - b, a - b, total); }
};

// The sum of Term over two flat vectors.
template <class Term>
static inline double sum_over(const float* first, const float* second, long n) {
  double total = 0;
  for (long begin = 0; begin < n; begin += SUMMED) {
    const long end = begin + SUMMED < n ? begin + SUMMED : n;
    v8 part[4] = {};
    long i = begin;
    for (; i + 32 <= end; i += 32)
      for (int j = 0; j < 4; j++)
        part[j] = Term::add(load<v8>(first + i + 8 * j), load<v8>(second + i + 8 * j), part[j]);
    for (int j = 0; i < end; i += 8, j++) {
      const long left = end - i < 8 ? end - i : 8;
      const v8 a = load_first<v8>(first + i, left), b = load_first<v8>(second + i, left);
      part[j] = Term::add(a, b, part[j]);
    }
    total += double(sum((part[0] + part[1]) + (part[2] + part[3])));
  }
  return total;
}

// base^n by squaring: no libm.
ISOLOSS_INLINE double whole_power(double base, long n) {
  double power = 1;
  for (; n; n >>= 1, base *= base)
    if (n & 1) power *= base;
  return power;
}

// What all numbers of a step share.
struct Adam {
  float beta1, beta2, rest1, rest2;  // rest: 1 - beta
  float rate;                        // lr / (1 - beta1^step)
  float root_share;                  // 1 / sqrt(1 - beta2^step)
  float eps, clip;                   // clip: factor of the gradients
};

static inline Adam adam(double lr, double beta1, double beta2, double eps, long step, float clip) {
  return {float(beta1),
          float(beta2),
          float(1 - beta1),
          float(1 - beta2),
          float(lr / (1 - whole_power(beta1, step))),
          float(1 / __builtin_sqrt(1 - whole_power(beta2, step))),
          float(eps),
          clip};
}

// m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
// p = kept p - rate m / (sqrt(v) root_share + eps), with g the clipped gradient.
template <class V>
ISOLOSS_INLINE void update(const Adam& adam, float kept, V& p, V gradient, V& m, V& v) {
  const V g = gradient * all<V>(adam.clip);
  m = fused(all<V>(adam.beta1), m, all<V>(adam.rest1) * g);
  v = fused(all<V>(adam.beta2), v, all<V>(adam.rest2) * g * g);
  const V size = fused(square_root(v), all<V>(adam.root_share), all<V>(adam.eps));
  p = p * all<V>(kept) - all<V>(adam.rate) * m / size;
}

// A range of n numbers that share a decay; kept: 1 - lr * weight_decay.
static inline void update(const Adam& adam, float kept, long n, float* p, const float* g, float* m,
                          float* v) {
  constexpr long lanes = Of<wide>::lanes;
  long i = 0;
  for (; i + lanes <= n; i += lanes) {
    wide pi = load<wide>(p + i), mi = load<wide>(m + i), vi = load<wide>(v + i);
    update<wide>(adam, kept, pi, load<wide>(g + i), mi, vi);
    store(p + i, pi), store(m + i, mi), store(v + i, vi);
  }
  const long left = n - i;
  if (!left) return;
  wide pi = load_first<wide>(p + i, left), mi = load_first<wide>(m + i, left),
       vi = load_first<wide>(v + i, left);
  update<wide>(adam, kept, pi, load_first<wide>(g + i, left), mi, vi);
  store_first(p + i, pi, left), store_first(m + i, mi, left), store_first(v + i, vi, left);
}

// The factor that brings the gradients to a norm of at most `clip_norm`; 1 if that is 0.
static inline float clip_factor(const float* gradients, long n, double clip_norm) {
  if (clip_norm == 0) return 1.0f;
  const double square = sum_over<ProductTerm>(gradients, gradients, n);
  const float factor = float(clip_norm / (__builtin_sqrt(square) + 1e-6));
  return factor > 1.0f ? 1.0f : factor;  // a NaN stays
}

}  // namespace isoloss
