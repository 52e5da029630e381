// The shape of a transformer, its flat vector of parameters, and memory for its activations.
#pragma once

#include <cstdlib>
#include <initializer_list>

#include "vector.hpp"

namespace isoloss {

struct Shape {
  long vocab, context, n_layer, width, n_head, feed, batch;
  bool tied;
};

// Where each tensor begins in the flat vector, in the order of PyTorch's named_parameters().
struct Layout {
  long tokens, positions, gain, output, blocks;
  // Within a block of `block` numbers:
  long attention_gain, query_key_value, attention_out, feed_gain, feed_in, feed_out, block;
};

static inline Layout layout_of(const Shape& s) {
  Layout at;
  const long embedding = s.vocab * s.width, square = s.width * s.width, feed = s.feed * s.width;
  at.tokens = 0;
  at.positions = at.tokens + embedding;
  at.gain = at.positions + s.context * s.width;
  at.output = s.tied ? at.tokens : at.gain + s.width;
  at.blocks = at.gain + s.width + (s.tied ? 0 : embedding);
  at.attention_gain = 0;
  at.query_key_value = at.attention_gain + s.width;
  at.attention_out = at.query_key_value + 3 * square;
  at.feed_gain = at.attention_out + square;
  at.feed_in = at.feed_gain + s.width;
  at.feed_out = at.feed_in + feed;
  at.block = at.feed_out + feed;
  return at;
}

// Hands out arrays of one allocation, 64 bytes aligned. With no memory it only counts.
struct Arena {
  char* memory;
  long used;

  template <class T> T* array(long n) {
    T* at = memory ? reinterpret_cast<T*>(memory + used) : nullptr;
    used += whole(n * long(sizeof(T)), 64);
    return at;
  }
  float* floats(long n) { return array<float>(n); }
};

}  // namespace isoloss
