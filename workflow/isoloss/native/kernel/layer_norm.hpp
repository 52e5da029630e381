// LayerNorm with a gain and no bias, over the rows of a matrix (features, columns).
//
// Each sum over features is one chain in their order, for every column by itself.
#pragma once

#include "vector.hpp"

namespace isoloss {

constexpr float NORM_EPSILON = 1e-5f;  // of torch.nn.functional.layer_norm

// normal = (x - mean) / sqrt(variance + epsilon); inverse = 1 / sqrt(...) of each column;
// y = gain * normal. All matrices have `features` rows of `stride` floats. It does VECTORS vectors
// of columns.
template <class V, int VECTORS>
ISOLOSS_INLINE void normalise(const float* x, const float* gain, long features, long stride,
                              float* normal, float* inverse, float* y) {
  constexpr long lanes = Of<V>::lanes;
  const V share = all<V>(1.0f / float(features));
  V mean[VECTORS] = {}, variance[VECTORS] = {}, scale[VECTORS];
  for (long i = 0; i < features; i++)
    for (int j = 0; j < VECTORS; j++) mean[j] = mean[j] + load<V>(x + i * stride + j * lanes);
  for (int j = 0; j < VECTORS; j++) mean[j] = mean[j] * share;
  for (long i = 0; i < features; i++)
    for (int j = 0; j < VECTORS; j++) {
      const V centred = load<V>(x + i * stride + j * lanes) - mean[j];
      variance[j] = fused(centred, centred, variance[j]);
    }
  for (int j = 0; j < VECTORS; j++) {
    const V spread = square_root(fused(variance[j], share, all<V>(NORM_EPSILON)));
    scale[j] = all<V>(1.0f) / spread;
    store(inverse + j * lanes, scale[j]);
  }
  for (long i = 0; i < features; i++)
    for (int j = 0; j < VECTORS; j++) {
      const long at = i * stride + j * lanes;
      const V z = (load<V>(x + at) - mean[j]) * scale[j];
      store(normal + at, z);
      store(y + at, z * all<V>(gain[i]));
    }
}

static inline void layer_norm(const float* x, const float* gain, long features, long n, long stride,
                              float* normal, float* inverse, float* y) {
  constexpr long lanes = Of<wide>::lanes;
  long column = 0;
  for (; column + 4 * lanes <= n; column += 4 * lanes)
    normalise<wide, 4>(x + column, gain, features, stride, normal + column, inverse + column,
                       y + column);
  for (; column + lanes <= n; column += lanes)
    normalise<wide, 1>(x + column, gain, features, stride, normal + column, inverse + column,
                       y + column);
  for (; column < n; column += 8)
    normalise<v8, 1>(x + column, gain, features, stride, normal + column, inverse + column,
                     y + column);
}

// y = gain * normal, as layer_norm has computed it.
static inline void apply_gain(const float* normal, const float* gain, long features, long n,
                              long stride, float* y) {
  for (long i = 0; i < features; i++)
    for (long j = 0; j < n; j += 8)
      store(y + i * stride + j, load<v8>(normal + i * stride + j) * all<v8>(gain[i]));
}

// dx += inverse * (z - mean(z) - normal * mean(z * normal)) with z = gain * dy.
template <class V, int VECTORS>
ISOLOSS_INLINE void normalise_backward(const float* dy, const float* normal, const float* inverse,
                                       const float* gain, long features, long stride, float* dx) {
  constexpr long lanes = Of<V>::lanes;
  const V share = all<V>(1.0f / float(features));
  V mean[VECTORS] = {}, along[VECTORS] = {};
  for (long i = 0; i < features; i++)
    for (int j = 0; j < VECTORS; j++) {
      const long at = i * stride + j * lanes;
      const V z = load<V>(dy + at) * all<V>(gain[i]);
      mean[j] = mean[j] + z;
      along[j] = fused(z, load<V>(normal + at), along[j]);
    }
  for (int j = 0; j < VECTORS; j++) mean[j] = mean[j] * share, along[j] = along[j] * share;
  for (long i = 0; i < features; i++)
    for (int j = 0; j < VECTORS; j++) {
      const long at = i * stride + j * lanes;
      const V z = load<V>(dy + at) * all<V>(gain[i]) - mean[j];
      const V across = fused(-load<V>(normal + at), along[j], z);
      store(dx + at, fused(across, load<V>(inverse + j * lanes), load<V>(dx + at)));
    }
}

// The backward pass of layer_norm. gain_sums[i] are 8 sums over columns of dy * normal: sum r is
// one chain over the columns r, r + 8, r + 16, ...
static inline void layer_norm_backward(const float* dy, const float* normal, const float* inverse,
                                       const float* gain, long features, long n, long stride,
                                       float* dx, float* gain_sums) {
  constexpr long lanes = Of<wide>::lanes;
  long column = 0;
  for (; column + 4 * lanes <= n; column += 4 * lanes)
    normalise_backward<wide, 4>(dy + column, normal + column, inverse + column, gain, features,
                                stride, dx + column);
  for (; column + lanes <= n; column += lanes)
    normalise_backward<wide, 1>(dy + column, normal + column, inverse + column, gain, features,
                                stride, dx + column);
  for (; column < n; column += 8)
    normalise_backward<v8, 1>(dy + column, normal + column, inverse + column, gain, features,
                              stride, dx + column);
  for (long i = 0; i < features; i++) {
    v8 sums = load<v8>(gain_sums + 8 * i);
    for (long j = 0; j < n; j += 8)
      sums = fused(load<v8>(dy + i * stride + j), load<v8>(normal + i * stride + j), sums);
    store(gain_sums + 8 * i, sums);
  }
}

}  // namespace isoloss
