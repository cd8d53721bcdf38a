// Plots from what stands in `data-plot`: {x, label, scale: time|share|value, x_unit, unit, threshold, series: [{label, values, low, high, kind, colour}]}.
// Every plot has its figures in a table on the page: whoever sees no plot misses nothing.
"use strict";

(() => {
  const language = document.documentElement.lang;
  const numbers = {
    percent: new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }),
    dollars: new Intl.NumberFormat(language, { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol", maximumSignificantDigits: 2 }),
    number: new Intl.NumberFormat(language, { maximumFractionDigits: 1 }),
    grams: new Intl.NumberFormat(language, { maximumSignificantDigits: 2 }),
    ms: new Intl.NumberFormat(language, { maximumFractionDigits: 0 }),
  };
  const suffix = { grams: "\u00a0g", ms: "\u00a0ms" };
  const shown = (unit, value) => value == null ? "–" : numbers[unit].format(value) + (suffix[unit] || "");
  const FONT = "12px system-ui, sans-serif";
  const ruler = document.createElement("canvas").getContext("2d");
  ruler.font = FONT;
  // What the longest label of an axis takes, with its tick and the gap beside it.
  const room = (_, values) => Math.max(64, Math.ceil(Math.max(...(values || []).map((value) => ruler.measureText(value).width), 0)) + 18);
  const hour = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" });
  const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" });

  function palette() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    return { ink: of("--ink"), dim: of("--dim"), line: of("--line"), colours: [of("--accent"), of("--plot-2"), of("--plot-3"), of("--plot-4"), of("--plot-5")] };
  }

  // Intervals as whiskers, where a series has them.
  function whiskers(given, colours) {
    return (plot) => {
      const { ctx } = plot;
      ctx.save();
      given.series.forEach((one, at) => {
        if (!one.low || !plot.series[at + 1].show) return;
        ctx.strokeStyle = colours[at];
        ctx.lineWidth = 1.5 * devicePixelRatio;
        given.x.forEach((x, n) => {
          if (one.low[n] == null) return;
          const left = plot.valToPos(x, "x", true);
          ctx.beginPath();
          ctx.moveTo(left, plot.valToPos(one.low[n], "y", true));
          ctx.lineTo(left, plot.valToPos(one.high[n], "y", true));
          ctx.stroke();
        });
      });
      if (given.threshold != null) {
        const left = plot.valToPos(given.threshold, "x", true);
        ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
        ctx.strokeStyle = palette().dim;
        ctx.beginPath();
        ctx.moveTo(left, plot.bbox.top);
        ctx.lineTo(left, plot.bbox.top + plot.bbox.height);
        ctx.stroke();
      }
      ctx.restore();
    };
  }

  function series(one, colour, unit, dim) {
    const base = { label: one.label, stroke: colour, width: 2, value: (_, value) => shown(unit, value), spanGaps: false };
    if (one.kind === "bars") return { ...base, fill: colour + "55", paths: uPlot.paths.bars({ size: [0.7, 60] }), points: { show: false } };
    if (one.kind === "points") return { ...base, points: { show: true, size: 7, fill: colour } };
    if (one.kind === "reference") return { ...base, stroke: dim, width: 1, dash: [6, 4], spanGaps: true, points: { show: false } };
    // A line shows nothing of a value that has none beside it, such as the first hour of a new installation.
    const alone = one.values.flatMap((value, n) => value != null && one.values[n - 1] == null && one.values[n + 1] == null ? [n] : []);
    return { ...base, points: { show: alone.length > 0, size: 6, fill: colour, filter: () => alone } };
  }

  function draw(place) {
    const given = JSON.parse(place.dataset.plot);
    const { ink, dim, line, colours } = palette();
    const timed = given.scale === "time";
    const valued = given.scale === "value";
    const across = (value) => value == null ? "–" : valued ? shown(given.x_unit, value) : shown("percent", value);
    const long = timed && given.x[given.x.length - 1] - given.x[0] > 2 * 86400;
    const step = given.x[1] - given.x[0];
    const whole = given.unit === "percent";
    const own = given.series.map((one, at) => (one.kind === "reference" ? dim : colours[(one.colour ?? at) % colours.length]));
    const axis = { stroke: dim, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: FONT };
    const width = () => Math.max(place.clientWidth, 200);
    const height = () => place.classList.contains("square") ? Math.min(width(), 420) : 200;
    const high = Math.max(0, ...given.series.flatMap((one) => [...one.values, ...(one.high || [])].filter((value) => value != null)));
    const known = given.series.flatMap((one) => [...one.values, ...(one.low || []), ...(one.high || [])].filter((value) => value != null));
    const beyond = valued ? Math.max((Math.max(...known) - Math.min(...known)) * 0.15, 0.01) : 0;
    const least = Math.min(...given.x), most = Math.max(...given.x);
    const wide = valued && least > 0 && most > 50 * least; // then across by powers of ten
    const span = wide ? [least / 1.6, most * 1.6] : [0, most * 1.1 || 1];
    const rise = valued ? [Math.min(...known) - beyond, Math.max(...known) + beyond] : whole ? [0, 1] : [0, high ? high * 1.1 : 1];
    const options = {
      width: width(), height: height(), cursor: { drag: { x: false, y: false } },
      scales: {
        x: timed ? { time: true, range: (_, low, most) => [low - step / 2, most + step / 2] } : { time: false, distr: wide ? 3 : 1, range: valued ? span : [0, 1] },
        y: { range: rise },
      },
      axes: [
        { ...axis, values: (_, at) => at.map((value) => value == null ? "" : timed ? (long ? day : hour).format(value * 1000) : across(value)), space: 64 },
        { ...axis, size: room, values: (_, at) => at.map((value) => shown(given.unit, value)) },
      ],
      series: [
        { value: (_, value) => value == null ? "–" : timed ? `${day.format(value * 1000)} ${hour.format(value * 1000)}` : across(value), label: given.label },
        ...given.series.map((one, at) => series(one, own[at], given.unit, dim)),
      ],
      hooks: { draw: [whiskers(given, own)] },
    };
    place.replaceChildren();
    place.style.color = ink;
    const made = new uPlot(options, [given.x, ...given.series.map((one) => one.values)], place);
    new ResizeObserver(() => {
      if (made.width !== width()) made.setSize({ width: width(), height: height() });
    }).observe(place);
    return made;
  }

  const all = () => document.querySelectorAll(".plot[data-plot]");
  let drawn = [...all()].map(draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawn.forEach((one) => one.destroy());
    drawn = [...all()].map(draw);
  });
})();
