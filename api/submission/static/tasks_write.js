// Writes to the API: as the user whom a proxy names, else with a token that the tab keeps.

const KEY = "prodops-token";
const NOT_KNOWN = new Set(["Authentication credentials were not provided.", "Invalid token."]);

const dialog = document.getElementById("token-dialog");

function kept() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // storage is forbidden: the token is asked for each time
  }
}

let token = kept();

function keep(value) {
  token = value;
  try {
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
  } catch {
    // kept by this page only
  }
  showKept();
}

/** Say that a token is kept; to be called again when the part of the page that says it is new. */
export function showKept() {
  const place = document.getElementById("token-kept");
  if (place) place.hidden = !token;
}

document.addEventListener("click", ({ target }) => target.id === "token-forget" && keep(""));
showKept();

/** What identifies the caller; nothing where a proxy or the cookie does. */
function identity() {
  return token ? { Authorization: `Token ${token}` } : {};
}

let asking = null;

/** Ask for a token, once for all who want one; gives whether there is one now. */
function askForToken(problem) {
  asking ??= ask(problem).finally(() => (asking = null));
  return asking;
}

function ask(problem) {
  if (!dialog) return Promise.resolve(false); // came by a proxy that passes no token on
  const input = dialog.querySelector("input");
  const shown = document.getElementById("token-problem");
  shown.textContent = problem;
  shown.hidden = !problem;
  input.value = "";
  dialog.returnValue = "cancel";
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const value = input.value.trim();
      input.value = "";
      const isGiven = dialog.returnValue === "use" && /^[\x21-\x7e]+$/.test(value);
      if (isGiven) keep(value);
      resolve(isGiven);
    }, { once: true });
  });
}

/** Make sure that somebody is known who may write; gives whether. `caller` is the page's. */
export async function mayWrite(caller) {
  return caller.may_write || Boolean(token) || askForToken("");
}

/** An answer to a write: its status (0: none came), its JSON, and its refusal in words. */
export class Answer {
  constructor(status, body) {
    Object.assign(this, { status, body });
  }

  get isGood() {
    return this.status >= 200 && this.status < 300;
  }

  get reason() {
    if (!this.status) return "The server does not answer; try again.";
    const { detail, error } = this.body ?? {};
    if (detail || error) return String(detail ?? error);
    const fields = Object.entries(this.body ?? {}).map(([name, texts]) => `${name}: ${[texts].flat().join(" ")}`);
    return fields.join("; ") || `The server answered ${this.status}.`;
  }
}

/** POST `body` to `path`; asks for a token where the API wants to know who writes. */
export async function post(path, body = {}) {
  for (;;) {
    const answer = await send(path, body);
    if (!isUnknown(answer.status, answer.body) || !(await askAnew())) return answer;
  }
}

/** GET JSON as who writes; asks for a token where the kept one is not good. */
export async function read(path) {
  for (;;) {
    const answer = await fetch(path, { cache: "no-store", headers: identity() });
    const body = await answer.json().catch(() => null);
    if (answer.ok) return body;
    if (!isUnknown(answer.status, body) || !(await askAnew())) throw new Error(new Answer(answer.status, body).reason);
  }
}

const isUnknown = (status, body) => [401, 403].includes(status) && NOT_KNOWN.has(body?.detail);

function askAnew() {
  if (asking) return asking;
  const problem = token ? "That token is not known here, or it was revoked." : "";
  keep("");
  return askForToken(problem);
}

async function send(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...identity() },
      body: JSON.stringify(body),
      redirect: "error",
    });
    return new Answer(answer.status, await answer.json().catch(() => null));
  } catch {
    return new Answer(0, null);
  }
}
