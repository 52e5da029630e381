// Causal attention of one head over one sequence, forward and backward.
//
// Matrices are (features, positions): query, key, value and y have `size` rows of `stride` floats.
// Queries are handled in blocks of 16 positions. The weights of a block are a matrix (keys,
// queries) with the keys from 0 to the end of the block, and 0 where a key comes after the query.
// Sums over features, keys and queries are chains in their order. A block without a key's weights
// adds nothing, so the blocks change no bit.
#pragma once

#include "functions.hpp"
#include "gemm.hpp"

namespace isoloss {

constexpr long BLOCK = 16;  // queries

struct Head {
  long time, size, stride;  // time: a multiple of 8
  float scale;              // of the scores: 1 / sqrt(size)
  const float *query, *key, *value;
};

// Queries of the block that begins at `first`.
ISOLOSS_INLINE long block_length(long first, long time) {
  return time - first < BLOCK ? time - first : BLOCK;
}

// Floats of the weights of one head and sequence.
static inline long weights_size(long time) {
  long n = 0;
  for (long first = 0; first < time; first += BLOCK) {
    const long length = block_length(first, time);
    n += (first + length) * length;
  }
  return n;
}

// One vector of queries, `query` and on: its scores become softmax(scale * scores) over the keys up
// to each query, in place. `scores` has `keys` rows. The sum is one chain over the keys.
template <class V>
ISOLOSS_INLINE void causal_softmax(float* scores, long stride, long keys, long query, float scale) {
  constexpr long lanes = Of<V>::lanes;
  const V factor = all<V>(scale);
  const auto lane = lane_numbers(V{});
  V largest = load<V>(scores);
  for (long key = 1; key < query; key++) {
    const V score = load<V>(scores + key * stride);
    largest = select<V>(score > largest, score, largest);
  }
  for (long i = 0; i < lanes; i++) {
    const V score = load<V>(scores + (query + i) * stride);
    largest = select<V>((lane >= int(i)) & (score > largest), score, largest);
  }
  V total = {};
  for (long key = 0; key < query; key++) {
    float* at = scores + key * stride;
    const V e = exponential<V>((load<V>(at) - largest) * factor);
    store(at, e);
    total = total + e;
  }
  for (long i = 0; i < lanes; i++) {
    float* at = scores + (query + i) * stride;
    V e = exponential<V>((load<V>(at) - largest) * factor);
    e = select<V>(lane >= int(i), e, V{});
    store(at, e);
    total = total + e;
  }
  const V share = all<V>(1.0f) / total;
  for (long key = 0; key < query + lanes; key++)
    store(scores + key * stride, load<V>(scores + key * stride) * share);
  for (long key = query + lanes; key < keys; key++) store(scores + key * stride, V{});
}

// y = value * softmax(scale * key' query). The weights of all blocks are left in `weights`.
static inline void attend(const Head& head, float* weights, float* y) {
  for (long first = 0; first < head.time; first += BLOCK) {
    const long length = block_length(first, head.time), keys = first + length;
    multiply({keys, length, head.size, head.key, 1, head.stride, head.query + first, head.stride,
              weights, length, false});
    if (length == Of<wide>::lanes)
      causal_softmax<wide>(weights, length, keys, first, head.scale);
    else
      for (long i = 0; i < length; i += 8)
        causal_softmax<v8>(weights + i, length, keys, first + i, head.scale);
    multiply({head.size, length, keys, head.value, head.stride, 1, weights, length, y + first,
              head.stride, false});
    weights += keys * length;
  }
}

// scores = scale * weights * (scores - sum over features of dy * y), of one vector of queries.
template <class V>
ISOLOSS_INLINE void softmax_backward(const Head& head, const float* weights, const float* y,
                                     const float* dy, long stride, long keys, float* scores) {
  V along = {};
  for (long i = 0; i < head.size; i++)
    along = fused(load<V>(dy + i * head.stride), load<V>(y + i * head.stride), along);
  const V factor = all<V>(head.scale);
  for (long key = 0; key < keys; key++) {
    const V weight = load<V>(weights + key * stride) * factor;
    store(scores + key * stride, weight * (load<V>(scores + key * stride) - along));
  }
}

// Memory for attend_backward: matrices (positions, features) with rows of `row` floats.
struct HeadScratch {
  long row;  // whole(size, 8)
  float *query, *dy, *dkey, *dvalue;
  float* scores;  // time * BLOCK floats
};

// Gradients of query, key and value from dy, the gradient of y.
static inline void attend_backward(const Head& head, const float* weights, const float* y,
                                   const float* dy, float* dquery, float* dkey, float* dvalue,
                                   const HeadScratch& scratch) {
  const long stride = head.stride, row = scratch.row;
  transpose(head.query, stride, head.size, head.time, scratch.query, row);
  transpose(dy, stride, head.size, head.time, scratch.dy, row);
  std::memset(scratch.dkey, 0, head.time * row * sizeof(float));
  std::memset(scratch.dvalue, 0, head.time * row * sizeof(float));
  for (long first = 0; first < head.time; first += BLOCK) {
    const long length = block_length(first, head.time), keys = first + length;
    float* scores = scratch.scores;  // at first the gradient of the weights
    multiply({keys, length, head.size, head.value, 1, stride, dy + first, stride, scores, length,
              false});
    const long lanes = length < Of<wide>::lanes ? 8 : Of<wide>::lanes;
    for (long i = 0; i < length; i += lanes) {
      if (lanes == 8)
        softmax_backward<v8>(head, weights + i, y + first + i, dy + first + i, length, keys,
                             scores + i);
      else
        softmax_backward<wide>(head, weights + i, y + first + i, dy + first + i, length, keys,
                               scores + i);
    }
    multiply({head.size, length, keys, head.key, stride, 1, scores, length, dquery + first, stride,
              false});
    multiply({keys, row, length, scores, length, 1, scratch.query + first * row, row, scratch.dkey,
              row, true});
    multiply({keys, row, length, weights, length, 1, scratch.dy + first * row, row, scratch.dvalue,
              row, true});
    weights += keys * length;
  }
  transpose(scratch.dkey, row, head.time, head.size, dkey, stride);
  transpose(scratch.dvalue, row, head.time, head.size, dvalue, stride);
}

}  // namespace isoloss
