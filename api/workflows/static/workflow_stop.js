// The buttons that stop an execution, on the list and on its own page.

import { mayWrite, post } from "./tasks_write.js";

const byId = (id) => document.getElementById(id);

/** Say why a workflow could not be stopped; an empty text says nothing. */
export function complain(text) {
  byId("stop-refused").textContent = text;
  byId("stop-refused").hidden = !text;
}

/** Stop the execution of a pressed button; `asked` is called when the answer has come. */
export function listenForStops(page, asked) {
  document.addEventListener("click", async ({ target: button }) => {
    const execution = button.dataset?.stop;
    if (!execution || !(await mayWrite(page.caller))) return;
    complain("");
    button.disabled = true;
    const answer = await post(page.stop, { execution_id: execution });
    button.disabled = false;
    if (answer.isGood) byId("said").textContent = `${execution} is being stopped`;
    else complain(answer.reason);
    await asked();
  });
}
