"use strict";
// What both charts share: axes, numbers as text, points that answer, and the line that says it.
const chart = (() => {
  const NS = "http://www.w3.org/2000/svg", NEAR = 26;
  const raised = (e) => String(e).replace(/./g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]));
  const digits = (v, n) => String(Number(v.toPrecision(n)));
  const science = (v) => {
    let e = Math.floor(Math.log10(v) + 1e-9), lead = digits(v / 10 ** e, 3);
    return (lead === "1" ? "" : lead + "×") + "10" + raised(e);
  };
  // As isoloss.charts.text.short: 512, 4.35k, 1.5M, 175B, 1.4T, 3×10²³.
  const short = (v) => {
    for (const [limit, factor, suffix] of [[1e12, 1e12, "T"], [1e9, 1e9, "B"], [1e6, 1e6, "M"],
      [1e4, 1e3, "k"]]) {
      if (v >= limit * 0.9995 && v < 1e15) return digits(v / factor, 3) + suffix;
    }
    return v === 0 || (v >= 1e-3 && v < 1e4) ? digits(v, 4) : science(v);
  };
  const make = (name, attributes, parent, text) => {
    const node = document.createElementNS(NS, name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  };
  const ticks = (lo, hi, log, most) => {
    if (log) {
      const found = [];
      for (let e = Math.floor(Math.log10(lo)) - 1; e <= Math.ceil(Math.log10(hi)); e++) {
        for (const m of [1, 2, 5]) found.push(m * 10 ** e);
      }
      const inside = (v) => v >= lo * 0.9999 && v <= hi * 1.0001;
      const decades = found.filter((v, i) => i % 3 === 0 && inside(v));
      if (decades.length >= 3) {
        const step = Math.ceil(decades.length / most);
        return decades.filter((_, i) => i % step === 0);
      }
      const all = found.filter(inside);
      if (all.length >= 3) return all.length > most ? all.filter((v) => "15".includes(String(v.toExponential())[0])) : all;
    }
    const raw = (hi - lo) / Math.max(2, Math.min(most, 6) - 1), e = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((m) => m * e).find((s) => s >= raw * 0.999), found = [];
    for (let v = Math.ceil(lo / step - 1e-9) * step; v <= hi * 1.0001; v += step) found.push(Number(v.toPrecision(10)));
    return found;
  };
  // Axes in an svg, drawn for the width that it has: text keeps its size on every screen.
  const axes = (svg, x, y) => {
    const width = Math.max(280, svg.parentNode.clientWidth), narrow = width < 560;
    const height = narrow ? 330 : 420;
    const box = { left: 54, right: width - 12, top: 12, bottom: height - 46 };
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    svg.replaceChildren();
    const scale = (a, from, to) => {
      const f = a.log ? Math.log : (v) => v, span = f(a.hi) - f(a.lo);
      return (v) => from + ((f(v) - f(a.lo)) / span) * (to - from);
    };
    const X = scale(x, box.left, box.right), Y = scale(y, box.bottom, box.top);
    const grid = make("g", { class: "grid", "aria-hidden": "true" }, svg);
    for (const v of ticks(x.lo, x.hi, x.log, narrow ? 5 : 9)) {
      make("line", { x1: X(v), x2: X(v), y1: box.top, y2: box.bottom }, grid);
      make("text", { x: X(v), y: box.bottom + 17, "text-anchor": "middle" }, grid, x.write(v));
    }
    for (const v of ticks(y.lo, y.hi, y.log, 7)) {
      make("line", { x1: box.left, x2: box.right, y1: Y(v), y2: Y(v) }, grid);
      make("text", { x: box.left - 7, y: Y(v) + 4, "text-anchor": "end" }, grid, short(v));
    }
    const middle = (box.top + box.bottom) / 2;
    make("text", { x: (box.left + box.right) / 2, y: height - 8, "text-anchor": "middle" }, grid, x.label);
    make("text", { transform: `translate(13 ${middle}) rotate(-90)`, "text-anchor": "middle" }, grid, y.label);
    const id = svg.dataset.clip;
    make("rect", { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top },
      make("clipPath", { id }, svg));
    const curves = make("g", { "clip-path": `url(#${id})`, "aria-hidden": "true" }, svg);
    const line = (points, attributes) => {
      const d = points.filter(([a, b]) => a > 0 && b > 0 && isFinite(a + b))
        .map(([a, b]) => `${X(a).toFixed(1)} ${Y(b).toFixed(1)}`);
      return d.length > 1 ? make("path", { d: "M" + d.join("L"), fill: "none", ...attributes }, curves) : null;
    };
    return { X, Y, box, width, height, line, curves, marks: make("g", {}, svg) };
  };
  // Points of one chart: the nearest answers to mouse and finger; keys go from one to the next.
  // One of them is a tab stop (a roving tabindex).
  const points = (svg, tip, said) => {
    let list = [], at = 0;
    const show = (i) => {
      const one = list[i];
      list.forEach((other) => other.node.classList.toggle("on", other === one));
      tip.textContent = one.text;
      said.textContent = one.text;
      const stage = tip.parentNode.clientWidth;
      tip.hidden = false;
      const left = Math.min(Math.max(4, one.x + 12), Math.max(4, stage - tip.offsetWidth - 4));
      tip.style.left = left + "px";
      tip.style.top = (one.y > tip.offsetHeight + 16 ? one.y - tip.offsetHeight - 12 : one.y + 14) + "px";
    };
    const hide = () => {
      tip.hidden = true;
      list.forEach((one) => one.node.classList.remove("on"));
    };
    const stop = (i, focus, still) => {
      if (!list.length) return;
      list[at]?.node.setAttribute("tabindex", "-1");
      at = Math.max(0, Math.min(list.length - 1, i));
      list[at].node.setAttribute("tabindex", "0");
      if (focus) list[at].node.focus({ preventScroll: Boolean(still) });
    };
    const nearest = (event) => {
      const frame = svg.getBoundingClientRect(), x = event.clientX - frame.x, y = event.clientY - frame.y;
      let found = -1, least = NEAR ** 2;
      list.forEach((one, i) => {
        const far = (one.x - x) ** 2 + (one.y - y) ** 2;
        if (far < least && !one.faded) [found, least] = [i, far];
      });
      return found;
    };
    const point = (event) => {
      const found = nearest(event);
      if (found >= 0) show(found);
      else if (!svg.contains(document.activeElement)) hide();
      return found;
    };
    svg.addEventListener("pointermove", point);
    svg.addEventListener("pointerdown", (event) => {
      const found = point(event);
      if (found < 0) return hide();
      event.preventDefault();
      stop(found, true, true);
    });
    svg.addEventListener("pointerleave", () => {
      if (!svg.contains(document.activeElement)) hide();
    });
    svg.addEventListener("focusin", (event) => {
      const i = list.findIndex((one) => one.node === event.target);
      if (i >= 0) { stop(i); show(i); }
    });
    svg.addEventListener("focusout", hide);
    svg.addEventListener("keydown", (event) => {
      const go = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1,
        Home: 0, End: list.length - 1 }[event.key];
      if (event.key === "Escape") return hide();
      if (go === undefined) return;
      event.preventDefault();
      stop(go, true);
    });
    return {
      // In reading order: from left to right, and from top to bottom.
      put(found) {
        const held = svg.contains(document.activeElement);
        list = [...found].sort((a, b) => a.x - b.x || a.y - b.y);
        list.forEach((one, i) => {
          one.node.setAttribute("tabindex", "-1");
          one.node.setAttribute("role", "img");
          one.node.setAttribute("aria-label", `${one.name}, ${i + 1} of ${list.length}`);
          one.node.parentNode.append(one.node);
        });
        tip.hidden = true;
        stop(at, held, true);
      },
    };
  };
  const redrawn = (root, draw) => {
    let width = 0;
    new ResizeObserver(() => {
      const now = root.clientWidth;
      if (now && now !== width) { width = now; draw(); }
    }).observe(root);
  };
  return { axes, points, short, science, digits, make, redrawn };
})();
if (typeof module !== "undefined") module.exports = chart;
