// Charts over time, drawn by uPlot (a global) in the colours of the theme. Everything they show is
// also in a table beside them; a click leads to the calls of that period.

const HEIGHT = 190;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function zone() {
  return document.documentElement.dataset.timeZone || Intl.DateTimeFormat().resolvedOptions().timeZone;
}

const count = (value) => (value === null || value === undefined ? "–" : String(value));
const wait = (value) => (value === null || value === undefined ? "–" : `${value} ms`);
const whole = (_chart, marks) => marks.map((mark) => (Number.isInteger(mark) ? String(mark) : ""));

// What each chart shows: [key of the data, title, colour, filled or dashed].
const kinds = {
  calls: {
    lines: () => [
      ["started", gettext("Started"), "--caller", { fill: true }],
      ["failed", gettext("Failed"), "--major", { fill: true }],
    ],
    bars: true,
    value: count,
    marks: whole,
    conditions: {},
  },
  waits: {
    lines: () => [
      ["usual", gettext("Half within"), "--accent", {}],
      ["late", gettext("95 % within"), "--minor", { dash: [5, 4] }],
    ],
    value: wait,
    marks: (_chart, marks) => marks.map((mark) => `${mark} ms`),
    conditions: {},
  },
  most: {
    lines: () => [["most", gettext("At once"), "--voice", { fill: true }]],
    value: count,
    marks: whole,
    conditions: {},
  },
};

function series(kind, [, label, hue, { fill, dash }]) {
  const stroke = colour(hue);
  return {
    label,
    stroke,
    width: kind.bars ? 0 : 1.5,
    dash,
    fill: fill ? (kind.bars ? stroke : `${stroke}22`) : undefined,
    paths: kind.bars ? uPlot.paths.bars({ size: [0.75, 24], radius: 0.1 }) : undefined,
    points: { show: kind.bars ? false : undefined, size: 5 },
    spanGaps: false,
    value: (_chart, value) => kind.value(value),
  };
}

function axis(extra) {
  return {
    stroke: colour("--ink-soft"),
    font: "12px system-ui, sans-serif",
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    ...extra,
  };
}

const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

function times(data) {
  const long = data.times.at(-1) - data.times[0] > 2 * 86_400;
  const form = new Intl.DateTimeFormat(document.documentElement.lang, {
    timeZone: zone(),
    ...(long ? { weekday: "short", day: "numeric" } : clock),
  });
  return (_chart, marks) => marks.map((mark) => form.format(mark * 1_000));
}

function draw(place, data) {
  const kind = kinds[place.dataset.chart];
  const lines = kind.lines();
  const moment = new Intl.DateTimeFormat(document.documentElement.lang, { timeZone: zone(), day: "numeric", month: "short", ...clock });
  place.replaceChildren();
  const options = {
    width: place.clientWidth,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), zone()),
    scales: { y: { range: (_chart, _low, high) => [0, Math.max(kind.value === wait ? 500 : 4, high * 1.1)] } },
    axes: [axis({ values: times(data), space: 64, size: 28 }), axis({ values: kind.marks, size: kind.value === wait ? 62 : 40 })],
    series: [
      { label: gettext("From"), value: (_chart, at) => (at ? moment.format(at * 1_000) : "–") },
      ...lines.map((line) => series(kind, line)),
    ],
    cursor: { y: false, points: { size: 6 } },
    legend: { live: true },
  };
  return new uPlot(options, [data.times, ...lines.map(([key]) => data[key])], place);
}

let charts = [];

export function drawAll(root) {
  for (const [, chart] of charts) chart.destroy();
  charts = [];
  const source = root.querySelector("#series");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  for (const place of root.querySelectorAll("[data-chart]")) {
    const chart = draw(place, data);
    charts.push([place, chart]);
    chart.over.addEventListener("click", () => open(data, chart.cursor.idx));
  }
}

// `cursor.idx` is where the pointer is; the address says the period exactly.
function open(data, index) {
  if (index === null || index === undefined) return;
  const from = new Date(data.times[index] * 1_000).toISOString();
  const to = new Date((data.times[index] + data.step) * 1_000).toISOString();
  location.href = `${data.history}?${new URLSearchParams({ range: "custom", from, to, zone: zone() })}`;
}

export function resize() {
  for (const [place, chart] of charts) chart.setSize({ width: place.clientWidth, height: HEIGHT });
}
