// Numbers and times in words, as wording.py says them.

const THIN = "\u202f";
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

function short(value) {
  if (value >= 100 || value === 0) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}

export function count(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, THIN);
}

export function volume(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  let unit = 0;
  for (; bytes >= 1000 && unit < UNITS.length - 1; unit += 1) bytes /= 1000;
  return `${unit ? short(bytes) : bytes.toFixed(0)}${THIN}${UNITS[unit]}`;
}

/** A part in per cent, rounded as flows/common/percent.py does: only all is 100, only nothing is 0. */
export function share(part, whole) {
  if (!whole) return "–";
  const tenths = Math.floor((1000 * part) / whole);
  const shown = (part > whole ? Math.max(tenths, 1001) : part ? Math.max(tenths, 1) : 0) / 10;
  return `${shown.toFixed(shown === 0 || shown === 100 ? 0 : 1)}${THIN}%`;
}

export function rate(perSecond) {
  return `${short(perSecond)}/s`;
}

/** A time in milliseconds as `2026-08-10 12:01:05`, UTC. */
export function clock(milliseconds) {
  return milliseconds ? new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ") : "–";
}

/** A duration in seconds that is still growing: `12 s`, `3 min 20 s`. */
export function waited(seconds) {
  const whole = Math.max(0, Math.trunc(seconds));
  return whole >= 60 ? lasted(whole) : `${whole}${THIN}s`;
}

/** A duration in seconds: `0.42 s`, `12.3 s`, `3 min 20 s`, `2 h 5 min`. */
export function lasted(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 60) return `${short(seconds)}${THIN}s`;
  const rounded = Math.round(seconds);
  const [hours, minutes] = [Math.floor(rounded / 3600), Math.floor(rounded / 60) % 60];
  return hours ? `${hours}${THIN}h ${minutes}${THIN}min` : `${minutes}${THIN}min ${rounded % 60}${THIN}s`;
}
