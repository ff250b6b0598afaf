// What the reader has unfolded stays so when the page's parts are replaced.

/** Replace parts of the page by `replace`; `details` with an id stay as they are. */
export function keepFolds(replace) {
  const before = new Map(folds().map((each) => [each.id, each.open]));
  replace();
  for (const each of folds()) if (before.has(each.id)) each.open = before.get(each.id);
}

function folds() {
  return [...document.querySelectorAll("details[id]")];
}
