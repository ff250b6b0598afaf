// The SharedWorker that follows the stream for all tabs of a browser.

import { Exchange } from "./stream_hub.js";

const exchange = new Exchange();

addEventListener("connect", ({ ports: [port] }) => {
  port.addEventListener("message", ({ data }) => exchange.take(data, (message) => port.postMessage(message)));
  port.start();
});
