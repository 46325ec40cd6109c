// The charts of the analytics page: the part of ECharts they need, dressed in the page's own
// colours. The page's script calls `studyinCharts.draw(place)` for a place whose elements hold options,
// again when those are newer, and `studyinCharts.erase(place)` in the end.
//
// The first line of the built file asks the browser to compile all of it while it arrives, off the main thread
// (esbuild writes it, see package.json); without that a slow phone does it at the first chart.
//
// Options come from the server and name no colours: a heatmap's rows end with the step that
// colours the cell (ECharts' own component for that is 6 KB; it draws only cells whose value is a number) and
// with what a tooltip says. Nothing here may write `style` attributes into
// markup: the content security policy forbids them, so tooltips are drawn on the canvas.

import { BarChart, HeatmapChart, LineChart } from "echarts/charts";
import { CalendarComponent, GridComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([
  BarChart,
  CalendarComponent,
  CanvasRenderer,
  GridComponent,
  HeatmapChart,
  LineChart,
  TooltipComponent,
]);

const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** How long a chart outside of the window waits to be drawn when nobody scrolls to it, in milliseconds: drawing
    one takes a slow phone a fifth of a second, in which it answers nothing. Who prints the page, or pictures
    all of it, should not have to scroll first. */
const UNSEEN_MS = 500;
/** The same where the page has been blocked for longer than this while it loaded: such a device is a slow one. */
const UNSEEN_SLOW_MS = 2_500;
const BLOCKED_SLOW_MS = 50;

/** For how long the page could not answer since it was opened, in milliseconds, beyond 50 of each task. */
let blockedMs = 0;
if (PerformanceObserver.supportedEntryTypes.includes("longtask")) {
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) blockedMs += duration - 50;
  }).observe({ type: "longtask", buffered: true });
}

/** What is drawn or due to be, by its element: the chart, its option and its look, the size of letters it was drawn for, the
    value under the keyboard, and how to stop watching. */
const drawings = new Map();

/** The page's colours, which are all charts' until the scheme changes. */
let known;
const palette = (element) => (known ??= read(element));

/** Reads colours as the element would show them, in the one notation ECharts understands. */
function read(element) {
  const probe = element.appendChild(document.createElement("span"));
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const colour = (token) => {
    probe.style.color = `var(${token})`;
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = getComputedStyle(probe).color;
    pen.fillRect(0, 0, 1, 1);
    const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
    return `rgb(${red},${green},${blue})`;
  };
  const colours = {
    paper: colour("--paper"),
    raised: colour("--raised"),
    ink: colour("--ink"),
    muted: colour("--muted"),
    line: colour("--line"),
    accent: colour("--accent"),
    // The steps from nothing to most; the one after them is a day that a freeze kept.
    heat: [...[0, 1, 2, 3, 4].map((step) => colour(`--heat-${step}`)), colour("--mark")],
  };
  probe.remove();
  return colours;
}

/** The root's font size in pixels: charts grow with the page's text. */
const rem = () => Number.parseFloat(getComputedStyle(document.documentElement).fontSize);

function theme(colours, font) {
  const text = { color: colours.muted, fontFamily: font, fontSize: 0.75 * rem() };
  const axis = {
    axisLine: { lineStyle: { color: colours.line } },
    axisTick: { show: false },
    axisLabel: text,
    nameTextStyle: text,
    splitLine: { lineStyle: { color: colours.line } },
  };
  return {
    color: [colours.accent, colours.muted],
    textStyle: { fontFamily: font },
    categoryAxis: { ...axis, splitLine: { show: false } },
    valueAxis: { ...axis, axisLine: { show: false } },
    line: { lineStyle: { width: 1.5 } },
    // No corner of a bar is rounded: a bar of one XP would not look like one.
    bar: { barMaxWidth: 24 },
    calendar: {
      // The option says how wide and high the whole calendar is.
      cellSize: "auto",
      // Weeks begin on Monday, as the streak's do.
      dayLabel: { ...text, firstDay: 1, nameMap: ["", "Mon", "", "Wed", "", "Fri", ""] },
      monthLabel: text,
      yearLabel: { show: false },
      itemStyle: { color: "transparent", borderColor: colours.paper, borderWidth: 3 },
      splitLine: { show: false },
    },
    tooltip: {
      renderMode: "richText",
      confine: true,
      backgroundColor: colours.raised,
      borderColor: colours.muted,
      borderWidth: 1,
      textStyle: { color: colours.ink, fontFamily: font, fontSize: 0.8125 * rem() },
      // It would take 200 ms to its place, also for those who want no motion.
      axisPointer: { animation: false, lineStyle: { color: colours.muted }, shadowStyle: { color: colours.line, opacity: 0.4 } },
    },
  };
}

/** What an option says in pixels, which are those of letters of the usual size. */
const LENGTHS = ["left", "top", "right", "bottom", "width", "height"];
/** The root's font size for which options are written, in pixels. */
const USUAL_REM = 16;

/** The option with what no JSON can say: the size of letters, the colour of each cell, words for a tooltip. */
function dress(option, colours) {
  for (const place of [option.calendar, option.grid].flat()) {
    for (const length of LENGTHS) {
      if (typeof place?.[length] === "number") place[length] *= rem() / USUAL_REM;
    }
  }
  for (const series of option.series ?? []) {
    if (series.type !== "heatmap") continue;
    series.tooltip = { formatter: ({ value }) => value.at(-1) };
    series.emphasis = { itemStyle: { borderColor: colours.ink, borderWidth: 1.5 } };
    series.itemStyle = {
      color: ({ value }) => colours.heat[value.at(-2)],
      borderColor: colours.paper,
      borderWidth: 3,
      borderRadius: 4,
    };
  }
  option.animation = !still.matches;
  option.animationDuration = option.animationDurationUpdate = 150;
  return option;
}

function paint(element) {
  const drawing = drawings.get(element);
  if (!drawing?.json) return;
  drawing.chart?.dispose();
  drawing.rem = rem();
  const colours = palette(element);
  drawing.chart = init(element, theme(colours, getComputedStyle(element).fontFamily));
  // With the next frame, so that clicks and keys get through before it.
  drawing.chart.setOption(dress(JSON.parse(drawing.json), colours), { lazyUpdate: true });
}

function repaintAll() {
  known = undefined;
  for (const element of drawings.keys()) paint(element);
}
dark.addEventListener("change", repaintAll);
still.addEventListener("change", repaintAll);

/** As wide as letters are high, so that its size changes whenever theirs does. */
const ruler = document.createElement("span");
Object.assign(ruler.style, { position: "absolute", top: 0, width: "1rem", visibility: "hidden" });
document.body.append(ruler);
new ResizeObserver(() => {
  for (const [element, drawing] of drawings) if (drawing.rem !== rem()) paint(element);
}).observe(ruler);

/** How far each key moves through the values; a week is a column of the calendar. */
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -7, PageDown: 7, Home: -Infinity, End: Infinity };

/** The same in a grid, whose rows can be walked down as well. */
function stepsOf({ xAxis, yAxis }) {
  if (yAxis?.type !== "category") return STEPS;
  const row = xAxis.data.length;
  return { ...STEPS, ArrowUp: -row, ArrowDown: row, PageUp: undefined, PageDown: undefined };
}

/** The value one step from another, or from outside; a step over the edge is none. */
function stepped(at, step, last) {
  if (!Number.isFinite(step)) return step < 0 ? 0 : last;
  if (at === undefined) return step < 0 ? last : 0;
  return at + step < 0 || at + step > last ? Math.min(at, last) : at + step;
}

/** The tooltips by keyboard: the frame around a chart has the focus, what is shown is also said. */
function walk(element, event) {
  const drawing = drawings.get(element);
  if (!drawing?.chart) return;
  const chart = drawing.chart;
  const hide = () => {
    chart.dispatchAction({ type: "hideTip" });
    chart.dispatchAction({ type: "downplay", seriesIndex: 0 });
    drawing.at = undefined;
  };
  if (event.type === "blur" || event.key === "Escape") return hide();
  const option = JSON.parse(drawing.json);
  const { series, xAxis } = option;
  const step = stepsOf(option)[event.key];
  const last = (series?.[0]?.data.length ?? 0) - 1;
  if (step === undefined || last < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const at = stepped(drawing.at, step, last);
  hide();
  drawing.at = at;
  chart.dispatchAction({ type: "highlight", seriesIndex: 0, dataIndex: at });
  chart.dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: at });
  const value = series[0].data[at];
  // What is wider than its frame is brought to its middle, with room for the tooltip on both sides.
  const point = chart.convertToPixel({ seriesIndex: 0 }, Array.isArray(value) ? value : [at, value]);
  const frame = element.parentElement;
  if (point) frame.scrollLeft = point[0] - frame.clientWidth / 2;
  const said = Array.isArray(value)
    ? value.at(-1)
    : [xAxis.data[at], ...series.map(({ name, data }) => `${name}: ${data[at]}`)].join("\n");
  const voice = element.closest("figure")?.querySelector("[role=status]");
  if (voice) voice.textContent = said;
}

/** Charts that nobody has seen yet. */
const unseen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) if (isIntersecting) see(target);
});

/** An element has come into the window, or has waited for long enough. */
function see(element) {
  const drawing = drawings.get(element);
  if (!drawing || drawing.isDue) return;
  unseen.unobserve(element);
  drawing.isDue = true;
  attempt(element);
}

/** Watches an element in which something is to be drawn: its size, and the keys of the frame around it. */
function begin(element) {
  const observer = new ResizeObserver(() => {
    const chart = drawings.get(element)?.chart;
    // A first observation tells the size it was drawn in.
    if (chart?.getWidth() !== element.clientWidth || chart.getHeight() !== element.clientHeight) chart?.resize();
  });
  const frame = element.parentElement;
  const onKey = (event) => walk(element, event);
  const timers = [
    setTimeout(() => blockedMs > BLOCKED_SLOW_MS || see(element), UNSEEN_MS),
    setTimeout(() => see(element), UNSEEN_SLOW_MS),
  ];
  const stop = () => {
    for (const timer of timers) clearTimeout(timer);
    unseen.unobserve(element);
    observer.disconnect();
    frame.removeEventListener("keydown", onKey);
    frame.removeEventListener("blur", onKey);
  };
  observer.observe(element);
  unseen.observe(element);
  frame.addEventListener("keydown", onKey);
  frame.addEventListener("blur", onKey);
  const drawing = { isDue: false, chart: undefined, json: "", look: "", rem: 0, at: undefined, stop };
  drawings.set(element, drawing);
  return drawing;
}

/** Draws an element if it is still there; when that fails, the next chart is another matter. */
function attempt(element) {
  try {
    if (element.isConnected) update(element);
  } catch (error) {
    reportError(error);
  }
}

/** Draws what an element's option has become: in the same chart, or anew when it is to look different. */
function update(element) {
  const drawing = drawings.get(element) ?? begin(element);
  if (!drawing.isDue) return;
  const json = element.dataset.option;
  const look = element.className;
  if (drawing.json === json) return;
  drawing.json = json;
  if (drawing.chart && drawing.look === look) {
    drawing.chart.setOption(dress(JSON.parse(json), palette(element)));
    return;
  }
  Object.assign(drawing, { look, at: undefined });
  paint(element);
  // Today is at the right end.
  element.parentElement.scrollLeft = element.parentElement.scrollWidth;
}

function erase(element) {
  const drawing = drawings.get(element);
  drawings.delete(element);
  drawing.stop();
  drawing.chart?.dispose();
}

/** Lets clicks, keys and pictures through between two charts. */
const turn = () => new Promise((resolve) => setTimeout(resolve));

globalThis.studyinCharts = {
  /** Draws all options in a place, or what has become of them since. */
  async draw(place) {
    for (const element of drawings.keys()) if (!element.isConnected) erase(element);
    for (const element of place.querySelectorAll("[data-option]")) {
      await turn();
      attempt(element);
    }
  },

  erase(place) {
    for (const element of drawings.keys()) if (place.contains(element) || !element.isConnected) erase(element);
  },
};
