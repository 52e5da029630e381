// exp, GELU, tanh and log from sums, products and quotients alone: no libm can change a bit.
//
// A NaN comes out as a NaN: a comparison with it is false, and then the NaN itself is kept.
#pragma once

#include "vector.hpp"

namespace isoloss {

// e^x for x <= 0, to about one unit in the last place. Below -64 the result is e^-64 = 1.6e-28: so
// its quotients and products stay far from denormal numbers.
template <class V> ISOLOSS_INLINE V exponential(V x) {
  const V log2_e = all<V>(1.44269504f), ln2_high = all<V>(0.693145752f),
          ln2_low = all<V>(1.42860677e-6f);
  const V round = all<V>(12582912.0f);  // 1.5 * 2^23: the sum's last bits are the whole number
  x = select<V>(x < all<V>(-64.0f), all<V>(-64.0f), x);
  const V shifted = fused(x, log2_e, round);
  const V n = shifted - round;
  V r = fused(n, -ln2_high, x);
  r = fused(n, -ln2_low, r);  // x = n ln 2 + r
  V y = all<V>(1.37805939e-3f);
  y = fused(y, r, all<V>(8.37312452e-3f));
  y = fused(y, r, all<V>(4.16695364e-2f));
  y = fused(y, r, all<V>(1.66664720e-1f));
  y = fused(y, r, all<V>(4.99999851e-1f));
  y = fused(y, r, all<V>(1.0f));
  y = fused(y, r, all<V>(1.0f));
  const V power = from_bits<V>((bits(shifted) << 23) + 0x3f800000);  // 2^n
  return y * power;
}

// GELU(x) = x Phi(x), and its derivative Phi(x) + x phi(x), of the normal distribution's Phi, phi.
//
// 1 - Phi(|x|) = e^(-x^2 / 2) t P(t) with t = 1 / (1 + |x| / 4). P is a polynomial of ours, fitted
// for the least largest error: below 2e-8, a third of a float's last place at 1.
template <class V> ISOLOSS_INLINE V gelu(V x, V& derivative) {
  const V one = all<V>(1.0f);
  const V size = select<V>(x < V{}, -x, x);
  const V bell = exponential<V>(all<V>(-0.5f) * x * x);
  const V t = one / fused(all<V>(0.25f), size, one);
  V tail = all<V>(-0.0913726613f);
  tail = fused(tail, t, all<V>(0.340890825f));
  tail = fused(tail, t, all<V>(-0.266256332f));
  tail = fused(tail, t, all<V>(0.281045496f));
  tail = fused(tail, t, all<V>(0.0245322306f));
  tail = fused(tail, t, all<V>(0.112376139f));
  tail = fused(tail, t, all<V>(0.0987842903f));
  tail = tail * t * bell;
  const V below = select<V>(x < V{}, tail, one - tail);
  derivative = fused(x * all<V>(0.398942280f), bell, below);
  return x * below;
}

// x = GELU(x) for n numbers, a multiple of 8; and the derivatives, if there is a place for them.
template <class V> ISOLOSS_INLINE void gelu_at(float* x, float* derivatives) {
  V derivative;
  store(x, gelu<V>(load<V>(x), derivative));
  if (derivatives) store(derivatives, derivative);
}

static inline void gelu_row(float* x, float* derivatives, long n) {
  constexpr long lanes = Of<wide>::lanes;
  long i = 0;
  for (; i + lanes <= n; i += lanes) gelu_at<wide>(x + i, derivatives ? derivatives + i : nullptr);
  for (; i < n; i += 8) gelu_at<v8>(x + i, derivatives ? derivatives + i : nullptr);
}

// y = y * by for n numbers, a multiple of 8.
static inline void multiply_row(const float* by, float* y, long n) {
  for (long i = 0; i < n; i += 8) store(y + i, load<v8>(y + i) * load<v8>(by + i));
}

// tanh x. Up to 1/2: x + x^3 P(x^2), with a polynomial of ours whose relative error is below 4e-10.
// Beyond: (1 - e) / (1 + e) with e = e^(-2 |x|).
template <class V> ISOLOSS_INLINE V hyperbolic_tangent(V x) {
  const V one = all<V>(1.0f);
  const V size = select<V>(x < V{}, -x, x);
  const V decay = exponential<V>(all<V>(-2.0f) * size);
  const V far = (one - decay) / (one + decay);
  const V square = x * x;
  V series = all<V>(-0.00664748484f);
  series = fused(series, square, all<V>(0.0212979898f));
  series = fused(series, square, all<V>(-0.0538991912f));
  series = fused(series, square, all<V>(0.133329645f));
  series = fused(series, square, all<V>(-0.333333284f));
  const V near = fused(x * square, series, x);
  return select<V>(size < all<V>(0.5f), near, select<V>(x < V{}, -far, far));
}

// ln x of a positive double: ln m + e ln 2 for x = m 2^e, and ln m = 2 artanh((m - 1) / (m + 1)).
ISOLOSS_INLINE double logarithm(double x) {
  if (!(x <= 1.7976931348623157e308)) return x;  // inf and NaN
  int64_t raw;
  std::memcpy(&raw, &x, sizeof raw);
  int64_t exponent = (raw >> 52) - 1023;
  raw = (raw & 0xfffffffffffff) | 0x3ff0000000000000;
  double m;
  std::memcpy(&m, &raw, sizeof m);
  if (m > 1.4142135623730951) m *= 0.5, exponent++;
  const double z = (m - 1) / (m + 1), square = z * z;
  constexpr double terms[] = {1.0 / 23, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13,
                              1.0 / 11, 1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3,  1.0};
  double series = 0;  // 1 + z^2 / 3 + z^4 / 5 + ..., from its last term
  for (const double term : terms) series = series * square + term;
  return 2 * z * series + double(exponent) * 0.6931471805599453;
}

}  // namespace isoloss
