// How a page felt: figures sent once, when it is left for another page here or for good.
(() => {
  if (document.hidden) return; // Nobody waits.
  const { max, min, round } = Math;
  const kinds = PerformanceObserver.supportedEntryTypes;
  const takes = [];
  let route, sent, lcp, ttfb, cls, burst, begun, last, slow, before;
  const watch = (type, see) => {
    if (!kinds.includes(type)) return;
    const it = new PerformanceObserver((list) => list.getEntries().forEach(see));
    it.observe({ type, buffered: true, durationThreshold: 16 });
    takes.push(() => it.takeRecords().forEach(see));
  };
  const name = () => location.pathname.replace(/[0-9a-f-]{36}/, ":id");
  const begin = () => {
    route = name();
    // What a browser cannot see is NaN and not sent: to see nothing is something else.
    cls = kinds.includes("layout-shift") ? 0 : NaN;
    sent = burst = begun = last = 0;
    slow = [];
    before = performance.interactionCount;
  };
  const send = () => {
    takes.forEach((take) => take());
    if (sent++) return;
    // One in fifty may be slower; of many, most are too quick to be told.
    const inp = slow[min(slow.length - 1, ((performance.interactionCount - before) / 50) | 0)]?.ms;
    const figures = { lcp, inp, cls: round(cls * 1e3), ttfb };
    // Only of the page that was loaded.
    lcp = ttfb = NaN;
    if (Object.values(figures).some((it) => it >= 0))
      navigator.sendBeacon("/api/vitals", JSON.stringify({ route, ...figures }));
  };
  const turn = () => name() == route || (send(), begin());

  begin();
  ttfb = round(performance.getEntriesByType("navigation")[0]?.responseStart);
  watch("largest-contentful-paint", (it) => lcp != lcp || (lcp = round(it.startTime)));
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
  for (const way of ["pushState", "replaceState"]) {
    const plain = history[way];
    history[way] = (...to) => (plain.apply(history, to), turn());
  }
  onpopstate = turn;
  onpagehide = send;
  document.onvisibilitychange = () => document.hidden && send();
})();
