// Studyin's service worker: what the browser shows and keeps while the server is out of reach.
//
// It holds three things and nothing else:
// - public files: the shell of one build, and the files under /pkg that its pages have asked for;
// - read-only copies of documents and conversations which a student chose to keep (offline.js puts them
//   into a cache that bears her id);
// - questions she asked while offline, until they can be sent.
// No other page and no answer of the server is ever kept. Logging out removes what is private, and so
// does the first page of somebody else.

// Both are filled in by scripts/finish-site.mjs, so these bytes differ from build to build.
const BUILD = "development";
const SHELL = [];

const FILES = `shell-${BUILD}`;
/** Caches of copies are called this and the student's id. */
const KEPT = "kept-";
const OFFLINE_PAGE = "/offline.html";
/** Where the built files lie, if not here: the page that registered this worker says so. */
const ASSETS = new URL(location.href).searchParams.get("assets") ?? location.origin;
/** Questions that may wait; more than anybody types on a train. */
const QUESTIONS_MAX = 20;
/** Longest an answer may take, in milliseconds, before the next question is asked. */
const ANSWER_MAX_MS = 120_000;
const SYNC = "questions";
const DATABASE = "studyin";

self.addEventListener("install", (event) => event.waitUntil(fillShell()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));

async function fillShell() {
  const cache = await caches.open(FILES);
  // Built files never change under their names, so what the page has just loaded serves again.
  const requests = SHELL.map((path) =>
    path.startsWith("/pkg/") ? new Request(ASSETS + path, { mode: "cors", credentials: "omit" }) : new Request(path, { cache: "no-cache" }),
  );
  await cache.addAll(requests);
}

// A new build waits until no page of the old one is open (nothing here skips that wait), so the old
// one's files stay as long as anybody needs them.
async function takeOver() {
  for (const name of await caches.keys()) {
    if (name.startsWith("shell-") && name !== FILES) await caches.delete(name);
  }
  await self.registration.navigationPreload?.enable();
  await self.clients.claim();
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const isHere = url.origin === location.origin;
  if (request.mode === "navigate") {
    if (isHere && request.method === "GET") event.respondWith(openPage(event, url));
    // The browser sends it itself, so that it also obeys the answer's Clear-Site-Data. Who wants to log
    // out has nothing left here even if the server could not be told.
    else if (isHere && url.pathname === "/logout") event.waitUntil(forgetEverybody());
  } else if (request.method === "GET") {
    const path = builtPath(url);
    if (path) event.respondWith(openFile(event, ASSETS + path, true));
    else if (isHere && SHELL.includes(url.pathname)) event.respondWith(openFile(event, url.pathname, false));
  }
});

async function openPage(event, url) {
  try {
    return (await event.preloadResponse) ?? (await fetch(event.request));
  } catch {
    return (await keptCopy(url.pathname)) ?? (await caches.match(OFFLINE_PAGE)) ?? Response.error();
  }
}

async function keptCopy(path) {
  for (const name of await caches.keys()) {
    if (!name.startsWith(KEPT)) continue;
    const copy = await caches.match(path, { cacheName: name });
    if (copy) return copy;
  }
}

/** The path of a built file, wherever it lies; nothing for any other address. */
function builtPath({ href }) {
  const home = [ASSETS, location.origin].find((home) => href.startsWith(`${home}/pkg/`));
  return home && href.slice(home.length);
}

async function openFile(event, address, isBuilt) {
  const kept = await caches.match(address, { cacheName: FILES, ignoreVary: true });
  if (kept) return kept;
  const answer = await fetch(event.request).catch(() => Response.error());
  if (isBuilt && answer.ok && answer.type !== "opaque") {
    const copy = answer.clone();
    event.waitUntil(caches.open(FILES).then((cache) => cache.put(address, copy)));
  }
  // A copy outlives the build whose style it names.
  const style = SHELL.find((path) => path.endsWith(".css"));
  if (!answer.ok && answer.type !== "opaque" && style && address.endsWith(".css")) {
    return (await caches.match(ASSETS + style, { cacheName: FILES })) ?? answer;
  }
  return answer;
}

async function forgetEverybody() {
  await forgetAllBut(undefined);
  indexedDB.deleteDatabase(DATABASE);
}

/** Removes what is private, of everybody or of everybody else. */
async function forgetAllBut(student) {
  for (const name of await caches.keys()) {
    if (name.startsWith(KEPT) && name !== KEPT + student) await caches.delete(name);
  }
  for (const question of await stored()) {
    if (question.student !== student) await change((store) => store.delete(question.id));
  }
}

// Pages talk to the worker: `hello` when they open, `ask` to leave a question, `send` when the
// connection seems to be back.
self.addEventListener("message", (event) => {
  const { type, student, question } = event.data ?? {};
  const work = { hello: () => greet(student), ask: () => leave(question), send: sendAll }[type];
  if (!work) return;
  const answered = work().then(
    (value) => event.ports[0]?.postMessage({ value }),
    (error) => event.ports[0]?.postMessage({ error: String(error) }),
  );
  event.waitUntil(answered);
});

async function greet(student) {
  // A page that was on its way while the worker took over belongs to nobody yet.
  await self.clients.claim();
  await forgetAllBut(student);
}

self.addEventListener("sync", (event) => {
  if (event.tag === SYNC) event.waitUntil(sendAll());
});

/** Keeps a question: `{ student, conversation, content, filter }`. */
async function leave(question) {
  const waiting = await stored();
  if (waiting.length >= QUESTIONS_MAX) throw new Error("too many questions wait");
  await change((store) => store.add({ ...question, id: crypto.randomUUID(), at: Date.now() }));
  // Where there is no such thing, the page says when the connection is back.
  await self.registration.sync?.register(SYNC).catch(() => undefined);
  return waiting.length + 1;
}

/** Sends what waits, the oldest first; one run at a time, however many pages ask for it. */
function sendAll() {
  return navigator.locks.request(SYNC, async () => {
    const waiting = (await stored()).sort((one, other) => one.at - other.at);
    if (waiting.length === 0) return 0;
    // Somebody else may have signed in meanwhile.
    const profile = await fetch("/api/fn/profile", { method: "POST" }).then((answer) => answer.json());
    for (const question of waiting) {
      if (question.student !== profile?.id) continue;
      const outcome = await ask(question);
      await change((store) => store.delete(question.id));
      for (const client of await self.clients.matchAll()) client.postMessage({ type: "answered", ...outcome });
    }
    return waiting.length;
  });
}

/** Asks the coach as a page does. Fails while the question is not stored there, else says what became of it. */
function ask({ conversation, content, filter }) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/chat/ws`);
    let found = null;
    const end = (settle, value) => {
      clearTimeout(limit);
      socket.close();
      settle(value);
    };
    const lost = () => (found ? end(resolve, { conversation: found }) : end(reject, new Error("the coach cannot be reached")));
    const limit = setTimeout(lost, ANSWER_MAX_MS);
    socket.onopen = () =>
      socket.send(JSON.stringify({ type: "user_message", conversation_id: conversation ?? null, content, filter: filter ?? {} }));
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.type === "context") found = event.conversation_id;
      if (event.type === "complete") end(resolve, { conversation: found });
      // A question that is refused for good is told and not asked again; one that was too early is.
      if (event.type === "error") {
        const isRefused = found || ["invalid", "not_found"].includes(event.error.kind);
        if (isRefused) end(resolve, { conversation: found, problem: event.error.message });
        else end(reject, new Error(event.error.message));
      }
    };
    socket.onclose = lost;
  });
}

function stored() {
  return change((store) => store.getAll());
}

/** One request to the table of questions. */
function change(request) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("questions", { keyPath: "id" });
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const base = opening.result;
      const work = base.transaction("questions", "readwrite");
      const made = request(work.objectStore("questions"));
      work.oncomplete = () => {
        base.close();
        resolve(made.result);
      };
      work.onabort = () => {
        base.close();
        reject(work.error);
      };
    };
  });
}
