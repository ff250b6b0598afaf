// How long ago something was, counted on while the page is open.

import { waited } from "./words.js";

setInterval(() => {
  if (document.hidden) return;
  for (const each of document.querySelectorAll("time.ago")) {
    const text = `${waited((Date.now() - Date.parse(each.dateTime)) / 1000)} ago`;
    if (each.textContent !== text) each.textContent = text;
  }
}, 1000);
