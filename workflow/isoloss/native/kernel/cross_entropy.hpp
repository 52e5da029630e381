// Softmax cross-entropy over the rows of a matrix of logits (vocabulary, columns).
//
// The sum over the vocabulary of a column: chains of 16 ids each, and one chain of their sums.
#pragma once

#include "functions.hpp"

namespace isoloss {

constexpr long IDS = 16;  // of a partial sum

struct Logits {
  float* at;  // `vocab` rows of `stride` floats
  long vocab, stride;
};

// VECTORS vectors of columns: the largest logit and the sum of exp(logit - largest) of each. Where
// `keep`, the logits become exp(logit - largest).
template <class V, int VECTORS>
ISOLOSS_INLINE void exponential_sums(const Logits& logits, long column, bool keep, float* largest,
                                     float* sums) {
  constexpr long lanes = Of<V>::lanes;
  float* at = logits.at + column;
  V most[VECTORS], total[VECTORS] = {};
  for (int j = 0; j < VECTORS; j++) most[j] = load<V>(at + j * lanes);
  for (long id = 1; id < logits.vocab; id++)
    for (int j = 0; j < VECTORS; j++) {
      const V logit = load<V>(at + id * logits.stride + j * lanes);
      most[j] = select<V>(logit > most[j], logit, most[j]);
    }
  for (long first = 0; first < logits.vocab; first += IDS) {
    const long end = first + IDS < logits.vocab ? first + IDS : logits.vocab;
    V part[VECTORS] = {};
    for (long id = first; id < end; id++)
      for (int j = 0; j < VECTORS; j++) {
        float* logit = at + id * logits.stride + j * lanes;
        const V e = exponential<V>(load<V>(logit) - most[j]);
        if (keep) store(logit, e);
        part[j] = part[j] + e;
      }
    for (int j = 0; j < VECTORS; j++) total[j] = total[j] + part[j];
  }
  for (int j = 0; j < VECTORS; j++) {
    store(largest + column + j * lanes, most[j]);
    store(sums + column + j * lanes, total[j]);
  }
}

static inline void exponential_sums(const Logits& logits, long n, bool keep, float* largest,
                                    float* sums) {
  constexpr long lanes = Of<wide>::lanes;
  long column = 0;
  for (; column + 2 * lanes <= n; column += 2 * lanes)
    exponential_sums<wide, 2>(logits, column, keep, largest, sums);
  for (; column + lanes <= n; column += lanes)
    exponential_sums<wide, 1>(logits, column, keep, largest, sums);
  for (; column < n; column += 8) exponential_sums<v8, 1>(logits, column, keep, largest, sums);
}

// Column by column: rows times factors[column].
template <class V>
ISOLOSS_INLINE void scale_columns(const Logits& logits, long column, const float* factors) {
  const V factor = load<V>(factors + column);
  for (long id = 0; id < logits.vocab; id++) {
    float* at = logits.at + id * logits.stride + column;
    store(at, load<V>(at) * factor);
  }
}

static inline void scale_columns(const Logits& logits, long n, const float* factors) {
  constexpr long lanes = Of<wide>::lanes;
  long column = 0;
  for (; column + lanes <= n; column += lanes) scale_columns<wide>(logits, column, factors);
  for (; column < n; column += 8) scale_columns<v8>(logits, column, factors);
}

// Whether the target has the largest logit; of equal ones, the first id counts.
static inline bool is_first_largest(const Logits& logits, long column, long target, float largest) {
  if (!(logits.at[target * logits.stride + column] == largest)) return false;
  for (long id = 0; id < target; id++)
    if (logits.at[id * logits.stride + column] == largest) return false;
  return true;
}

}  // namespace isoloss
