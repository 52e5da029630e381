"use strict";
// The laws of size and data as the papers print them, and their compute optimum at C = K N D.
// tests/report/test_interactive.py holds each to the value of isoloss.laws.
const laws = (() => {
  const LOSS = {
    chinchilla: (p, N, D) => p.E + p.A * N ** -p.alpha + p.B * D ** -p.beta,
    kaplan_nd: (p, N, D) => ((p.Nc / N) ** (p.alpha_N / p.alpha_D) + p.Dc / D) ** p.alpha_D,
    skaling: (p, N, D) => p.E + (p.A * N ** -p.alpha + p.B * D ** -p.beta) ** p.k,
  };
  // ln G and a of N* = G (C / K)^a.
  const sum = (p) => {
    const total = p.alpha + p.beta;
    return [Math.log((p.alpha * p.A) / (p.beta * p.B)) / total, p.beta / total];
  };
  const FRONTIER = {
    chinchilla: sum,
    skaling: sum,
    kaplan_nd: (p) => {
      const ratio = p.alpha_N / p.alpha_D, a = 1 / (1 + ratio);
      return [a * (Math.log(ratio) + ratio * Math.log(p.Nc) - Math.log(p.Dc)), a];
    },
  };
  // Kaplan et al. (2020), Table 6 and Eq. 1.3: powers of C_min, in PF-days.
  const rule = (r, C) => {
    const least = C / r.c_over_c_min / r.pf_day;
    return { N: r.n_opt * least ** r.n_opt_exponent, loss: (r.c_c / least) ** r.alpha_c };
  };
  const loss = (law, N, D) => LOSS[law.law](law.params, N, D);
  const optimum = (law, C, K) => {
    let N, L;
    if (law.rule) ({ N, loss: L } = rule(law.rule, C));
    else {
      const [g, a] = FRONTIER[law.law](law.params);
      N = Math.exp(g + a * Math.log(C / K));
      L = loss(law, N, C / K / N);
    }
    const D = C / K / N;
    return { N, D, ratio: D / N, loss: L };
  };
  return { loss, optimum };
})();
if (typeof module !== "undefined") module.exports = laws;
