// Writes to the API: as the user whom a proxy names, or who is signed in; else one signs in first.

const NOT_KNOWN = "Authentication credentials were not provided.";

const dialog = document.getElementById("sign-in");

let signedIn = false;
let asking = null;

/** Let the reader sign in, once for all who want it; gives whether somebody is known now. */
function signIn() {
  asking ??= ask().finally(() => (asking = null));
  return asking;
}

async function ask() {
  if (!dialog) return false; // came by a proxy that passes no cookie on
  let problem = "";
  for (;;) {
    const token = await entered(problem);
    if (!token) return false;
    const answer = await send(dialog.dataset.path, { token });
    if (answer.isGood) return (signedIn = true);
    problem = answer.reason;
  }
}

/** The token that was entered; empty where the dialog was cancelled. */
function entered(problem) {
  const input = dialog.querySelector("input");
  const shown = dialog.querySelector(".problem");
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
      resolve(dialog.returnValue === "use" ? value : "");
    }, { once: true });
  });
}

/** Make sure that somebody is known who writes; gives whether. `caller` is the page's. */
export async function mayWrite(caller) {
  return caller.is_known || signedIn || signIn();
}

/** An answer to a write: its status (0: none came), its JSON, and its refusal in words. */
export class Answer {
  constructor(status, body) {
    Object.assign(this, { status, body });
  }

  get isGood() {
    return this.status >= 200 && this.status < 300;
  }

  get isUnknown() {
    return [401, 403].includes(this.status) && this.body?.detail === NOT_KNOWN;
  }

  get reason() {
    if (!this.status) return "The server does not answer; try again.";
    const { detail, error } = this.body ?? {};
    if (detail || error) return String(detail ?? error);
    const fields = Object.entries(this.body ?? {}).map(([name, texts]) => `${name}: ${[texts].flat().join(" ")}`);
    return fields.join("; ") || `The server answered ${this.status}.`;
  }
}

/** POST `body` to `path`; where the session has ended meanwhile, one signs in anew. */
export function post(path, body = {}) {
  return write("POST", path, body);
}

/** The same, by any method. */
export async function write(method, path, body = {}) {
  for (;;) {
    const answer = await send(path, body, method);
    if (!answer.isUnknown || !(await signIn())) return answer;
  }
}

/** GET JSON as whoever is known. */
export async function read(path) {
  const answer = await fetch(path, { cache: "no-store" });
  const body = await answer.json().catch(() => null);
  if (answer.ok) return body;
  throw new Error(new Answer(answer.status, body).reason);
}

async function send(path, body, method = "POST") {
  try {
    const answer = await fetch(path, {
      method,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      redirect: "error",
    });
    return new Answer(answer.status, await answer.json().catch(() => null));
  } catch {
    return new Answer(0, null);
  }
}
