// Fetches a page's own files as soon as its link is pointed at, touched or focused: the third of a second
// before the click is then not lost. It knows the list of files that the build has written, and nothing
// of what is in them.

const named = (name) => document.querySelector(`meta[name="${name}"]`)?.content;
/** What a page needs beside its WASM. */
const EXTRAS = { analytics: [named("charts")] };

const list = named("chunks");
/** The page's own files are there. */
const begun = new Set([pageOf(location)]);
let files;
/** Whether the server has a newer build by now, and not the files of this page's any more. */
let isOld = false;

async function fetchAhead(event) {
  const link = event.target.closest?.("a[href^='/']");
  if (!list || !link || navigator.connection?.saveData) return;
  await fetchFor(link);
  // The browser itself follows the link then, and loads the newer build.
  if (isOld) link.rel = "external";
}

function pageOf({ pathname }) {
  const [, part, rest] = pathname.split("/");
  return part === "library" && rest ? "reader" : part;
}

async function fetchFor(link) {
  const page = pageOf(link);
  if (begun.has(page)) return;
  begun.add(page);
  try {
    files ??= await fetched(list).then((answer) => answer.json());
    const route = Object.keys(files).find((name) => name.startsWith(`__${page}_route_view`));
    if (!route) return;
    const built = files[route].map((name) => new URL(`${name}.wasm`, new URL(list, location.href)));
    // The browser keeps built files for good, so the page finds them there. Failing costs nothing.
    await Promise.all([...built, ...(EXTRAS[page] ?? [])].map(fetched));
  } catch {
    begun.delete(page);
  }
}

async function fetched(address) {
  const answer = await fetch(address);
  isOld ||= answer.status === 404;
  return answer;
}

for (const type of ["pointerover", "touchstart", "focusin"]) {
  document.addEventListener(type, fetchAhead, { passive: true });
}
