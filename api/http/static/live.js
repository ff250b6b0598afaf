// Brings a page up to date from the server, part by part, without loading it anew.

/** The page may not be read any more without signing in. */
export class SignedOut extends Error {}

/** The page as it is now on the server: fetched once for an event that asks for it, not by the clock. */
export async function fetchPage(lastId) {
  const address = new URL(location.href);
  address.searchParams.set("after", lastId);
  const answer = await fetch(address, { cache: "no-store" });
  if (answer.status === 401) throw new SignedOut();
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** Put the server's newer form of a part into the page; the focus stays on the link that had it. */
export function replacePart(id, fresh) {
  const [old, part] = [document.getElementById(id), fresh.getElementById(id)];
  if (!old || !part) return;
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.replaceWith(part);
  if (focused) document.getElementById(focused)?.focus();
}

/** Runs `work` once for many calls: a moment after the first, and not again too soon. */
export class Once {
  constructor(work, { delay, rest }) {
    Object.assign(this, { work, delay, rest, timer: 0, busyUntil: 0 });
  }

  ask(delay = this.delay) {
    if (this.timer) return;
    const wait = Math.max(delay, this.busyUntil - performance.now());
    this.timer = setTimeout(async () => {
      await this.work();
      this.timer = 0;
      this.busyUntil = performance.now() + this.rest;
    }, wait);
  }
}
