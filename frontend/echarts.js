// The charts of the analytics page: the part of ECharts they need, dressed in the page's own
// colours. The page's script calls `studyinCharts.draw(element, optionJson)`, again with newer
// figures if it likes, and `studyinCharts.erase(element)` in the end.
//
// Options come from the server and name no colours. Nothing here may write `style` attributes into
// markup: the content security policy forbids them, so tooltips are drawn on the canvas.

import { BarChart, HeatmapChart, LineChart } from "echarts/charts";
import { CalendarComponent, GridComponent, TooltipComponent, VisualMapPiecewiseComponent } from "echarts/components";
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
  VisualMapPiecewiseComponent,
]);

const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** What is drawn, by its element: the chart, its option, and how to stop watching. */
const drawings = new Map();

/** Reads colours as the element would show them, in the one notation ECharts understands. */
function palette(element) {
  const probe = element.appendChild(document.createElement("span"));
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const read = (token) => {
    probe.style.color = `var(${token})`;
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = getComputedStyle(probe).color;
    pen.fillRect(0, 0, 1, 1);
    const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
    return `rgb(${red},${green},${blue})`;
  };
  const colours = {
    paper: read("--paper"),
    raised: read("--raised"),
    ink: read("--ink"),
    muted: read("--muted"),
    line: read("--line"),
    accent: read("--accent"),
    mark: read("--mark"),
    heat: [0, 1, 2, 3, 4].map((step) => read(`--heat-${step}`)),
  };
  probe.remove();
  return colours;
}

function theme(colours, font) {
  const text = { color: colours.muted, fontFamily: font, fontSize: 12 };
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
    visualMap: { color: [...colours.heat].reverse() },
    tooltip: {
      renderMode: "richText",
      confine: true,
      backgroundColor: colours.raised,
      borderColor: colours.muted,
      borderWidth: 1,
      textStyle: { color: colours.ink, fontFamily: font, fontSize: 13 },
      axisPointer: { lineStyle: { color: colours.muted }, shadowStyle: { color: colours.line, opacity: 0.4 } },
    },
  };
}

/** The option with what no JSON can say: the colours of each step, words for a tooltip, marks. */
function dress(option, colours) {
  for (const map of option.visualMap ?? []) {
    map.pieces?.forEach((piece, step) => {
      piece.color = colours.heat[step];
    });
  }
  for (const series of option.series ?? []) {
    if (series.type !== "heatmap") continue;
    // A row is the day, its minutes, what to say about it, and whether it was frozen.
    series.tooltip = { formatter: ({ value }) => value[2] };
    series.itemStyle = { borderColor: colours.paper, borderWidth: 3, borderRadius: 4 };
    series.emphasis = { itemStyle: { borderColor: colours.ink, borderWidth: 1.5 } };
    series.data = series.data.map((value) =>
      value[3] ? { value, visualMap: false, itemStyle: { color: colours.mark } } : value,
    );
  }
  option.animation = !still.matches;
  option.animationDuration = option.animationDurationUpdate = 150;
  return option;
}

function paint(element) {
  const drawing = drawings.get(element);
  if (!drawing) return;
  drawing.chart?.dispose();
  const colours = palette(element);
  drawing.chart = init(element, theme(colours, getComputedStyle(element).fontFamily));
  drawing.chart.setOption(dress(JSON.parse(drawing.json), colours));
}

function repaintAll() {
  for (const element of drawings.keys()) paint(element);
}
dark.addEventListener("change", repaintAll);
still.addEventListener("change", repaintAll);

globalThis.studyinCharts = {
  /** Draws an option, or what has become of it since. */
  draw(element, json) {
    const drawing = drawings.get(element);
    if (drawing) {
      drawing.json = json;
      drawing.chart.setOption(dress(JSON.parse(json), palette(element)));
      return;
    }
    const observer = new ResizeObserver(() => drawings.get(element)?.chart?.resize());
    drawings.set(element, { json, chart: undefined, observer });
    paint(element);
    observer.observe(element);
    // Today is at the right end.
    const scroller = element.parentElement;
    if (scroller) scroller.scrollLeft = scroller.scrollWidth;
  },

  erase(element) {
    const drawing = drawings.get(element);
    if (!drawing) return;
    drawings.delete(element);
    drawing.observer.disconnect();
    drawing.chart?.dispose();
  },
};
