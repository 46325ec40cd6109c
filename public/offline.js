// What a page does for the time without a connection: registers the service worker, keeps copies for a
// student who chose to, hands questions over, and says what became of them. Copies and the offline page
// load it too. It knows no page's inside; a page says `<keep-offline data-address data-copy>` or sends the event
// `studyin:ask`.

/** Copies one student may keep; a few hundred kilobytes each at most. */
const COPIES_MAX = 60;

const student = document.querySelector('meta[name="student"]')?.content;
const assets = document.querySelector('meta[name="assets"]')?.content;
const workers = navigator.serviceWorker;

if (workers) {
  workers.addEventListener("message", ({ data }) => data.type === "answered" && tellAnswer(data));
  // The first page's own files come first.
  if (document.readyState === "complete") start();
  else addEventListener("load", start, { once: true });
}

async function start() {
  try {
    await workers.register(assets ? `/sw.js?assets=${encodeURIComponent(assets)}` : "/sw.js");
    if (student) await tell({ type: "hello", student });
    send();
  } catch {
    // Without a worker everything works but this; some browsers refuse one in private windows.
    return;
  }
  addEventListener("online", send);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && send());
  document.documentElement.dataset.offlineReady = "true";
}

const send = () => {
  if (navigator.onLine) tell({ type: "send" }).catch(() => undefined);
};

/** Sends the worker a message and waits for its answer. */
async function tell(message) {
  const { active } = await workers.ready;
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => ("error" in data ? reject(new Error(data.error)) : resolve(data.value));
    active.postMessage(message, [port2]);
  });
}

// A page that cannot reach the coach sends this; who takes the question prevents the event's default.
document.addEventListener("studyin:ask", (event) => {
  if (navigator.onLine || !student || !workers?.controller) return;
  event.preventDefault();
  tell({ type: "ask", question: { student, ...event.detail } }).then(
    () => note("You are offline. Your question is kept on this device and asked when the connection is back."),
    () => note("You are offline, and no more questions can be kept. Ask this one again when the connection is back."),
  );
});

function tellAnswer({ conversation, problem }) {
  if (problem) note(`A question you asked offline was not answered: ${problem}`);
  else note("The question you asked offline is answered.", `/coach/${conversation}`, "Read the answer");
}

/** Says something at the foot of the page until the next thing is said. */
function note(text, address, label) {
  const place = document.querySelector(".offline-note") ?? document.createElement("p");
  place.className = "offline-note";
  place.setAttribute("role", "status");
  document.body.append(place);
  place.replaceChildren(text);
  if (!address) return;
  const link = document.createElement("a");
  link.href = address;
  link.rel = "external";
  link.textContent = label;
  place.append(" ", link);
}

// The switch that keeps a copy of `data-address` as the server words it at `data-copy`.
class KeepOffline extends HTMLElement {
  static observedAttributes = ["data-address"];

  connectedCallback() {
    if (!student || !workers || !("caches" in window)) return;
    this.box ??= this.draw();
    this.look();
  }

  attributeChangedCallback() {
    if (this.box) this.look();
  }

  draw() {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.setAttribute("role", "switch");
    box.addEventListener("change", () => this.choose(box.checked));
    const label = document.createElement("label");
    label.append(box, " Keep offline");
    this.replaceChildren(label);
    return box;
  }

  async look() {
    const { address } = this.dataset;
    // A conversation that has not begun has no address yet.
    this.hidden = !address;
    if (!address) return;
    const copy = await caches.match(address, { cacheName: `kept-${student}` });
    this.box.checked = copy !== undefined;
  }

  async choose(isWanted) {
    const { address, copy } = this.dataset;
    // The switch shows what is so, not what is wished.
    this.box.checked = !isWanted;
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      const cache = await caches.open(`kept-${student}`);
      if (!isWanted) await cache.delete(address);
      else if ((await cache.keys()).length >= COPIES_MAX) note(`You keep ${COPIES_MAX} copies already. Take one away first.`);
      else {
        const answer = await fetch(copy);
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        await cache.put(address, answer);
      }
    } catch {
      note("That could not be kept. Try again when the connection is back.");
    }
    this.isBusy = false;
    await this.look();
  }
}
customElements.define("keep-offline", KeepOffline);

// The offline page lists what was kept.
const list = document.querySelector("#kept");
if (list && "caches" in window) {
  for (const name of (await caches.keys()).filter((name) => name.startsWith("kept-"))) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const copy = await cache.match(request);
      const title = new DOMParser().parseFromString(await copy.text(), "text/html").title;
      const link = document.createElement("a");
      link.href = new URL(request.url).pathname;
      link.textContent = title;
      const entry = document.createElement("li");
      entry.append(link);
      list.append(entry);
    }
  }
  document.querySelector("#nothing-kept").hidden = list.children.length > 0;
  document.querySelector("#again").addEventListener("click", () => location.reload());
}
