// What a page does for the time without a connection: registers the service worker, keeps copies for a
// student who chose to, hands questions over, says what became of them, and opens pages the long way when
// that is the only one. Copies and the offline page load it too. It knows no page's inside; a page says
// `<keep-offline data-address>` or sends `studyin:ask`, and `studyin:live` for what it hears.

/** Copies one student may keep; a few hundred kilobytes each at most. */
const COPIES_MAX = 60;
/** Longest the server may take to say that it is there, in milliseconds. */
const PROBE_MS = 3_000;
/** Waits before questions are sent again, in milliseconds; then the next focus is waited for. */
const WAITS_MS = [2_000, 10_000, 30_000, 120_000];

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content;
const student = meta("student");
/** The cache of her copies. */
const KEPT = `kept-${student}`;
const workers = navigator.serviceWorker;
/** Whether this is one of the app's own pages, and no copy. */
const isApp = meta("chunks") !== undefined;
/** Questions of one page view that begin a conversation begin the same one. */
export const thread = Math.random().toString(36).slice(2);

/** Settles when the worker knows this page. */
const started = workers ? loaded().then(start) : Promise.reject(new Error("no worker"));
// Without a worker everything works but this; some browsers refuse one in private windows.
started.catch(() => undefined);

// The first page's own files come first.
function loaded() {
  return new Promise((resolve) => {
    if (document.readyState === "complete") resolve();
    else addEventListener("load", resolve, { once: true });
  });
}

async function start() {
  const assets = meta("assets");
  if (isApp) await workers.register(assets ? `/sw.js?assets=${encodeURIComponent(assets)}` : "/sw.js");
  else if (!(await workers.getRegistration())) throw new Error("no worker");
  await workers.ready;
  if (isApp && student && (await tell({ type: "hello", student })) === "leaving") return logOut();
  workers.addEventListener("message", ({ data }) => hear(data));
  for (const type of ["online", "focus"]) addEventListener(type, sendAgain);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && sendAgain());
  sendAgain();
  await tellRefused();
  document.documentElement.dataset.offlineReady = "true";
}

/** Makes up for a log-out the server could not be told of. */
async function logOut() {
  await fetch("/logout", { method: "POST" });
  location.reload();
}

/** Sends the worker a message and waits for its answer. */
export async function tell(message) {
  const worker = (await workers?.getRegistration())?.active;
  if (!worker) throw new Error("no worker");
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => ("error" in data ? reject(new Error(data.error)) : resolve(data.value));
    worker.postMessage(message, [port2]);
  });
}

let tries = 0;
let retry;

/** Has what waits sent now, and a few times more. */
export function sendAgain() {
  tries = 0;
  send();
}

/** Has the worker send what waits. Right after a connection is back there is often no name service yet. */
async function send() {
  clearTimeout(retry);
  const again = await tell({ type: "send" }).catch(() => 1);
  if (again > 0 && tries < WAITS_MS.length) retry = setTimeout(send, WAITS_MS[tries++]);
}

function hear({ type, problem, conversation }) {
  const answer = [`/coach/${conversation}`, "Read the answer"];
  if (type === "answered") note("The question you asked offline is answered.", ...answer);
  if (type === "failed") note(`The question you asked offline was asked, but not answered: ${problem}`, ...answer);
  if (type === "cut") note("The question you asked offline was asked, but the connection was lost before the answer ended.", ...answer);
  if (type === "signed out") note("A question you asked offline is waiting. Sign in to have it asked.", "/login", "Sign in");
  if (type === "refused") tellRefused();
}

/** Shows a question that was refused for good, until she takes it away. */
async function tellRefused() {
  const questions = await tell({ type: "questions" }).catch(() => []);
  const refused = questions.find(({ problem }) => problem);
  // The offline page lists them all.
  if (!refused || document.querySelector("#questions")) return;
  const place = note(`A question you asked offline was not taken: “${refused.message.content}” ${refused.problem}`);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button quiet";
  button.textContent = "Remove";
  button.addEventListener("click", async () => {
    place.remove();
    await tell({ type: "drop", id: refused.id }).catch(() => undefined);
    await tellRefused();
  });
  place.append(" ", button);
}

let isReachable = true;

/** Whether the server answers. A browser without a network says that it is offline, also to who runs the server herself. */
async function probe() {
  const asked = fetch("/health/live", { cache: "no-store", signal: AbortSignal.timeout(PROBE_MS) });
  isReachable = await asked.then(({ ok }) => ok, () => false);
  return isReachable;
}
for (const type of ["online", "offline"]) addEventListener(type, probe);
if (!navigator.onLine) probe();

// A page whose line to the coach is not open sends this, and is told what becomes of the question: "kept",
// "refused", or "ask" when the server can be reached.
document.addEventListener("studyin:ask", ({ detail }) => {
  if ((navigator.onLine && detail.open) || !student || !workers?.controller) return;
  detail.taken = take(JSON.parse(detail.message));
});

async function take(message) {
  if (await probe()) return "ask";
  try {
    await tell({ type: "ask", question: { id: message.client_id, student, thread, message } });
    note("You are offline. Your question is kept on this device and asked when the connection is back.");
    // The server may be back before anything else says so.
    sendAgain();
    return "kept";
  } catch {
    note("You are offline, and no more questions can be kept. Ask this one again when the connection is back.");
    return "refused";
  }
}

// What a page hears of the server, by name; "lost" when it hears no more.
document.addEventListener("studyin:live", async ({ detail: { name, data } }) => {
  if (name === "lost") return probe();
  if (name === "hello" || name === "resync") {
    isReachable = true;
    started.then(sendAgain, () => undefined);
  }
  if (!("caches" in window)) return;
  const { id, state } = JSON.parse(data || "{}");
  const address = `/${name.startsWith("material") ? "library" : "coach"}/${id}`;
  if (name.endsWith("_deleted")) await dropCopy(address);
  if (name === "material" && state.stage === "ready") await completeCopy(address);
  // What happened while nobody listened.
  if (name === "resync") for (const place of document.querySelectorAll("keep-offline")) place.look();
});

/** Where the last click on a link leads. */
let target;

// Links change the page without loading one. That fails where the server cannot be reached, and so does a
// part of a page which only the last build had; the worker and the server know better what to show.
addEventListener(
  "click",
  (event) => {
    const link = event.target.closest?.("a[href]");
    const isPlain = !(event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !isPlain || link.origin !== location.origin || link.target || link.download) return;
    target = link.href;
    const isElsewhere = link.pathname !== location.pathname || link.search !== location.search;
    if (isReachable || !isElsewhere) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    location.assign(target);
  },
  { capture: true },
);

/** After this nothing on the page works any more; so the click that led here is followed. */
function follow(error) {
  if (!(error instanceof WebAssembly.RuntimeError) || !target) return;
  location.assign(target);
  target = undefined;
}
addEventListener("error", ({ error }) => follow(error));
addEventListener("unhandledrejection", ({ reason }) => follow(reason));

/** Says something at the foot of the page until the next thing is said. */
export function note(text, address, label) {
  const place = document.querySelector(".offline-note") ?? document.createElement("p");
  place.className = "offline-note";
  place.setAttribute("role", "status");
  document.body.append(place);
  place.replaceChildren(text);
  if (address) {
    const link = document.createElement("a");
    link.href = address;
    link.rel = "external";
    link.textContent = label;
    place.append(" ", link);
  }
  return place;
}

async function dropCopy(address) {
  // Opening a cache makes it.
  if (await caches.has(KEPT)) await (await caches.open(KEPT)).delete(address);
}

const copyOf = (address) => caches.match(address, { cacheName: KEPT });

/** Renews a copy that was made while its document was still being read; fails silently, to be tried again. */
async function completeCopy(address) {
  await navigator.locks.request(`copy ${address}`, async () => {
    if ((await copyOf(address))?.headers.get("x-copy") !== "incomplete") return;
    const answer = await fetchCopy(address).catch(() => undefined);
    // It may have been given up meanwhile.
    if (answer && (await copyOf(address))) await keepCopy(address, answer).catch(() => undefined);
  });
}

/** A page as the server words it for keeping. */
async function fetchCopy(address) {
  const answer = await fetch(`/copies${address}`);
  if (answer.ok && !answer.redirected) return answer;
  throw Object.assign(new Error("no copy"), { status: answer.redirected ? 401 : answer.status });
}

async function keepCopy(address, answer) {
  const copies = await caches.open(KEPT);
  try {
    await copies.put(address, answer);
    // She may have logged out in another tab meanwhile.
    if ((await tell({ type: "owner" }).catch(() => undefined)) === student) return;
    await copies.delete(address);
    throw Object.assign(new Error("she has logged out"), { status: 401 });
  } finally {
    if ((await copies.keys()).length === 0) await caches.delete(KEPT);
  }
}

/** Why a copy could not be kept, and what to do about it. */
function whyNot({ name, status }) {
  if (name === "QuotaExceededError") return "There is no room on this device for another copy. Take one away first.";
  if (status === 401) return "You are logged out. Log in to keep a copy.";
  if (status === 404) return "This is no longer there, so no copy of it can be kept.";
  return "That could not be kept. Try again when the connection is back.";
}

// The switch that keeps a copy of the page at `data-address`.
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
    this.box.checked = (await copyOf(address)) !== undefined;
    await completeCopy(address);
  }

  async choose(isWanted) {
    const { address } = this.dataset;
    // The switch shows what is so, not what is wished.
    this.box.checked = !isWanted;
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      await (isWanted ? this.keep(address) : dropCopy(address));
    } catch (error) {
      note(whyNot(error));
    }
    this.isBusy = false;
    await this.look();
  }

  async keep(address) {
    await started;
    const answer = await fetchCopy(address);
    const copies = await (await caches.open(KEPT)).keys();
    if (copies.length >= COPIES_MAX) return note(`You keep ${COPIES_MAX} copies already. Take one away first.`);
    await keepCopy(address, answer);
  }
}
customElements.define("keep-offline", KeepOffline);
