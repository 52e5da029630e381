// The transformer of isoloss/models/transformer.py: loss, gradients and evaluation on one thread.
//
// Activations are matrices (features, columns); a column is a position of a sequence. So norms and
// softmaxes go down columns, 8 or 16 side by side, and no width needs padding. A sequence has
// whole(time, 8) columns; those beyond `time` have no gradient. A few sequences at a time, a chunk,
// go forward and backward, so that their activations stay in the cache.
//
// The order of sums: over features, keys and vocabulary, see the headers. The gradient of a weight
// is the sum of the chunks' products, in their order. That of a token embedding begins with its
// part as an output, if tied, and goes on position after position. That of a position embedding is
// one chain over the sequences. For that of a gain see layer_norm_backward; it runs over all
// sequences.
#include "attention.hpp"
#include "cross_entropy.hpp"
#include "layer_norm.hpp"
#include "layout.hpp"

namespace isoloss {
namespace {

// Columns of a chunk, if a sequence has no more. In a wide model the gradients of weights do not
// fit into the cache: larger chunks go through them less often.
constexpr long CHUNK = 64, WIDE_CHUNK = 256, WIDE = 256;
constexpr long LOGITS = 32 * 1024;  // floats of logits at a time

struct Batch {
  const int32_t *ids, *targets;
  long n, time, n_targets;  // sequences, positions, and targets of a sequence
};

// A LayerNorm's results for its backward pass, and the sums of its gain's gradient.
struct Norm {
  float *normal, *inverse, *gain_sums;
};

// What the backward pass of a block needs.
struct Layer {
  Norm attention, feed;
  float *query_key_value, *weights, *mixed;  // mixed: the heads' results
  float *hidden, *slope;                     // GELU and its derivative
};

struct Transformer {
  Shape s;
  Layout at;
  long chunk, stride, row;  // most sequences of a chunk; floats of a row; of a row of `rows`

  // (features, columns), the next block's first.
  float *x, *normed, *dx, *dnormed, *dmixed, *dqkv, *dhidden;
  float *rows;     // (columns, features): the right side of a product over columns
  float *dinputs;  // (positions of the batch, features): gradients of the embeddings' sums
  Layer* layers;
  HeadScratch scratch;

  // Columns with a target.
  Norm last;
  float *wanted, *features, *dfeatures, *dwanted, *logits;
  float *largest, *sums, *factors;
  int32_t* targets;  // -1: none

  // The chunk at work.
  const float* p;
  float* g;
  const int32_t* ids;
  long n, time, padded, n_targets, wanted_padded;
  long columns() const { return n * padded; }
  long wanted_columns() const { return n * wanted_padded; }
  bool is_first;  // the gradients of weights start from 0
  float share;    // 1 / targets of the batch
};

// --- memory -------------------------------------------------------------------------------------

Norm norm_memory(const Transformer& t, Arena& arena) {
  return {arena.floats(t.s.width * t.stride), arena.floats(t.stride), arena.floats(8 * t.s.width)};
}

void allocate(Transformer& t, Arena& arena) {
  const Shape& s = t.s;
  const long width = s.width * t.stride, feed = s.feed * t.stride;
  const long longest = whole(s.context, 8), head_row = whole(s.width / s.n_head, 8);
  for (float** of : {&t.x, &t.normed, &t.dx, &t.dnormed, &t.dmixed, &t.wanted, &t.features,
                     &t.dfeatures, &t.dwanted})
    *of = arena.floats(width);
  t.dqkv = arena.floats(3 * width);
  t.dhidden = arena.floats(feed);
  t.rows = arena.floats(t.stride * t.row);
  t.dinputs = arena.floats(s.batch * s.context * whole(s.width, 8));
  t.layers = arena.array<Layer>(s.n_layer);
  for (long i = 0; i < s.n_layer; i++) {
    Layer layer{};
    layer.attention = norm_memory(t, arena);
    layer.feed = norm_memory(t, arena);
    layer.query_key_value = arena.floats(3 * width);
    layer.weights = arena.floats(t.chunk * s.n_head * weights_size(longest));
    layer.mixed = arena.floats(width);
    layer.hidden = arena.floats(feed);
    layer.slope = arena.floats(feed);
    if (t.layers) t.layers[i] = layer;
  }
  t.scratch.row = head_row;
  for (float** of : {&t.scratch.query, &t.scratch.dy, &t.scratch.dkey, &t.scratch.dvalue})
    *of = arena.floats(longest * head_row);
  t.scratch.scores = arena.floats(longest * BLOCK);
  t.last = norm_memory(t, arena);
  t.logits = arena.floats(s.vocab * t.stride);
  for (float** of : {&t.largest, &t.sums, &t.factors}) *of = arena.floats(t.stride);
  t.targets = arena.array<int32_t>(t.stride);
}

Transformer* make(const Shape& s) {
  Transformer t{};
  t.s = s;
  t.at = layout_of(s);
  const long longest = whole(s.context, 8);
  const long most = s.width < WIDE ? CHUNK : WIDE_CHUNK;
  t.chunk = longest < most ? most / longest : 1;
  t.stride = t.chunk * longest;
  t.row = whole(s.feed > s.width ? s.feed : s.width, 16);
  Arena arena{};
  arena.array<Transformer>(1);
  allocate(t, arena);
  void* memory = nullptr;
  if (posix_memalign(&memory, 64, arena.used)) return nullptr;
  std::memset(memory, 0, arena.used);
  arena = {static_cast<char*>(memory), 0};
  auto* own = arena.array<Transformer>(1);
  allocate(t, arena);
  *own = t;
  return own;
}

// --- forward ------------------------------------------------------------------------------------

// y = weight x, or y += weight x, for a weight (out, in).
void linear(const Transformer& t, const float* weight, long out, long in, const float* x, float* y,
            bool add = false) {
  multiply({out, t.columns(), in, weight, in, 1, x, t.stride, y, t.stride, add});
}

// x = token embedding + position embedding.
void embed(Transformer& t) {
  const long width = t.s.width;
  for (long i = 0; i < t.n; i++)
    for (long j = 0; j < t.time; j++) {
      const float* token = t.p + t.at.tokens + t.ids[i * t.time + j] * width;
      const float* position = t.p + t.at.positions + j * width;
      float* row = t.rows + (i * t.padded + j) * t.row;
      for (long k = 0; k < width; k++) row[k] = token[k] + position[k];
    }
  for (long i = 0; i < t.n; i++)
    for (long j = t.time; j < t.padded; j++)
      std::memset(t.rows + (i * t.padded + j) * t.row, 0, width * sizeof(float));
  transpose(t.rows, t.row, t.columns(), width, t.x, t.stride);
}

Head head_of(const Transformer& t, const Layer& layer, long sequence, long head) {
  const long size = t.s.width / t.s.n_head;
  const float* query = layer.query_key_value + head * size * t.stride + sequence * t.padded;
  const float* key = query + t.s.width * t.stride;
  return {t.padded, size, t.stride, 1 / __builtin_sqrtf(float(size)), query, key,
          key + t.s.width * t.stride};
}

// Floats from the weights of one head and sequence to the next.
long head_weights(const Transformer& t, long sequence, long head) {
  return (sequence * t.s.n_head + head) * weights_size(t.padded);
}

void block_forward(Transformer& t, const Layer& layer, const float* p) {
  const Shape& s = t.s;
  layer_norm(t.x, p + t.at.attention_gain, s.width, t.columns(), t.stride, layer.attention.normal,
             layer.attention.inverse, t.normed);
  linear(t, p + t.at.query_key_value, 3 * s.width, s.width, t.normed, layer.query_key_value);
  for (long i = 0; i < t.n; i++)
    for (long h = 0; h < s.n_head; h++) {
      const Head head = head_of(t, layer, i, h);
      attend(head, layer.weights + head_weights(t, i, h),
             layer.mixed + h * head.size * t.stride + i * t.padded);
    }
  linear(t, p + t.at.attention_out, s.width, s.width, layer.mixed, t.x, true);
  layer_norm(t.x, p + t.at.feed_gain, s.width, t.columns(), t.stride, layer.feed.normal,
             layer.feed.inverse, t.normed);
  linear(t, p + t.at.feed_in, s.feed, s.width, t.normed, layer.hidden);
  for (long i = 0; i < s.feed; i++)
    gelu_row(layer.hidden + i * t.stride, layer.slope ? layer.slope + i * t.stride : nullptr,
             t.columns());
  linear(t, p + t.at.feed_out, s.width, s.feed, layer.hidden, t.x, true);
}

// Copy the columns with a target out of `from`, or back into `to`.
void gather_wanted(const Transformer& t, const float* from, float* wanted) {
  const long first = t.time - t.n_targets;
  for (long k = 0; k < t.s.width; k++)
    for (long i = 0; i < t.n; i++) {
      float* at = wanted + k * t.stride + i * t.wanted_padded;
      std::memcpy(at, from + k * t.stride + i * t.padded + first, t.n_targets * sizeof(float));
      for (long j = t.n_targets; j < t.wanted_padded; j++) at[j] = 0;
    }
}

void scatter_wanted(const Transformer& t, const float* wanted, float* to) {
  const long first = t.time - t.n_targets;
  std::memset(to, 0, t.s.width * t.stride * sizeof(float));
  for (long k = 0; k < t.s.width; k++)
    for (long i = 0; i < t.n; i++)
      std::memcpy(to + k * t.stride + i * t.padded + first,
                  wanted + k * t.stride + i * t.wanted_padded, t.n_targets * sizeof(float));
}

// What an evaluation asks for beside the loss; null where it does not.
struct Judged {
  char* missed;         // 1 for each sequence in which a target does not have the largest logit
  double* by_position;  // the sum of the losses at each target position, sequence by sequence
};

// The summed loss of n columns with targets, from `first` on. With `keep`: also the gradients of
// the output's weights and, in `dfeatures`, of its input.
double output_loss(Transformer& t, long first, long n, bool keep, const Judged& judged) {
  const long width = t.s.width;
  const Logits logits{t.logits, t.s.vocab, n};
  const int32_t* targets = t.targets + first;
  multiply({t.s.vocab, n, width, t.p + t.at.output, width, 1, t.features + first, t.stride,
            t.logits, n, false});
  for (long i = 0; i < n; i++) t.factors[i] = targets[i] < 0 ? 0 : t.logits[targets[i] * n + i];
  exponential_sums(logits, n, keep, t.largest, t.sums);
  double loss = 0;
  for (long i = 0; i < n; i++)
    if (targets[i] >= 0) {
      const double one = logarithm(t.sums[i]) + (double(t.largest[i]) - t.factors[i]);
      loss += one;
      if (judged.by_position) judged.by_position[(first + i) % t.wanted_padded] += one;
    }
  if (judged.missed)
    for (long i = 0; i < n; i++)
      if (targets[i] >= 0 && !is_first_largest(logits, i, targets[i], t.largest[i]))
        judged.missed[(first + i) / t.wanted_padded] = 1;
  if (!keep) return loss;
  // The gradient of the logits: (softmax - one-hot of the target) / targets of the batch.
  for (long i = 0; i < n; i++) t.factors[i] = targets[i] < 0 ? 0 : t.share / t.sums[i];
  scale_columns(logits, n, t.factors);
  for (long i = 0; i < n; i++)
    if (targets[i] >= 0) t.logits[targets[i] * n + i] -= t.share;
  multiply({width, n, t.s.vocab, t.p + t.at.output, 1, width, t.logits, n, t.dfeatures + first,
            t.stride, false});
  multiply({t.s.vocab, width, n, t.logits, n, 1, t.rows + first * t.row, t.row,
            t.g + t.at.output, width, !(t.is_first && first == 0)});
  return loss;
}

// The summed loss of the chunk; with `keep` also the gradient of x, in dx.
double chunk_loss(Transformer& t, const int32_t* targets, bool keep, const Judged& judged) {
  const long n = t.wanted_columns();
  for (long i = 0; i < n; i++) {
    const long sequence = i / t.wanted_padded, j = i % t.wanted_padded;
    t.targets[i] = j < t.n_targets ? targets[sequence * t.n_targets + j] : -1;
  }
  gather_wanted(t, t.x, t.wanted);
  const float* gain = t.p + t.at.gain;
  layer_norm(t.wanted, gain, t.s.width, n, t.stride, t.last.normal, t.last.inverse, t.features);
  if (keep) transpose(t.features, t.stride, t.s.width, n, t.rows, t.row);
  long columns = LOGITS / t.s.vocab / 16 * 16;
  if (columns < 16) columns = 16;
  double loss = 0;
  for (long first = 0; first < n; first += columns)
    loss += output_loss(t, first, n - first < columns ? n - first : columns, keep, judged);
  if (!keep) return loss;
  std::memset(t.dwanted, 0, t.s.width * t.stride * sizeof(float));
  layer_norm_backward(t.dfeatures, t.last.normal, t.last.inverse, gain, t.s.width, n, t.stride,
                      t.dwanted, t.last.gain_sums);
  scatter_wanted(t, t.dwanted, t.dx);
  return loss;
}

// --- backward -----------------------------------------------------------------------------------

// The gradients of a weight (out, in) and of x from dy, the gradient of y = weight x.
void linear_backward(Transformer& t, const float* weight, float* gradient, long out, long in,
                     const float* dy, const float* x, float* dx) {
  transpose(x, t.stride, in, t.columns(), t.rows, t.row);
  multiply({out, in, t.columns(), dy, t.stride, 1, t.rows, t.row, gradient, in, !t.is_first});
  multiply({in, t.columns(), out, weight, 1, in, dy, t.stride, dx, t.stride, false});
}

void norm_backward(Transformer& t, const Norm& norm, const float* gain) {
  layer_norm_backward(t.dnormed, norm.normal, norm.inverse, gain, t.s.width, t.columns(), t.stride,
                      t.dx, norm.gain_sums);
}

void block_backward(Transformer& t, const Layer& layer, const float* p, float* g) {
  const Shape& s = t.s;
  linear_backward(t, p + t.at.feed_out, g + t.at.feed_out, s.width, s.feed, t.dx, layer.hidden,
                  t.dhidden);
  for (long i = 0; i < s.feed; i++)
    multiply_row(layer.slope + i * t.stride, t.dhidden + i * t.stride, t.columns());
  apply_gain(layer.feed.normal, p + t.at.feed_gain, s.width, t.columns(), t.stride, t.normed);
  linear_backward(t, p + t.at.feed_in, g + t.at.feed_in, s.feed, s.width, t.dhidden, t.normed,
                  t.dnormed);
  norm_backward(t, layer.feed, p + t.at.feed_gain);
  linear_backward(t, p + t.at.attention_out, g + t.at.attention_out, s.width, s.width, t.dx,
                  layer.mixed, t.dmixed);
  for (long i = 0; i < t.n; i++)
    for (long h = 0; h < s.n_head; h++) {
      const Head head = head_of(t, layer, i, h);
      const long from = h * head.size * t.stride + i * t.padded, matrix = s.width * t.stride;
      attend_backward(head, layer.weights + head_weights(t, i, h), layer.mixed + from,
                      t.dmixed + from, t.dqkv + from, t.dqkv + matrix + from,
                      t.dqkv + 2 * matrix + from, t.scratch);
    }
  apply_gain(layer.attention.normal, p + t.at.attention_gain, s.width, t.columns(), t.stride,
             t.normed);
  linear_backward(t, p + t.at.query_key_value, g + t.at.query_key_value, 3 * s.width, s.width,
                  t.dqkv, t.normed, t.dnormed);
  norm_backward(t, layer.attention, p + t.at.attention_gain);
}

// Add the gradients of the embeddings' sums to the embeddings, position after position.
void embeddings_backward(const Transformer& t, const Batch& batch, float* g) {
  const long width = t.s.width, row = whole(width, 8);
  if (!t.s.tied) std::memset(g + t.at.tokens, 0, t.s.vocab * width * sizeof(float));
  std::memset(g + t.at.positions, 0, t.s.context * width * sizeof(float));
  for (long i = 0; i < batch.n * batch.time; i++) {
    float* token = g + t.at.tokens + batch.ids[i] * width;
    float* position = g + t.at.positions + i % batch.time * width;
    const float* gradient = t.dinputs + i * row;
    for (long k = 0; k < width; k++) token[k] += gradient[k], position[k] += gradient[k];
  }
}

void gain_backward(const Transformer& t, const Norm& norm, float* gradient) {
  for (long i = 0; i < t.s.width; i++) gradient[i] = sum(load<v8>(norm.gain_sums + 8 * i));
}

// --- a batch ------------------------------------------------------------------------------------

bool fits(const Transformer& t, const Batch& batch) {
  const auto known = [&t](const int32_t* ids, long n) {
    bool all_known = true;
    for (long i = 0; i < n; i++) all_known &= ids[i] >= 0 && ids[i] < t.s.vocab;
    return all_known;
  };
  return batch.n >= 1 && batch.time >= 1 && batch.time <= t.s.context && batch.n_targets >= 1 &&
         batch.n_targets <= batch.time && known(batch.ids, batch.n * batch.time) &&
         known(batch.targets, batch.n * batch.n_targets);
}

void begin_batch(Transformer& t, const Batch& batch, const float* parameters, float* gradients) {
  t.p = parameters;
  t.g = gradients;
  t.time = batch.time, t.padded = whole(batch.time, 8);
  t.n_targets = batch.n_targets, t.wanted_padded = whole(batch.n_targets, 8);
  t.share = 1.0f / float(batch.n * batch.n_targets);
}

// Go to the chunk that begins with sequence `first`, and forward through its blocks.
void forward(Transformer& t, const Batch& batch, long first, bool keep) {
  t.ids = batch.ids + first * t.time;
  t.n = batch.n - first < t.chunk ? batch.n - first : t.chunk;
  t.is_first = first == 0;
  embed(t);
  for (long i = 0; i < t.s.n_layer; i++) {
    Layer layer = t.layers[keep ? i : 0];
    if (!keep) layer.slope = nullptr;
    block_forward(t, layer, t.p + t.at.blocks + i * t.at.block);
  }
}

void backward(Transformer& t, long first) {
  for (long i = t.s.n_layer - 1; i >= 0; i--) {
    const long block = t.at.blocks + i * t.at.block;
    block_backward(t, t.layers[i], t.p + block, t.g + block);
  }
  const long row = whole(t.s.width, 8);
  for (long i = 0; i < t.n; i++)
    transpose(t.dx + i * t.padded, t.stride, t.s.width, t.time,
              t.dinputs + (first + i) * t.time * row, row);
}

// The mean loss of a batch and the gradients of all parameters.
double gradients_of(Transformer& t, const Batch& batch, const float* p, float* g) {
  begin_batch(t, batch, p, g);
  const long sums = 8 * t.s.width * sizeof(float);
  std::memset(t.last.gain_sums, 0, sums);
  for (long i = 0; i < t.s.n_layer; i++) {
    std::memset(t.layers[i].attention.gain_sums, 0, sums);
    std::memset(t.layers[i].feed.gain_sums, 0, sums);
  }
  double loss = 0;
  for (long first = 0; first < batch.n; first += t.chunk) {
    forward(t, batch, first, true);
    loss += chunk_loss(t, batch.targets + first * t.n_targets, true, {});
    backward(t, first);
  }
  embeddings_backward(t, batch, g);
  gain_backward(t, t.last, g + t.at.gain);
  for (long i = 0; i < t.s.n_layer; i++) {
    float* block = g + t.at.blocks + i * t.at.block;
    gain_backward(t, t.layers[i].attention, block + t.at.attention_gain);
    gain_backward(t, t.layers[i].feed, block + t.at.feed_gain);
  }
  return loss / double(batch.n * batch.n_targets);
}

// The sum of all losses; the number of sequences whose targets all have the largest logits.
double evaluation_of(Transformer& t, const Batch& batch, const float* p, int64_t* exact,
                     double* by_position) {
  begin_batch(t, batch, p, nullptr);
  double loss = 0;
  if (exact) *exact = 0;
  if (by_position) std::memset(by_position, 0, batch.n_targets * sizeof(double));
  for (long first = 0; first < batch.n; first += t.chunk) {
    char missed[WIDE_CHUNK] = {};
    forward(t, batch, first, false);
    loss += chunk_loss(t, batch.targets + first * t.n_targets, false,
                       {exact ? missed : nullptr, by_position});
    if (exact)
      for (long i = 0; i < t.n; i++) *exact += !missed[i];
  }
  return loss;
}

}  // namespace
}  // namespace isoloss

// --- for isoloss/native/transformer.py ----------------------------------------------------------

using isoloss::Transformer;

extern "C" {

// A model's memory; null if there is not enough. `batch`: the most sequences of a gradient.
Transformer* isoloss_transformer_new(int64_t vocab, int64_t context, int64_t n_layer, int64_t width,
                                     int64_t n_head, int64_t feed, int32_t tied, int64_t batch) {
  return isoloss::make({vocab, context, n_layer, width, n_head, feed, batch, tied != 0});
}

void isoloss_transformer_free(Transformer* model) { std::free(model); }

// The mean loss in nats per target, and the gradients; -1 if the batch does not fit the model.
double isoloss_transformer_gradients(Transformer* model, const float* parameters,
                                     const int32_t* ids, const int32_t* targets, int64_t n,
                                     int64_t time, int64_t n_targets, float* gradients) {
  const isoloss::Batch batch{ids, targets, n, time, n_targets};
  if (!fits(*model, batch) || n > model->s.batch) return -1;
  return gradients_of(*model, batch, parameters, gradients);
}

// The sum of the losses; the sequences without an error and the sum at each position, where they
// are not null; -1 if the batch does not fit.
double isoloss_transformer_evaluate(Transformer* model, const float* parameters, const int32_t* ids,
                                    const int32_t* targets, int64_t n, int64_t time,
                                    int64_t n_targets, int64_t* exact,
                                    double* by_position) {
  const isoloss::Batch batch{ids, targets, n, time, n_targets};
  if (!fits(*model, batch)) return -1;
  return evaluation_of(*model, batch, parameters, exact, by_position);
}
}
