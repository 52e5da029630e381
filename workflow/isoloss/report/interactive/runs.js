"use strict";
// The chart of a study's runs.
for (const root of document.querySelectorAll("[data-live=runs]")) {
  const data = JSON.parse(root.querySelector("script").textContent);
  const one = (name) => root.querySelector(`[data-part=${name}]`);
  const svg = one("svg"), form = one("form"), sizes = one("sizes");
  const tip = one("tip");
  const places = chart.points(svg, tip, one("said"));
  const { key } = data;
  let single = -1;
  const style = (place) => `--light:${key.light[place]};--dark:${key.dark[place]}`;
  const ofKey = (law) => (key.axis === "N" ? data.N[law.count] : key.axis ? data[key.axis] : []);
  const shown = { N: "size N", D: "data D", C: "compute" };

  const chooseSizes = (law) => {
    const values = ofKey(law);
    sizes.replaceChildren();
    if (!key.axis) return;
    const legend = document.createElement("legend");
    legend.textContent = shown[key.axis];
    sizes.append(legend);
    for (let place = -1; place < key.light.length; place++) {
      const label = document.createElement("label"), input = document.createElement("input");
      Object.assign(input, { type: "radio", name: `size-${data.study}`, checked: place === single });
      input.addEventListener("change", () => { single = place; draw(); });
      const text = document.createElement("span");
      if (place < 0) text.textContent = "all";
      else {
        const value = values[key.of.indexOf(place)];
        text.textContent = key.axis === "C" ? chart.science(value) : chart.short(value);
        text.className = "swatch";
        text.style = style(place);
      }
      label.append(input, text);
      sizes.append(label);
    }
  };

  const draw = () => {
    const place = Number(form.elements.law.value), law = data.laws[place] ?? null;
    const counted = law ?? data.laws[data.best], axis = form.elements.x.value;
    const scale = form.elements.scale.value;
    const N = data.N[counted.count], D = data.D, C = data.C, at = { N, D, C }[axis];
    const whole = data.loss.map((_, i) => i).filter((i) => N[i] !== null);
    const curve = (law && law.params && scale) ? lines(law, N, axis) : null;
    const seen = [...whole.map((i) => data.loss[i]), ...whole.map((i) => law?.loss[i]).filter((v) => v)];
    const span = (values, log, room) => {
      const lo = Math.min(...values), hi = Math.max(...values);
      return log ? { lo: lo / (hi / lo) ** room, hi: hi * (hi / lo) ** room, log }
        : { lo: lo - (hi - lo) * room, hi: hi + (hi - lo) * room, log };
    };
    const label = { N: data.counts[counted.count], D: `training data D (${data.tokens})`, C: "training compute C (FLOP)" };
    const frame = chart.axes(svg,
      { ...span(whole.map((i) => at[i]), scale !== "linear", 0.04), label: label[axis],
        write: axis === "C" ? chart.science : chart.short },
      { ...span(seen, scale === "log", 0.06), label: `held-out loss (${data.unit})` });
    const fade = (i) => single >= 0 && key.of[i] !== single;
    for (const series of curve ?? segments(law, axis, at)) {
      const same = series.places.every((i) => key.of[i] === key.of[series.places[0]]);
      frame.line(series.points, {
        class: "law" + (same ? "" : " mixed") + (same && fade(series.places[0]) ? " faded" : ""),
        style: style(key.of[series.places[0]]),
      });
    }
    places.put(whole.map((i) => {
      const x = frame.X(at[i]), y = frame.Y(data.loss[i]);
      const node = chart.make("circle", { cx: x, cy: y, r: 5.5, style: style(key.of[i]),
        class: "run" + (fade(i) ? " faded" : "") }, frame.marks);
      const parts = [`N ${chart.short(N[i])}, D ${chart.short(D[i])}, C ${chart.science(C[i])} FLOP`,
        `loss ${data.loss[i].toFixed(4)} ${data.unit}` + (law && law.loss[i] !== null
          ? `; the law says ${law.loss[i].toFixed(4)} (${off(data.loss[i], law.loss[i])})` : ""),
        data.ids[i]];
      return { node, x, y, faded: fade(i), name: "run", text: parts.join("\n") };
    }));
    one("misfit").textContent = law
      ? `This law misses these ${law.n} runs by ${chart.digits(100 * law.miss, 2)} % (root mean square of ln L). ${law.verdict}`
      : "No law is drawn.";
  };
  const off = (loss, law) => {
    const share = 100 * (loss / law - 1);
    return `measured ${chart.digits(Math.abs(share), 2)} % ${share < 0 ? "below" : "above"} it`;
  };
  // The law along each series of runs: N, D and C in even steps of their logarithms.
  const lines = (law, N, axis) => data.lines[axis].map((series) => {
    const points = [];
    series.forEach((i, k) => {
      const next = series[k + 1] ?? i, steps = next === i ? 1 : 10;
      for (let s = 0; s < steps; s++) {
        const between = (v) => v[i] * (v[next] / v[i]) ** (s / steps);
        points.push([between({ N, D: data.D, C: data.C }[axis]), laws.loss(law, between(N), between(data.D))]);
      }
    });
    return { places: series, points };
  });
  const segments = (law, axis, at) => (law ? data.lines[axis] : []).map((series) => ({
    places: series, points: series.map((i) => [at[i], law.loss[i]]),
  }));

  form.addEventListener("change", (event) => {
    if (!sizes.contains(event.target)) {
      if (event.target.name === "law") chooseSizes(data.laws[Number(event.target.value)] ?? data.laws[data.best]);
      draw();
    }
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  root.hidden = false;
  chooseSizes(data.laws[data.best]);
  chart.redrawn(root, draw);
}
