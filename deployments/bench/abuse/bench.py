"""Bench `abuse`: bad requests, messages, files and rows by every caller; nothing may give way."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

from deployments.bench.abuse import afterwards, archives, crashes, files, snapshot, world
from deployments.bench.abuse.callers import Sender, make_senders
from deployments.bench.abuse.draw import Inputs, draw, files_among
from deployments.bench.abuse.files import ARCHIVE, PUBLISHED, draw_files
from deployments.bench.abuse.generated import generate, load
from deployments.bench.abuse.inputs import FileInput, HttpInput
from deployments.bench.abuse.judge import EXEMPT, Judge, Kind
from deployments.bench.abuse.operations import all_operations, guards
from deployments.bench.abuse.requests import Known, good
from deployments.bench.abuse.rows import columns_of, play_rows
from deployments.bench.abuse.sending import send_all
from deployments.bench.common.figures import Report, at_most
from deployments.bench.common.stack import BenchStack, bench_stack, say
from flows.common import callers
from flows.common.callers import ALL, Scope

INPUTS: Final = 3000
EXAMPLES: Final = 4
_MOST_SHOWN: Final = 40


def run(*, inputs: int = INPUTS, seed: int = 1) -> Report:
    """Send the inputs of a seed; about 5 minutes by default.

    Raises:
        GeneratorMissing: schemathesis is not installed.
    """
    load()
    report = Report("abuse")
    with tempfile.TemporaryDirectory(prefix="abuse-") as made:
        place = Path(made)
        with bench_stack(world.settings_of(place)) as running:
            bench = _Bench(running, place, seed, inputs)
            bench.play()
    report.add("inputs", len(bench.inputs))
    for kind in Kind:
        report.add(kind.value, bench.judge.count(kind), at_most(0))
    _note(report, bench)
    return report


class _Bench:
    """Sends the inputs, one caller after another, and has everything judged."""

    def __init__(self, running: BenchStack, place: Path, seed: int, number: int) -> None:
        self.seed = seed
        self.refused = Counter[str]()
        self.crashes: Sequence[str] = ()
        self._running = running
        self._place = place
        self._senders = make_senders(running)
        self._by_label = {each.label: each for each in self._senders}
        self._columns = columns_of(running.engine)
        self.inputs, self._known = self._drawn(seed, number)
        self.judge = Judge(
            world.secrets_of(running, self._senders, place),
            guards({each.table for each in self._columns}),
            {"bench": ALL} | {each.name: each.scopes for each in self._senders if each.name},
        )

    def play(self) -> None:
        """Send everything, then see whether all goes on."""
        self._unpack([each for each in self.inputs.files if each.kind == ARCHIVE])
        for sender in self._senders:
            self._watched(sender, sender.label)
        self._scan([each for each in self.inputs.files if each.kind in files.PLACERS])
        self._write()
        say("seeing whether a good request, message and file go through")
        before = self._running.parts
        for why in afterwards.what_stands(self._running, self._place / "stf"):
            self.judge.note(Kind.ENDED_PART, why)
        self.judge.ended("good inputs afterwards", before, self._running.parts)
        self.crashes = crashes.logged(self._running.stack.layout)

    def _drawn(self, seed: int, number: int) -> tuple[Inputs, Known]:
        say(f"seed {seed}: making {number} inputs")
        published = [
            each for each in draw_files(seed, files_among(number)) if each.kind == PUBLISHED
        ]
        known = world.fill(self._running, self._senders, published)
        operations = all_operations()
        generated = generate(seed, operations, known, examples=EXAMPLES)
        (token,) = self._by_label["operate"].secrets
        drawn = draw(
            seed,
            number,
            operations=operations,
            known=known,
            generated=generated,
            columns=self._columns,
            proofs={"token": token, "proxy": "abuse-proxied"},
        )
        return drawn, known

    # ------------------------------------------------------------------ parts of it

    def _watched(self, sender: Sender, what: str) -> None:
        """Send one caller's inputs, and see what they changed and ended."""
        given = self.inputs.sent[sender.label]
        say(f"{what}: {len(given)} requests and messages")
        parts, before = self._running.parts, snapshot.take(self._running)
        self._send(sender, given)
        afterwards.drained(self._running)  # so that the next one's changes are its own
        self.judge.wrote(sender, before, snapshot.take(self._running))
        self.judge.ended(what, parts, self._running.parts)

    def _send(self, sender: Sender, given: Sequence[HttpInput]) -> None:
        for each, answer in send_all(self._running.stack.api_url, sender, given):
            self.judge.answered(sender, each, answer)

    def _scan(self, given: Sequence[FileInput]) -> None:
        say(f"{len(given)} files for the scanner")
        parts = self._running.parts
        for each in given:
            files.place(self._place / "stf", each)
        self.judge.ended("files", parts, self._running.parts)

    def _unpack(self, given: Sequence[FileInput]) -> None:
        say(f"{len(given)} archives of logs")
        with ProcessPoolExecutor(2) as pool:
            for each, why in zip(
                given, pool.map(archives.unpack_one, [each.content for each in given]), strict=True
            ):
                if why:
                    self.judge.note(Kind.ENDED_PART, f"a fetch ended by {why}, of {each}")

    def _write(self) -> None:
        """Write rows as a web tier that was taken over, then read everything that there is."""
        say(f"{len(self.inputs.rows)} statements of the web role")
        parts, before = self._running.parts, snapshot.take(self._running)
        for each, refusal in play_rows(self._running, self.inputs.rows):
            self.refused[f"{each.kind} {'refused' if refusal else 'done'}"] += 1
        reader = self._by_label["operate"]
        self.judge.wrote(self._taken_over(), before, snapshot.take(self._running))
        reads = list(self._reads())
        say(f"reading everything: {len(reads)} requests")
        self._send(reader, reads)
        self.judge.ended("rows", parts, self._running.parts)

    def _taken_over(self) -> Sender:
        """The web tier that somebody took over: it has the proofs of two callers."""
        token, proxied = self._by_label["operate"], self._by_label["proxied"]
        return Sender(
            "web role",
            token.name,
            callers.with_included({Scope.MESSAGE, Scope.OPERATE}),
            others=frozenset({proxied.name}),
        )

    def _reads(self) -> Iterator[HttpInput]:
        """A good request to everything that only reads, and to each published log."""
        chance = random.Random(f"reads {self.seed}")  # noqa: S311 - no secret
        for operation in (each for each in all_operations() if each.is_safe):
            about = [self._known]
            if "pandaid" in operation.parameters:
                jobs = self._known.keys["pandaid"]
                about = [
                    replace(self._known, keys={**self._known.keys, "pandaid": [job]})
                    for job in jobs
                ]
            yield from (good(operation, known, chance) for known in about)


def _note(report: Report, bench: _Bench) -> None:
    """Say what was sent and answered, and each fault with the input that shows it."""
    statuses = ", ".join(
        f"{status}: {count}" for status, count in sorted(bench.judge.statuses.items())
    )
    report.note(f"seed {bench.seed}; answers by status (0: none was owed): {statuses}")
    report.note(f"statements of the web role: {dict(sorted(bench.refused.items()))}")
    for (check, operation), reason in EXEMPT.items():
        report.note(f"not checked: {check} of {operation}, since it {reason}")
    for fault in bench.judge.faults[:_MOST_SHOWN]:
        report.note(str(fault))
    for crash in bench.crashes:
        report.note(f"logged: {crash}")
    if bench.judge.faults:
        report.note(f"again: prodops bench abuse --seed {bench.seed} --inputs {len(bench.inputs)}")
