// Which lines of a log look like errors. Words of payloads, of Geant4 and ROOT, and of the pilot.

const BAD = new RegExp(
  [
    "\\b(?:ERROR|FATAL|CRITICAL|SEVERE)\\b",
    "\\b(?:fatal|error):",
    "\\bTraceback \\(most recent call last\\)",
    "\\b[A-Za-z_.]*(?:Error|Exception)\\b:",
    "\\bG4Exception\\b|\\bstd::(?:bad_alloc|\\w+_error|exception)\\b|\\bterminate called\\b",
    "[Ss]egmentation (?:violation|fault)|\\bSIG(?:SEGV|ABRT|KILL|BUS|FPE)\\b|\\bcore dumped\\b|\\*\\*\\* Break \\*\\*\\*",
    "\\b[Oo]ut of memory\\b|\\bOOM\\b|\\bNo space left on device\\b|^Killed$|\\bAborted\\b",
    "\\b[Ee]xit[ _-]?(?:[Cc]ode|[Ss]tatus|code)\\b[\"']?\\s*(?:[:=]|is|was|of)?\\s*-?[1-9]\\d*",
    "\\b(?:pilot|exe|trans)ErrorCode\\b[\"']?\\s*[:=]\\s*[\"']?-?[1-9]",
    "\\bpilot error\\b",
  ].join("|"),
);
const FINE = /\b(?:no|0) errors?\b|\berrors?\b["']?\s*[:=]\s*["']?(?:0\b|none\b)/i;

/** Whether the line looks like an error. */
export function looksBad(line) {
  return BAD.test(line) && !FINE.test(line);
}
