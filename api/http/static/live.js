// Brings a page up to date from the server, part by part, without loading it anew.

/** The page may not be read any more without signing in. */
export class SignedOut extends Error {}

/**
 * The page as it is now on the server, whatever its status: that something is absent is an answer.
 * Another page than the one that has the part is none.
 */
export async function fetchPage(lastId, part) {
  const address = new URL(location.href);
  address.searchParams.set("after", lastId);
  const answer = await fetch(address, { cache: "no-store" });
  if (answer.status === 401) throw new SignedOut();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!page.getElementById(part)) throw new Error(`the server answered ${answer.status}`);
  return page;
}

/** Put the server's newer form of a part into the page; the focus stays on the link that had it. */
export function replacePart(id, fresh) {
  const [old, part] = [document.getElementById(id), fresh.getElementById(id)];
  if (!old || !part) return;
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.replaceWith(part);
  if (focused) document.getElementById(focused)?.focus();
}

const FIRST_RETRY = 1000;
const LAST_RETRY = 15000;

/** Runs `work` once for many calls, and again until it succeeds; what is asked while it runs is asked anew. */
export class Once {
  constructor(work, { delay, rest }) {
    Object.assign(this, { work, delay, rest, timer: 0, isRunning: false, isOwed: false, busyUntil: 0, retry: FIRST_RETRY, waiting: [] });
  }

  /** Resolves when work that began after this was done; rejects where the user has to sign in. */
  ask(delay = this.delay) {
    if (this.isRunning) this.isOwed = true;
    else this.#plan(Math.max(delay, delay && this.busyUntil - performance.now()));
    const done = new Promise((resolve, reject) => {
      (this.isRunning ? (this.next ??= []) : this.waiting).push({ resolve, reject });
    });
    done.catch(() => {}); // for those who do not wait for it
    return done;
  }

  #plan(wait) {
    const at = performance.now() + wait;
    if (this.timer && this.at <= at) return;
    clearTimeout(this.timer);
    Object.assign(this, { at, timer: setTimeout(() => this.#run(), wait) });
  }

  async #run() {
    Object.assign(this, { timer: 0, isRunning: true });
    try {
      await this.work();
      this.retry = FIRST_RETRY;
      for (const { resolve } of this.waiting.splice(0)) resolve();
    } catch (error) {
      if (error instanceof SignedOut) for (const { reject } of this.waiting.splice(0)) reject(error);
      else this.#again();
    }
    Object.assign(this, { isRunning: false, busyUntil: performance.now() + this.rest });
    this.waiting.push(...(this.next ?? []));
    this.next = undefined;
    if (this.isOwed) this.#plan(this.rest);
    this.isOwed = false;
  }

  /** The page may be behind until it succeeds, and no event may come. */
  #again() {
    this.#plan(this.retry);
    this.retry = Math.min(2 * this.retry, LAST_RETRY);
  }
}
