// The offline page: what is kept on this device, the questions that wait, and a place to ask one.

import { note, sendAgain, tell, thread } from "/offline.js";

const byId = (id) => document.getElementById(id);
/** Whose browser this is, as far as the worker knows; a page without the server cannot ask anybody else. */
const student = await tell({ type: "owner" }).catch(() => undefined);
// The answer to a log-out that the server did not hear of.
const isLeaving = location.pathname === "/logout";

byId("leaving").hidden = !isLeaving;
byId("away").hidden = isLeaving;
byId("kept-part").hidden = isLeaving;
byId("ask-part").hidden = !student;
byId("again").addEventListener("click", () => (isLeaving ? location.assign("/") : location.reload()));

/** A line of a list: what it is, and a button that takes it away. */
function entry(content, name, remove) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button quiet";
  button.textContent = "Remove";
  button.setAttribute("aria-label", `Remove ${name}`);
  button.addEventListener("click", remove);
  const line = document.createElement("li");
  line.append(...content, " ", button);
  return line;
}

async function showKept() {
  const lines = [];
  for (const name of (await caches.keys()).filter((name) => name.startsWith("kept-"))) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const copy = await cache.match(request);
      const link = document.createElement("a");
      link.href = new URL(request.url).pathname;
      link.textContent = new DOMParser().parseFromString(await copy.text(), "text/html").title;
      lines.push(entry([link], link.textContent, () => cache.delete(request).then(showKept)));
    }
  }
  byId("kept").replaceChildren(...lines);
  byId("nothing-kept").hidden = lines.length > 0;
}

async function showQuestions() {
  const questions = await tell({ type: "questions" }).catch(() => []);
  const lines = questions.map(({ id, message: { content }, problem }) => {
    const text = document.createElement("span");
    text.textContent = content;
    const why = document.createElement("span");
    why.className = "hint";
    why.textContent = problem ? ` Not taken: ${problem}` : "";
    return entry([text, why], `the question: ${content}`, () => tell({ type: "drop", id }).then(showQuestions));
  });
  byId("questions").replaceChildren(...lines);
  byId("nothing-waits").hidden = lines.length > 0;
}

byId("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const box = byId("question");
  const content = box.value.trim();
  if (!content) return;
  try {
    const message = { type: "user_message", content };
    await tell({ type: "ask", question: { id: crypto.randomUUID(), student, thread, message } });
    // What she has typed on meanwhile stays.
    if (box.value.trim() === content) box.value = "";
    note("Your question is kept on this device and asked when the connection is back.");
    sendAgain();
  } catch {
    note("No more questions can be kept. Your text stays in the box.");
  }
  await showQuestions();
});

navigator.serviceWorker?.addEventListener("message", showQuestions);
await showKept();
await showQuestions();
