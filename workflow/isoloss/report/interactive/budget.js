"use strict";
// The chart of a compute budget: loss against parameters, for published laws and for our own.
for (const root of document.querySelectorAll("[data-live=budget]")) {
  const data = JSON.parse(root.querySelector("script").textContent), K = data.k;
  const one = (name) => root.querySelector(`[data-part=${name}]`);
  const svg = one("svg"), form = one("form"), slider = form.elements.budget, tip = one("tip");
  const places = chart.points(svg, tip, one("said"));
  const PUBLISHED = Array.from({ length: 161 }, (_, i) => 10 ** (18 + i / 20));
  const START = 3.15e23; // GPT-3's
  const stops = (law) => law.compute ?? PUBLISHED;
  const nearest = (values, C) => values.reduce((best, v, i) =>
    (Math.abs(Math.log(v / C)) < Math.abs(Math.log(values[best] / C)) ? i : best), 0);
  const chosen = () => data.laws[Number(form.elements.law.value)];

  const choose = () => {
    const law = chosen(), values = stops(law);
    slider.max = values.length - 1;
    slider.value = nearest(values, law.compute ? 10 * law.largest : START);
    draw();
  };
  const ratio = (v) => chart.short(Number(v.toPrecision(3)));
  const three = (v) => v.toFixed(3);
  const known = (law, i, what) => law.status[what][i] === 0;
  // The rows of the answer: a value with its interval, or the interval alone where many values fit.
  const answer = (law, i) => {
    const C = stops(law)[i];
    if (!law.compute) {
      const at = laws.optimum(law, C, K);
      return { at, rows: named(law, [[chart.short(at.N)], [chart.short(at.D)], [ratio(at.ratio)], [three(at.loss)]]) };
    }
    const a = law.at, P = C / K, [n, lo, hi] = [a.n[i], a.n_lo[i], a.n_hi[i]];
    const at = { N: n, D: P / n, ratio: P / n / n, loss: a.loss[i], lo, hi, loss_lo: a.loss_lo[i], loss_hi: a.loss_hi[i] };
    const say = (what, value, low, high, write) => {
      if (low === null || high === null || value === null) return ["no interval"];
      const range = `${write(low)} to ${write(high)}`;
      return known(law, i, what) ? [write(value), range] : [range];
    };
    return { at, rows: named(law, [say("n_params", n, lo, hi, chart.short),
      say("n_params", at.D, P / hi, P / lo, chart.short),
      say("n_params", at.ratio, P / hi / hi, P / lo / lo, ratio),
      say("loss", at.loss, at.loss_lo, at.loss_hi, three)]) };
  };
  const named = (law, cells) => [`best size N*`, `data D* (${law.tokens})`, `${law.tokens} per parameter`,
    `loss (${law.unit})`].map((name, i) => [name, ...cells[i]]);
  const sentence = (rows) => rows.map(([name, value, range]) => `${name} ${value}${range ? ` (${range})` : ""}`);
  // What the reader must know beside the numbers.
  const doubts = (law, i, at) => {
    if (!law.compute) {
      const [least, most] = law.fitted_to, how = at.N > most ? at.N / most : at.N < least ? least / at.N : 1;
      const far = how > 1 ? `N* is ${chart.short(Number(how.toPrecision(2)))} times ${at.N > most ? "the largest" : "below the smallest"} model of the fit` : "N* lies within the models of the fit";
      return [`${far}. The law was fitted to ${law.said}.`, law.why];
    }
    const factor = law.compute[i] / law.largest, found = [];
    found.push(factor > 1.001
      ? `This budget is ${chart.digits(factor, 3)} times the compute of the largest run (${chart.science(law.largest)} FLOP): the law is extrapolated.`
      : `This budget lies within the runs, whose largest took ${chart.science(law.largest)} FLOP.`);
    const [size, loss] = ["n_params", "loss"].map((what) => law.why[law.status[what][i] - 1]);
    if (size && size === loss) found.push(`N*, D* and loss: ${size}.`);
    else {
      if (size) found.push(`N* and D*: ${size}.`);
      if (loss) found.push(`Loss: ${loss}.`);
    }
    found.push(`Ranges are ${law.level} % intervals; a range alone stands where no one value is known.`);
    if (law.synthetic) found.push("SYNTHETIC: these losses were drawn from a formula.");
    return found;
  };
  const domain = (law) => {
    if (!law.compute) {
      const sizes = data.models.map((m) => m[1]), best = [1e18, 1e26].map((C) => laws.optimum(law, C, K));
      const losses = data.models.map(([, N, D]) => laws.loss(law, N, D ?? Infinity));
      return { N: [Math.min(best[0].N, ...sizes) / 6, Math.max(best[1].N, ...sizes) * 3],
        L: [Math.min(best[1].loss, ...losses) * 0.96, best[0].loss * 1.12] };
    }
    const seen = law.runs.map((r) => r[1]), sizes = law.runs.map((r) => r[0]);
    const ok = (values) => values.filter((v) => v !== null);
    const [least, most] = [Math.min(...sizes, ...ok(law.at.n)), Math.max(...sizes, ...ok(law.at.n))];
    return { N: [Math.max(Math.min(least, ...ok(law.at.n_lo)), least / 3) / 2, Math.min(Math.max(most, ...ok(law.at.n_hi)), most * 9) * 2],
      L: [Math.max(Math.min(...seen, ...ok(law.at.loss_lo)), Math.min(...ok(law.at.loss)) / 1.5) * 0.93, Math.max(...seen) * 1.08] };
  };
  const draw = () => {
    const law = chosen(), values = stops(law), i = Number(slider.value), C = values[i];
    const { at, rows } = answer(law, i), { N: [n0, n1], L: [l0, l1] } = domain(law);
    const frame = chart.axes(svg, { lo: n0, hi: n1, log: true, label: "parameters N", write: chart.short },
      { lo: l0, hi: l1, log: true, label: `loss (${law.unit})` });
    const own = Boolean(law.compute);
    const path = own ? values.map((_, j) => [law.at.n[j], law.at.loss[j]])
      : values.map((c) => laws.optimum(law, c, K)).map((o) => [o.N, o.loss]);
    frame.line(path, { class: "frontier" });
    if (law.params && !law.rule) {
      const sizes = Array.from({ length: 121 }, (_, j) => n0 * (n1 / n0) ** (j / 120));
      frame.line(sizes.map((N) => [N, laws.loss(law, N, C / K / N)]), { class: "valley" });
    }
    const clip = (v, [lo, hi]) => Math.min(Math.max(v, lo / 9), hi * 9); // past the frame: an open end
    if (own && at.lo !== null && at.loss_lo !== null) {
      const x = [at.lo, at.hi].map((v) => frame.X(clip(v, [n0, n1])));
      const y = [at.loss_hi, at.loss_lo].map((v) => frame.Y(clip(v, [l0, l1])));
      chart.make("rect", { x: x[0], y: y[0], width: Math.max(2, x[1] - x[0]), height: Math.max(2, y[1] - y[0]),
        class: "range" }, frame.curves);
    }
    const marks = [];
    const put = (shape, name, N, L, text, label) => {
      const x = frame.X(N), y = frame.Y(L);
      const node = chart.make("circle", { cx: x, cy: y, r: shape === "best" ? 7 : 5, class: shape }, frame.marks);
      marks.push({ node, x, y, name, text, label });
    };
    if (own) law.runs.forEach(([N, L]) => put("run own", "run", N, L, `a run: N ${chart.short(N)}, loss ${L.toFixed(4)} ${law.unit}`));
    else for (const [name, N, D] of data.models) {
      const L = laws.loss(law, N, D ?? Infinity);
      put(D ? "model" : "model open", "model", N, L, D
        ? `${name}: N ${chart.short(N)}, D ${chart.short(D)}\nloss ${L.toFixed(3)} by this law`
        : `${name}: N ${chart.short(N)}, D not disclosed\nby this law the loss is at least ${L.toFixed(3)}`, name);
    }
    if (!own || (known(law, i, "n_params") && known(law, i, "loss"))) {
      put("best", "best size", at.N, at.loss, `best at ${chart.science(C)} FLOP\n${sentence(rows).join("\n")}`);
    }
    places.put(marks);
    write(frame, marks);
    one("compute").textContent = `${chart.science(C)} FLOP`;
    slider.setAttribute("aria-valuetext", `${chart.science(C)} FLOP`);
    const list = one("answer");
    list.replaceChildren();
    for (const [what, value, range] of rows) {
      const term = document.createElement("dt"), said = document.createElement("dd");
      term.textContent = what;
      said.textContent = value;
      if (range) {
        const small = document.createElement("small");
        small.textContent = ` ${range}`;
        said.append(small);
      }
      const row = document.createElement("div");
      row.append(term, said);
      list.append(row);
    }
    one("doubts").textContent = doubts(law, i, at).join(" ");
    one("key").hidden = own;
    one("own-key").hidden = !own;
    one("rule").hidden = !law.rule;
    clearTimeout(draw.later);
    draw.later = setTimeout(() => {
      one("live").textContent = `At ${chart.science(C)} FLOP: ${sentence(rows).join(", ")}. ${doubts(law, i, at).join(" ")}`;
    }, 400);
  };
  // Names of models where they cover no other name and no point; the rest are there on hover.
  const write = (frame, marks) => {
    const taken = marks.map((m) => [m.x - 6, m.y - 6, m.x + 6, m.y + 6]);
    const wanted = ["GPT-3", "Chinchilla", "Gopher", "GPT-2 XL", "LLaMA 65B", "LLaMA-2 70B", "LLaMA-3 70B", "LLaMA-3.1 405B"];
    const rank = (m) => { const r = wanted.indexOf(m.label); return r < 0 ? 99 : r; };
    for (const m of marks.filter((one) => one.label).sort((a, b) => rank(a) - rank(b))) {
      const text = chart.make("text", { class: "name", "aria-hidden": "true" }, frame.marks, m.label);
      const w = text.getComputedTextLength();
      const spots = [[9, 4], [-9 - w, 4], [-w / 2, -10], [-w / 2, 18], [8, -9], [8, 17], [-8 - w, -9], [-8 - w, 17]];
      const spot = spots.map(([dx, dy]) => [m.x + dx, m.y + dy]).find(([x, y]) => {
        const box = [x - 1, y - 11, x + w + 1, y + 3];
        return box[0] > frame.box.left && box[2] < frame.box.right && box[1] > frame.box.top && box[3] < frame.box.bottom
          && taken.every((o) => box[2] < o[0] || box[0] > o[2] || box[3] < o[1] || box[1] > o[3])
          && taken.push(box);
      });
      if (!spot) text.remove();
      else { text.setAttribute("x", spot[0]); text.setAttribute("y", spot[1]); }
    }
  };
  form.elements.law.addEventListener("change", choose);
  slider.addEventListener("input", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  root.hidden = false;
  slider.max = stops(chosen()).length - 1;
  slider.value = nearest(stops(chosen()), chosen().compute ? 10 * chosen().largest : START);
  chart.redrawn(root, draw);
}
