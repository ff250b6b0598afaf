// The DID's page as it is now on the server, whatever its status: that it is absent is an answer.

export async function fetchDid(lastId) {
  const address = new URL(location.href);
  address.searchParams.set("after", lastId);
  const answer = await fetch(address, { cache: "no-store" });
  const text = await answer.text();
  const page = new DOMParser().parseFromString(text, "text/html");
  if (!page.getElementById("live")) throw new Error(`the server answered ${answer.status}`);
  return page;
}
