// The network of isoloss/models/mlp.py: mean squared error, gradients, predictions, on one thread.
//
// A row is a sample; rows have whole(width, 8) floats. What stands beyond the width reaches no
// result. A few samples at a time, a chunk, go forward and backward, and stay in the cache.
//
// The order of sums: what goes into an activation is a product (gemm.hpp) over the layer's inputs,
// then the bias. A prediction is 8 chains over the units, added as `sum` does, then the bias. The
// gradient of a weight is the sum of the chunks' products, in their order; that of a bias is one
// chain over the samples.
#include "functions.hpp"
#include "gemm.hpp"
#include "layout.hpp"

namespace isoloss {
namespace {

constexpr long CHUNK = 64 * 1024;  // floats of a chunk's activations in one layer

struct Mlp {
  long n_inputs, width, n_hidden;
  bool relu;
  long row, chunk;  // floats of a row; most samples of a chunk

  // Of each hidden layer but the first, (width, row): the weights by output, and by input.
  float *by_output, *by_input;
  float *first, *biases, *last;  // (n_inputs, row), (n_hidden, row), (row): by input
  float last_bias;
  // Their gradients: (n_inputs, row), (width, row) by output, (n_hidden, row), (row).
  float *dfirst, *dweights, *dbiases, *dlast;
  float dlast_bias;

  float* hidden;               // (n_hidden, chunk, row): activations
  float *dz, *dz_before;       // (chunk, row): gradients of what goes into an activation
  float *errors;               // (chunk)
  bool is_first;               // the chunk at work: gradients start from 0

  long square() const { return width * row; }
  float* activations(long layer) const { return hidden + layer * chunk * row; }
};

// --- memory -------------------------------------------------------------------------------------

void allocate(Mlp& m, Arena& arena) {
  const long between = (m.n_hidden - 1) * m.square(), activations = m.chunk * m.row;
  for (float** of : {&m.by_output, &m.by_input, &m.dweights}) *of = arena.floats(between);
  for (float** of : {&m.first, &m.dfirst}) *of = arena.floats(m.n_inputs * m.row);
  for (float** of : {&m.biases, &m.dbiases}) *of = arena.floats(m.n_hidden * m.row);
  for (float** of : {&m.last, &m.dlast}) *of = arena.floats(m.row);
  m.hidden = arena.floats(m.n_hidden * activations);
  for (float** of : {&m.dz, &m.dz_before}) *of = arena.floats(activations);
  m.errors = arena.floats(m.chunk);
}

Mlp* make(long n_inputs, long width, long n_hidden, bool relu) {
  Mlp m{};
  m.n_inputs = n_inputs, m.width = width, m.n_hidden = n_hidden, m.relu = relu;
  m.row = whole(width, 8);
  m.chunk = CHUNK / m.row < 32 ? 32 : CHUNK / m.row;
  Arena arena{};
  arena.array<Mlp>(1);
  allocate(m, arena);
  void* memory = nullptr;
  if (posix_memalign(&memory, 64, arena.used)) return nullptr;
  std::memset(memory, 0, arena.used);
  arena = {static_cast<char*>(memory), 0};
  auto* own = arena.array<Mlp>(1);
  allocate(m, arena);
  *own = m;
  return own;
}

// Parameters and gradients lie flat, layer by layer: weights (outputs, inputs), biases (outputs).
// This copies the parameters into rows.
void read(Mlp& m, const float* flat) {
  for (long i = 0; i < m.n_inputs; i++)
    for (long j = 0; j < m.width; j++) m.first[i * m.row + j] = flat[j * m.n_inputs + i];
  flat += m.width * m.n_inputs;
  for (long layer = 0; layer < m.n_hidden; layer++) {
    std::memcpy(m.biases + layer * m.row, flat, m.width * sizeof(float));
    flat += m.width;
    if (layer + 1 == m.n_hidden) break;
    float* by_output = m.by_output + layer * m.square();
    for (long i = 0; i < m.width; i++, flat += m.width)
      std::memcpy(by_output + i * m.row, flat, m.width * sizeof(float));
    transpose(by_output, m.row, m.width, m.width, m.by_input + layer * m.square(), m.row);
  }
  std::memcpy(m.last, flat, m.width * sizeof(float));
  m.last_bias = flat[m.width];
}

// And this copies the gradients out of rows.
void write(const Mlp& m, float* flat) {
  for (long j = 0; j < m.width; j++)
    for (long i = 0; i < m.n_inputs; i++) *flat++ = m.dfirst[i * m.row + j];
  for (long layer = 0; layer < m.n_hidden; layer++) {
    std::memcpy(flat, m.dbiases + layer * m.row, m.width * sizeof(float));
    flat += m.width;
    if (layer + 1 == m.n_hidden) break;
    const float* dweights = m.dweights + layer * m.square();
    for (long i = 0; i < m.width; i++, flat += m.width)
      std::memcpy(flat, dweights + i * m.row, m.width * sizeof(float));
  }
  std::memcpy(flat, m.dlast, m.width * sizeof(float));
  flat[m.width] = m.dlast_bias;
}

// --- forward ------------------------------------------------------------------------------------

struct Tanh {
  template <class V> ISOLOSS_INLINE V value(V z) { return hyperbolic_tangent(z); }
  // The gradient of z from that of y, the value.
  template <class V> ISOLOSS_INLINE V gradient(V dy, V y) {
    return dy * fused(-y, y, all<V>(1.0f));
  }
};

struct Relu {
  template <class V> ISOLOSS_INLINE V value(V z) { return select<V>(z < V{}, V{}, z); }
  template <class V> ISOLOSS_INLINE V gradient(V dy, V y) { return select<V>(y <= V{}, V{}, dy); }
};

// Call `columns` with the first column of each vector of a row, the longest vectors first.
template <class Function> ISOLOSS_INLINE void by_vectors(long row, Function columns) {
  long i = 0;
  for (; i + Of<wide>::lanes <= row; i += Of<wide>::lanes) columns(i, wide{});
  for (; i < row; i += 8) columns(i, v8{});
}

// y = activation(y + biases) for n rows.
template <class Activation>
void activate(const float* biases, float* y, long n, long row) {
  by_vectors(row, [=](long i, auto kind) {
    typedef decltype(kind) V;
    const V bias = load<V>(biases + i);
    for (long r = 0; r < n; r++) {
      float* at = y + r * row + i;
      store(at, Activation::value(load<V>(at) + bias));
    }
  });
}

void activate(const Mlp& m, long layer, long n) {
  const float* biases = m.biases + layer * m.row;
  if (m.relu)
    activate<Relu>(biases, m.activations(layer), n, m.row);
  else
    activate<Tanh>(biases, m.activations(layer), n, m.row);
}

void forward(const Mlp& m, const float* x, long n) {
  multiply({n, m.row, m.n_inputs, x, m.n_inputs, 1, m.first, m.row, m.activations(0), m.row,
            false});
  activate(m, 0, n);
  for (long layer = 1; layer < m.n_hidden; layer++) {
    multiply({n, m.row, m.width, m.activations(layer - 1), m.row, 1,
              m.by_input + (layer - 1) * m.square(), m.row, m.activations(layer), m.row, false});
    activate(m, layer, n);
  }
}

// The output for a row of the last hidden layer.
float output(const Mlp& m, const float* y) {
  const long whole_vectors = m.width / 8 * 8;
  v8 part = {};
  for (long i = 0; i < whole_vectors; i += 8)
    part = fused(load<v8>(y + i), load<v8>(m.last + i), part);
  if (whole_vectors < m.width) {
    const i8 is_unit = lane_numbers(v8{}) < int32_t(m.width - whole_vectors);
    const v8 rest = select<v8>(is_unit, load<v8>(y + whole_vectors), v8{});
    part = fused(rest, load<v8>(m.last + whole_vectors), part);
  }
  return sum(part) + m.last_bias;
}

// --- backward -----------------------------------------------------------------------------------

// dz for n rows, in place of the dy that is there, and the sum of dz over the samples.
template <class Activation>
void through(const float* y, float* dz, float* dbiases, bool add, long n, long row) {
  by_vectors(row, [=](long i, auto kind) {
    typedef decltype(kind) V;
    V total = add ? load<V>(dbiases + i) : V{};
    for (long r = 0; r < n; r++) {
      const long at = r * row + i;
      const V gradient = Activation::gradient(load<V>(dz + at), load<V>(y + at));
      store(dz + at, gradient);
      total = total + gradient;
    }
    store(dbiases + i, total);
  });
}

void through(const Mlp& m, long layer, float* dz, long n) {
  float* dbiases = m.dbiases + layer * m.row;
  if (m.relu)
    through<Relu>(m.activations(layer), dz, dbiases, !m.is_first, n, m.row);
  else
    through<Tanh>(m.activations(layer), dz, dbiases, !m.is_first, n, m.row);
}

// The summed squared error of n samples; `errors` becomes the gradient of the predictions.
double loss_of(Mlp& m, const float* y, long n, float share) {
  double loss = 0;
  for (long r = 0; r < n; r++) {
    const float error = output(m, m.activations(m.n_hidden - 1) + r * m.row) - y[r];
    loss += double(error * error);  // beyond float's range: infinite, as in PyTorch
    m.errors[r] = share * error;
    m.dlast_bias += m.errors[r];
  }
  return loss;
}

void backward(Mlp& m, const float* x, long n) {
  const float* y = m.activations(m.n_hidden - 1);
  multiply({1, m.row, n, m.errors, n, 1, y, m.row, m.dlast, m.row, !m.is_first});
  multiply({n, m.row, 1, m.errors, 1, 1, m.last, m.row, m.dz, m.row, false});
  for (long layer = m.n_hidden - 1; layer > 0; layer--) {
    through(m, layer, m.dz, n);
    const long between = (layer - 1) * m.square();
    multiply({m.width, m.row, n, m.dz, 1, m.row, m.activations(layer - 1), m.row,
              m.dweights + between, m.row, !m.is_first});
    multiply({n, m.row, m.width, m.dz, m.row, 1, m.by_output + between, m.row, m.dz_before, m.row,
              false});
    float* const done = m.dz;
    m.dz = m.dz_before, m.dz_before = done;
  }
  through(m, 0, m.dz, n);
  multiply({m.n_inputs, m.row, n, x, 1, m.n_inputs, m.dz, m.row, m.dfirst, m.row, !m.is_first});
}

// --- a batch ------------------------------------------------------------------------------------

// The mean squared error of n samples and the gradients of all parameters.
double gradients_of(Mlp& m, const float* p, const float* x, const float* y, long n, float* g) {
  read(m, p);
  m.dlast_bias = 0;
  double loss = 0;
  for (long first = 0; first < n; first += m.chunk) {
    const long size = n - first < m.chunk ? n - first : m.chunk;
    m.is_first = first == 0;
    forward(m, x + first * m.n_inputs, size);
    loss += loss_of(m, y + first, size, 2.0f / float(n));
    backward(m, x + first * m.n_inputs, size);
  }
  write(m, g);
  return loss / double(n);
}

void predictions_of(Mlp& m, const float* p, const float* x, long n, float* y) {
  read(m, p);
  for (long first = 0; first < n; first += m.chunk) {
    const long size = n - first < m.chunk ? n - first : m.chunk;
    forward(m, x + first * m.n_inputs, size);
    for (long r = 0; r < size; r++)
      y[first + r] = output(m, m.activations(m.n_hidden - 1) + r * m.row);
  }
}

}  // namespace
}  // namespace isoloss

// --- for isoloss/native/mlp.py -------------------------------------------------------------------

using isoloss::Mlp;

extern "C" {

// A model's memory; null if there is not enough.
Mlp* isoloss_mlp_new(int64_t n_inputs, int64_t width, int64_t n_hidden, int32_t relu) {
  return isoloss::make(n_inputs, width, n_hidden, relu != 0);
}

void isoloss_mlp_free(Mlp* model) { std::free(model); }

// The mean squared error of n samples, x (n, n_inputs) and y (n), and the gradients.
double isoloss_mlp_gradients(Mlp* model, const float* parameters, const float* x, const float* y,
                             int64_t n, float* gradients) {
  return gradients_of(*model, parameters, x, y, n, gradients);
}

// Predictions y (n) for x (n, n_inputs).
void isoloss_mlp_predict(Mlp* model, const float* parameters, const float* x, int64_t n, float* y) {
  predictions_of(*model, parameters, x, n, y);
}
}
