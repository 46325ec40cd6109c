// Studyin's service worker: what the browser shows and keeps while the server is out of reach.
//
// It holds three things and nothing else:
// - public files: the shell of one build, and what its pages have loaded of the other files;
// - read-only copies of documents and conversations which a student chose to keep (offline.js puts them
//   into a cache that bears her id);
// - questions she asked while offline, until the coach has taken them.
// No other page and no answer of the server is ever kept.
//
// Who used this browser last is its owner. Her copies go when she logs out, when somebody else's page
// opens, and when the server makes a page for nobody: her session has ended then. Her questions go with
// the first two; after the third nobody sees them, and they wait until she signs in again.

// All are filled in by scripts/finish-site.mjs, so these bytes differ from build to build.
const BUILD = "development";
const SHELL = [];
/** What the built files among them must be, wherever they lie, as `integrity` says it. */
const CHECKSUMS = {};

const FILES = `shell-${BUILD}`;
/** Caches of copies are called this and the student's id. */
const KEPT = "kept-";
/** There is a cache of this name while the server does not know yet that the student has logged out. */
const LEAVING = "leaving";
const OFFLINE_PAGE = "/offline.html";
/** Where the built files lie, if not here: the page that registered this worker says so. */
const ASSETS = new URL(location.href).searchParams.get("assets") ?? location.origin;
/** Questions that may wait; more than anybody types on a train. */
const QUESTIONS_MAX = 20;
/** How long the network may take to bring a page before a copy of it is shown, in milliseconds. */
const PATIENCE_MS = 4_000;
/** Longest the coach may take to take up a question, in milliseconds; how long it writes is its own affair. */
const TAKING_MAX_MS = 60_000;
/** What the coach's refusals mean for a question; after any other it can be asked again later. */
const REFUSALS = { invalid: "refused", not_found: "refused", signed_out: "signed out" };
const SYNC = "questions";
const DATABASE = "studyin";
const TABLES = ["questions", "owner"];

self.addEventListener("install", (event) => {
  // What pages say goes past this worker, where the browser can do that: the last word of a page that is
  // being left is lost when a worker has to let it through first.
  const past = event.addRoutes?.({ condition: { urlPattern: "/api/*", requestMethod: "POST" }, source: "network" });
  past?.catch(() => undefined);
  event.waitUntil(fillShell());
});
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));

async function fillShell() {
  const cache = await caches.open(FILES);
  // Built files never change under their names, so what the page has just loaded serves again.
  const requests = SHELL.map((path) =>
    path.startsWith("/pkg/")
      ? new Request(ASSETS + path, { mode: "cors", credentials: "omit", integrity: CHECKSUMS[path] })
      : new Request(path, { cache: "no-cache" }),
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
    else if (isHere && url.pathname === "/logout" && isOurs(request)) event.respondWith(logOut(request));
  } else if (request.method === "GET") {
    const path = builtPath(url);
    if (path) event.respondWith(openFile(event, ASSETS + path, true));
    else if (isHere && SHELL.includes(url.pathname)) event.respondWith(openFile(event, url.pathname, false));
  }
});

/** Whether a page of ours leads here. A form of any other could wipe what she keeps; the server refuses those. */
function isOurs({ referrer }) {
  return referrer.startsWith(`${location.origin}/`);
}

async function openPage(event, { pathname }) {
  let waiting;
  const patience = new Promise((done) => (waiting = setTimeout(done, PATIENCE_MS)));
  try {
    const answer = answerOf(event, pathname);
    // Where she keeps no copy there is nothing but to wait on.
    return (await Promise.race([answer, patience.then(() => keptCopy(pathname))])) ?? (await answer);
  } catch {
    return (await keptCopy(pathname)) ?? (await caches.match(OFFLINE_PAGE)) ?? Response.error();
  } finally {
    clearTimeout(waiting);
  }
}

/** What the server answers; an error where none does. */
async function answerOf(event, pathname) {
  const [preloaded, isLeaving] = await Promise.all([event.preloadResponse, caches.has(LEAVING)]);
  if (isLeaving) await finishLogOut();
  const answer = (!isLeaving && preloaded) || (await fetch(event.request));
  if (isElsewheres(answer)) throw new Error(`status ${answer.status}`);
  if (answer.headers.get("x-session") === "none") event.waitUntil(seal());
  if (answer.status === 404) event.waitUntil(dropCopy(pathname));
  return answer;
}

/** Whether something on the way says that it finds no server; what the server itself says has its time on it. */
function isElsewheres({ status, headers }) {
  return (status >= 500 || status === 404) && !headers.has("x-response-time");
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
  // A style from elsewhere that nobody has checked could be anything.
  const isUnchecked = ASSETS !== location.origin && address.endsWith(".css") && !event.request.integrity;
  if (isUnchecked) return (await ownStyle(address)) ?? Response.error();
  const answer = await fetch(event.request).catch(() => Response.error());
  const isOpaque = answer.type === "opaque";
  if (!answer.ok && !isOpaque) return (await ownStyle(address)) ?? answer;
  if (isBuilt && !isOpaque) {
    const copy = answer.clone();
    event.waitUntil(caches.open(FILES).then((cache) => cache.put(address, copy)));
  }
  return answer;
}

/** This build's style, for a kept copy that outlived the build whose style it names. */
async function ownStyle(address) {
  const own = address.endsWith(".css") && SHELL.find((path) => path.endsWith(".css"));
  return own ? caches.match(ASSETS + own, { cacheName: FILES }) : undefined;
}

/** Leaves nothing of hers here, whether or not the server can be told now. */
async function logOut(request) {
  await forgetEverybody();
  try {
    const answer = await fetch(request);
    // The server sends who has logged out on to another page.
    if (!answer.ok && answer.type !== "opaqueredirect") throw new Error(`status ${answer.status}`);
    return answer;
  } catch {
    await caches.open(LEAVING);
    await self.registration.sync?.register(SYNC).catch(() => undefined);
    return (await caches.match(OFFLINE_PAGE)) ?? Response.error();
  }
}

async function finishLogOut() {
  const answer = await fetch("/logout", { method: "POST" });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  await caches.delete(LEAVING);
}

async function forgetEverybody() {
  await seal();
  await new Promise((done) => {
    const deleting = indexedDB.deleteDatabase(DATABASE);
    deleting.onsuccess = deleting.onerror = deleting.onblocked = done;
  });
}

/** Her session has ended: no copy stays, and nobody sees her questions. */
async function seal() {
  // The owner first: who puts a copy here looks afterwards whether it is still hers.
  await change("owner", (table) => table.clear());
  await forgetCopies(undefined);
}

/** Removes the copies of everybody, or of everybody else. */
async function forgetCopies(student) {
  for (const name of await caches.keys()) {
    if (name.startsWith(KEPT) && name !== KEPT + student) await caches.delete(name);
  }
}

async function dropCopy(path) {
  for (const name of await caches.keys()) {
    if (name.startsWith(KEPT)) await (await caches.open(name)).delete(path);
  }
}

// Pages talk to the worker: `hello` when they open, `ask` to leave a question, `send` when the
// connection seems to be back; the offline page lists what waits and takes it back.
self.addEventListener("message", (event) => {
  const { type, student, question, id } = event.data ?? {};
  const work = {
    hello: () => greet(student),
    owner,
    ask: () => leave(question),
    send: sendAll,
    questions: hers,
    drop: () => change("questions", (table) => table.delete(id)),
  }[type];
  if (!work) return;
  const answered = work().then(
    (value) => event.ports[0]?.postMessage({ value }),
    (error) => event.ports[0]?.postMessage({ error: String(error) }),
  );
  event.waitUntil(answered);
});

async function greet(student) {
  // This page came past the worker, before the server knew. What the server answers to a log-out may end the
  // worker, so the page tells it.
  if (await caches.has(LEAVING)) return "leaving";
  // A page that was on its way while the worker took over belongs to nobody yet.
  await self.clients.claim();
  await change("owner", (table) => table.put({ id: "student", student }), true);
  await forgetCopies(student);
  for (const question of await stored()) {
    if (question.student !== student) await change("questions", (table) => table.delete(question.id));
  }
}

async function owner() {
  return (await change("owner", (table) => table.get("student")))?.student;
}

async function tellPages(message) {
  for (const page of await self.clients.matchAll()) page.postMessage(message);
}

self.addEventListener("sync", (event) => {
  // The browser tries again after a failure.
  const all = async () => (await sendAll()) > 0 && Promise.reject(new Error("questions still wait"));
  if (event.tag === SYNC) event.waitUntil(all());
});

/**
 * Keeps a question: `{ id, student, thread, message }`, the message as the coach takes it. Questions of one
 * thread that begin a conversation begin the same one.
 */
async function leave(question) {
  if (question.student !== (await owner())) throw new Error("she has logged out");
  if ((await stored()).length >= QUESTIONS_MAX) throw new Error("too many questions wait");
  const kept = await change("questions", (table) => table.put({ ...question, at: Date.now() }));
  if (!kept) throw new Error("she has logged out");
  // Where there is no such thing, the page says when the connection is back.
  await self.registration.sync?.register(SYNC).catch(() => undefined);
}

/** The owner's questions, the oldest first; `problem` says why one was refused for good. */
async function hers() {
  const student = await owner();
  const questions = (await stored()).filter((question) => question.student === student);
  return questions.sort((one, other) => one.at - other.at);
}

/**
 * Asks what waits, the oldest first; one run at a time, however many pages want one. Answers how many
 * questions are worth another try soon.
 */
function sendAll() {
  return navigator.locks.request(SYNC, async () => {
    if (await caches.has(LEAVING)) await finishLogOut();
    const waiting = (await hers()).filter(({ problem }) => !problem);
    if (waiting.length === 0) return 0;
    const answer = await fetch("/api/fn/profile", { method: "POST" });
    if (!answer.ok) return waiting.length;
    if (!(await answer.json())) {
      await tellPages({ type: "signed out" });
      return 0;
    }
    let again = 0;
    for (const { id } of waiting) {
      // Meanwhile it may have been taken back, or somebody else have signed in.
      const question = (await hers()).find((question) => question.id === id);
      if (!question) continue;
      const outcome = await ask(question);
      if (outcome.type === "unreachable") return waiting.length;
      if (outcome.type === "later") again += 1;
      else await tellPages(outcome);
      if (outcome.type === "refused") {
        await change("questions", (table) => table.put({ ...question, problem: outcome.problem }));
      }
    }
    return again;
  });
}

/**
 * Asks the coach as a page does, and says what became of it: `answered`, `failed` or `cut` once the coach
 * has taken it, else `refused` for good, `signed out`, `later` or `unreachable`. The server knows the
 * question's id, so one that is asked again is not stored twice; it refuses one of another student.
 */
function ask(question) {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/chat/ws`);
    let conversation;
    let taken;
    const end = async (type, problem) => {
      clearTimeout(limit);
      socket.onclose = null;
      socket.close();
      await taken;
      resolve({ type, problem, conversation });
    };
    const limit = setTimeout(() => end("unreachable"), TAKING_MAX_MS);
    socket.onopen = () => {
      socket.send(JSON.stringify({ ...question.message, client_id: question.id, user_id: question.student }));
    };
    socket.onclose = () => end(conversation ? "cut" : "unreachable");
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.type === "context") {
        clearTimeout(limit);
        conversation = event.conversation_id;
        taken = take(question, conversation);
      }
      if (event.type === "complete") end("answered");
      if (event.type === "error") end(conversation ? "failed" : (REFUSALS[event.error.kind] ?? "later"), event.error.message);
    };
  });
}

/** The coach has it: it waits no longer, and the rest of its thread follows it into its conversation. */
async function take(question, conversation) {
  await change("questions", (table) => table.delete(question.id));
  for (const other of await stored()) {
    if (other.message.conversation_id || other.thread !== question.thread) continue;
    const message = { ...other.message, conversation_id: conversation };
    await change("questions", (table) => table.put({ ...other, message }));
  }
}

async function stored() {
  return (await change("questions", (table) => table.getAll())) ?? [];
}

/** One request to a table. Where there is no database there is nothing to find; only `isKeeping` makes one. */
function change(table, request, isKeeping = false) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 2);
    let isAbsent = false;
    opening.onupgradeneeded = ({ oldVersion }) => {
      isAbsent = oldVersion === 0 && !isKeeping;
      if (isAbsent) return opening.transaction.abort();
      const missing = TABLES.filter((name) => !opening.result.objectStoreNames.contains(name));
      for (const name of missing) opening.result.createObjectStore(name, { keyPath: "id" });
    };
    opening.onerror = () => (isAbsent ? resolve(undefined) : reject(opening.error));
    opening.onsuccess = () => {
      const base = opening.result;
      const work = base.transaction(table, "readwrite");
      const made = request(work.objectStore(table));
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
