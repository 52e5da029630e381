// Prints a hash of 30 steps of AdamW for some shapes of each model; see bytes.py.
#include <cinttypes>
#include <cstdio>

extern "C" {
uint64_t isoloss_known_mlp(int64_t, int64_t, int64_t, int32_t, int64_t, int64_t);
uint64_t isoloss_known_transformer(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                                   int32_t, int64_t, int64_t);
}

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // an emulator may be stopped before the end
  // n_inputs, width, n_hidden, relu, batch
  const int mlps[][5] = {{1, 2, 2, 0, 128},    {1, 7, 1, 0, 33},  {1, 16, 2, 0, 128},
                         {5, 12, 2, 1, 128},   {3, 48, 4, 1, 99}, {1, 64, 2, 0, 128},
                         {2, 100, 3, 0, 300},  {2, 256, 2, 0, 128}, {1, 515, 2, 1, 40}};
  for (const auto& m : mlps)
    std::printf("MLP, width %d x %d, %s, batch %d: %016" PRIx64 "\n", m[1], m[2],
                m[3] ? "relu" : "tanh", m[4],
                isoloss_known_mlp(m[0], m[1], m[2], m[3], m[4], 30));
  // vocab, context, n_targets, n_layer, width, n_head, feed, tied, batch
  const int transformers[][9] = {
      {256, 64, 64, 2, 8, 2, 32, 1, 4},   {256, 64, 64, 2, 12, 2, 48, 1, 4},
      {256, 64, 64, 2, 36, 3, 144, 1, 2}, {256, 64, 64, 2, 56, 4, 224, 0, 1},
      {256, 64, 64, 2, 92, 4, 368, 1, 1}, {17, 21, 10, 3, 10, 2, 40, 0, 5},
      {256, 64, 64, 1, 256, 4, 1024, 1, 1}, {97, 20, 16, 1, 520, 8, 2080, 0, 1}};
  for (const auto& t : transformers)
    std::printf("transformer, width %d x %d, context %d, %s: %016" PRIx64 "\n", t[4], t[3], t[1],
                t[7] ? "tied" : "untied",
                isoloss_known_transformer(t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8],
                                          30));
}
