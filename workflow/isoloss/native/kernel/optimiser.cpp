// One step of AdamW, and the sums of the gradient noise scale, for isoloss/native/optimiser.py.
#include "adamw.hpp"

extern "C" {

// One step of AdamW for n_ranges ranges of parameters, end to end; clip_norm 0: no clipping.
void isoloss_adamw(float* parameters, const float* gradients, float* first_moments,
                   float* second_moments, const int64_t* sizes, const uint8_t* decays,
                   int64_t n_ranges, int64_t step, double lr, double beta1, double beta2,
                   double eps, double weight_decay, double clip_norm) {
  long n = 0;
  for (long i = 0; i < n_ranges; i++) n += sizes[i];
  const float clip = isoloss::clip_factor(gradients, n, clip_norm);
  const isoloss::Adam adam = isoloss::adam(lr, beta1, beta2, eps, step, clip);
  long at = 0;
  for (long i = 0; i < n_ranges; at += sizes[i++])
    isoloss::update(adam, decays[i] ? float(1 - lr * weight_decay) : 1.0f, sizes[i],
                    parameters + at, gradients + at, first_moments + at, second_moments + at);
}

// The sums of a b and of (a - b)^2, for the gradient noise scale.
void isoloss_noise(const float* first, const float* second, int64_t n, double* dot,
                   double* square) {
  *dot = isoloss::sum_over<isoloss::ProductTerm>(first, second, n);
  *square = isoloss::sum_over<isoloss::SquareTerm>(first, second, n);
}
}
