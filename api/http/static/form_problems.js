// What the server says is wrong with a form, each at its field; what is of no field, in one place.

export class FormProblems {
  /** @param form has, for each field, a place with `data-problem`; @param others where the rest is said */
  constructor(form, others) {
    Object.assign(this, { form, others });
  }

  /** Say what an answer says is wrong; a good one says nothing. */
  show(answer) {
    const texts = new Map();
    const rest = [];
    const isOfFields = answer.status === 400 && answer.body && !answer.body.detail;
    for (const [name, said] of Object.entries(isOfFields ? answer.body : {})) {
      const [field, part] = name.split(".");
      const words = [said].flat().join(" ").replace(/^Value error, /, "");
      const text = part && !Number.isInteger(Number(part)) ? `${part}: ${words}` : words;
      if (this.#place(field)) texts.set(field, [...(texts.get(field) ?? []), text]);
      else rest.push(`${name}: ${text}`);
    }
    for (const place of this.form.querySelectorAll("[data-problem]")) this.#tell(place, texts.get(place.dataset.problem)?.join(" ") ?? "");
    if (!answer.isGood && !texts.size && !rest.length) rest.push(answer.reason);
    this.others.textContent = rest.join(" ");
    this.others.hidden = !rest.length;
    this.form.querySelector("[aria-invalid=true]")?.focus();
  }

  #place(field) {
    return this.form.querySelector(`[data-problem="${CSS.escape(field)}"]`);
  }

  #tell(place, text) {
    place.textContent = text;
    place.hidden = !text;
    for (const field of this.form.querySelectorAll(`[name="${CSS.escape(place.dataset.problem)}"]`)) {
      field.ariaInvalid = text ? "true" : null;
      if (text) field.setAttribute("aria-describedby", place.id);
      else field.removeAttribute("aria-describedby");
    }
  }
}
