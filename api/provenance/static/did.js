// The page of a DID: opening it made the server ask Rucio; the answer is shown when it comes.

import { Follower } from "./follow.js";
import { fetchDid } from "./did_page.js";
import { replacePart } from "./live.js";

const SECONDS = 150;
const did = JSON.parse(document.getElementById("did").textContent);
const part = () => document.getElementById("live");

let lastId = Number(part().dataset.eventId);

async function renew() {
  const fresh = await fetchDid(lastId).catch(() => null);
  if (!fresh) return;
  replacePart("live", fresh);
  lastId = Math.max(lastId, Number(part().dataset.eventId));
  if (part().dataset.request) return;
  follower.close();
  document.getElementById("said").textContent = "Rucio was read.";
}

const follower = new Follower({
  types: ["rucio_did_ready"],
  seconds: SECONDS,
  onEvent(_type, payload) {
    if (payload.scope === did.scope && payload.name === did.name) renew();
  },
  check: renew,
  resume: follow,
});

async function follow() {
  await follower.open(lastId);
  follower.begin();
}

if (part().dataset.request) follow();
