// Trainings whose bits are known: one number for each, the same from every compiler and processor.
#include <cstdint>
#include <cstdlib>
#include <cstring>

extern "C" {
struct Transformer;
Transformer* isoloss_transformer_new(int64_t vocab, int64_t context, int64_t n_layer, int64_t width,
                                     int64_t n_head, int64_t feed, int32_t tied, int64_t batch);
void isoloss_transformer_free(Transformer* model);
double isoloss_transformer_gradients(Transformer* model, const float* parameters,
                                     const int32_t* ids, const int32_t* targets, int64_t n,
                                     int64_t time, int64_t n_targets, float* gradients);
double isoloss_transformer_evaluate(Transformer* model, const float* parameters, const int32_t* ids,
                                    const int32_t* targets, int64_t n, int64_t time,
                                    int64_t n_targets, int64_t* exact,
                                    double* by_position);
struct Mlp;
Mlp* isoloss_mlp_new(int64_t n_inputs, int64_t width, int64_t n_hidden, int32_t relu);
void isoloss_mlp_free(Mlp* model);
double isoloss_mlp_gradients(Mlp* model, const float* parameters, const float* x, const float* y,
                             int64_t n, float* gradients);
void isoloss_mlp_predict(Mlp* model, const float* parameters, const float* x, int64_t n, float* y);
void isoloss_adamw(float* parameters, const float* gradients, float* first_moments,
                   float* second_moments, const int64_t* sizes, const uint8_t* decays,
                   int64_t n_ranges, int64_t step, double lr, double beta1, double beta2,
                   double eps, double weight_decay, double clip_norm);
}

namespace {

// Numbers that only integers decide (Knuth's MMIX generator).
struct Stream {
  uint64_t state;

  uint64_t next() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 40;  // 24 bits
  }
  float uniform(float scale) { return scale * (float(next()) * 0x1p-23f - 1.0f); }
};

// FNV-1a over bytes.
struct Hash {
  uint64_t value = 0xcbf29ce484222325;

  void add(const void* bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
      value = (value ^ static_cast<const unsigned char*>(bytes)[i]) * 0x100000001b3;
  }
};

// Parameters, gradients and moments; half of the parameters decay.
struct Weights {
  int64_t n;
  float* all;

  Weights(int64_t n, Stream& stream) : n(n), all(static_cast<float*>(std::calloc(4 * n, 4))) {
    for (int64_t i = 0; all && i < n; i++) all[i] = stream.uniform(0.3f);
  }
  ~Weights() { std::free(all); }
  float* gradients() { return all + n; }
  void update(int64_t step) {
    const int64_t sizes[] = {n / 2, n - n / 2};
    const uint8_t decays[] = {1, 0};
    isoloss_adamw(all, gradients(), all + 2 * n, all + 3 * n, sizes, decays, 2, step, 1e-2, 0.9,
                  0.95, 1e-8, 0.1, 1.0);
  }
  void add_to(Hash& hash) { hash.add(all, 4 * n * sizeof(float)); }
};

}  // namespace

extern "C" {

// Hash of the losses, predictions, weights and moments of `steps` steps of AdamW; 0: no memory.
uint64_t isoloss_known_mlp(int64_t n_inputs, int64_t width, int64_t n_hidden, int32_t relu,
                           int64_t batch, int64_t steps) {
  Stream stream{1};
  Hash hash;
  Weights weights((n_inputs + 1) * width + (n_hidden - 1) * (width + 1) * width + width + 1,
                  stream);
  auto* x = static_cast<float*>(std::calloc(batch * (n_inputs + 1), sizeof(float)));
  Mlp* model = isoloss_mlp_new(n_inputs, width, n_hidden, relu);
  const bool enough = weights.all && x && model;
  for (int64_t i = 0; enough && i < batch * (n_inputs + 1); i++) x[i] = stream.uniform(2.0f);
  float* y = x + batch * n_inputs;
  for (int64_t step = 1; enough && step <= steps; step++) {
    const double loss = isoloss_mlp_gradients(model, weights.all, x, y, batch, weights.gradients());
    hash.add(&loss, sizeof loss);
    weights.update(step);
  }
  if (enough) {
    isoloss_mlp_predict(model, weights.all, x, batch, y);
    hash.add(y, batch * sizeof(float));
    weights.add_to(hash);
  }
  if (model) isoloss_mlp_free(model);
  std::free(x);
  return enough ? hash.value : 0;
}

// The same for a transformer that learns `n_targets` random tokens of each sequence.
uint64_t isoloss_known_transformer(int64_t vocab, int64_t context, int64_t n_targets,
                                   int64_t n_layer, int64_t width, int64_t n_head, int64_t feed,
                                   int32_t tied, int64_t batch, int64_t steps) {
  Stream stream{1};
  Hash hash;
  Weights weights((vocab * (tied ? 1 : 2) + context + 1) * width +
                      n_layer * (4 * width * width + 2 * width * feed + 2 * width),
                  stream);
  auto* ids = static_cast<int32_t*>(std::calloc(batch * (context + n_targets), sizeof(int32_t)));
  Transformer* model =
      isoloss_transformer_new(vocab, context, n_layer, width, n_head, feed, tied, batch);
  const bool enough = weights.all && ids && model;
  const int32_t* targets = ids + batch * context;
  for (int64_t step = 1; enough && step <= steps; step++) {
    for (int64_t i = 0; i < batch * (context + n_targets); i++)
      ids[i] = int32_t(stream.next() % uint64_t(vocab));
    const double loss = isoloss_transformer_gradients(model, weights.all, ids, targets, batch,
                                                      context, n_targets, weights.gradients());
    hash.add(&loss, sizeof loss);
    weights.update(step);
  }
  if (enough) {
    int64_t exact = 0;
    const double loss = isoloss_transformer_evaluate(model, weights.all, ids, targets, batch,
                                                     context, n_targets, &exact, nullptr);
    hash.add(&loss, sizeof loss);
    hash.add(&exact, sizeof exact);
    weights.add_to(hash);
  }
  if (model) isoloss_transformer_free(model);
  std::free(ids);
  return enough ? hash.value : 0;
}
}
