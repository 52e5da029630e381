// Prints how many GFLOP/s of float32 one core can do: independent chains of multiply-adds.
#include <cstdio>
#include <ctime>

#if defined(__AVX512F__)
typedef float vector __attribute__((vector_size(64)));
#else
typedef float vector __attribute__((vector_size(32)));
#endif
constexpr int CHAINS = 12, LANES = sizeof(vector) / sizeof(float);

int main(int n, char**) {
  const long steps = 20'000'000;
  const vector factor = vector{} + 0.999f, term = vector{} + 1e-3f;
  vector sums[CHAINS];
  for (int j = 0; j < CHAINS; j++) sums[j] = vector{} + float(n + j);
  const clock_t start = clock();
  for (long i = 0; i < steps; i++)
#pragma GCC unroll 12
    for (int j = 0; j < CHAINS; j++) sums[j] = sums[j] * factor + term;  // -ffp-contract=fast
  const double elapsed_s = double(clock() - start) / CLOCKS_PER_SEC;
  for (int j = 1; j < CHAINS; j++) sums[0] += sums[j];
  std::printf("%.3f\n", 2.0 * CHAINS * LANES * steps / elapsed_s / 1e9);
  return sums[0][0] == 0;  // or else nothing would be computed
}
