// The page of the system: fetched anew after events, and by the clock for what is no event.

import "./ages.js";
import { keepFolds } from "./folds.js";
import { LivePage } from "./follow.js";
import { mayWrite, post } from "./tasks_write.js";

const LOOK = 10000; // heartbeats, and messages that are set aside, are no events
const page = JSON.parse(document.getElementById("page").textContent);
const byId = (id) => document.getElementById(id);

const live = new LivePage({
  parts: ["live"],
  types: page.types,
  renew: (fresh) => {
    const complaint = byId("refused").textContent;
    keepFolds(() => live.replace(fresh));
    complain(complaint);
  },
  waits: true,
});
setInterval(() => document.hidden || live.ask(), LOOK);

async function settle(button) {
  const { settle: decision, message, confirm: question } = button.dataset;
  if (question && !confirm(question)) return;
  if (!(await mayWrite(page.caller))) return;
  complain("");
  button.disabled = true;
  const answer = await post(page.settle, { message: Number(message), decision });
  button.disabled = false;
  if (answer.isGood) byId("said").textContent = `Message ${message}: request ${answer.body.request_id} is accepted`;
  else complain(answer.reason);
  await live.noteAsked();
}

function complain(text) {
  byId("refused").textContent = text;
  byId("refused").hidden = !text;
}

document.addEventListener("click", ({ target }) => target.dataset?.settle && settle(target));
