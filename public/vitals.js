// How this page view felt: four figures, sent once, when it is left.
(() => {
  if (document.hidden) return; // Nobody waits.
  const { max, round } = Math;
  const route = location.pathname.replace(/[0-9a-f-]{36}/, ":id");
  let lcp, cls = 0, burst = 0, begun = 0, last = 0, slow = [];
  const watch = (type, see) =>
    new PerformanceObserver((list) => list.getEntries().forEach(see))
      .observe({ type, buffered: true, durationThreshold: 16 });
  watch("largest-contentful-paint", (it) => (lcp = round(it.startTime)));
  watch("event", ({ interactionId: id, duration }) => {
    const one = slow.find((it) => it.id == id) ?? { id, ms: 0 };
    one.ms = max(one.ms, round(duration));
    if (id) slow = [...new Set([...slow, one])].sort((a, b) => b.ms - a.ms).slice(0, 20);
  });
  // The worst burst counts: pauses under 1 s, 5 s in all.
  watch("layout-shift", ({ startTime: at, value, hadRecentInput }) => {
    if (hadRecentInput) return;
    if (at - last > 1e3 || at - begun > 5e3) (burst = 0), (begun = at);
    last = at;
    cls = max(cls, (burst += value));
  });
  onpagehide = document.onvisibilitychange = () => {
    onpagehide = document.onvisibilitychange = null;
    const ttfb = round(performance.getEntriesByType("navigation")[0].responseStart);
    // One in fifty may be slower.
    const inp = slow[(performance.interactionCount / 50) | 0]?.ms;
    navigator.sendBeacon("/api/vitals", JSON.stringify({ route, lcp, inp, cls: round(cls * 1e3), ttfb }));
  };
})();
