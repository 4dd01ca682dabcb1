/** A scan of the inputs, started from the page: what drives each unit of a layer most. */
import { ask } from "./ask.js";
import { make, say } from "./dom.js";
import { known, reloadModel, setScanning } from "./known.js";
import { view } from "./view.js";

/** An offer to scan a layer, or how far a scan is that goes on; `finished` is called when it is there. */
export function scanOffer(layer, finished, why = `No scan tells yet what drives the units of ${layer}.`) {
  const bar = make("progress", { hidden: true, max: 1, ariaLabel: "How far the scan is" });
  const words = make("p.soft", { role: "status" }, `${why} A scan of the ${known().inputs.length} inputs of this page tells it; start the server with --scan RUN to bring a larger one.`);
  const button = make("button.main", { onclick: begin }, "Scan these inputs");
  const failed = (message) => {
    say(message, true);
    setScanning(false);
    button.disabled = false;
    bar.hidden = true;
  };
  async function begin() {
    try {
      const { model, preprocessing } = view();
      const body = JSON.stringify({ model, layers: [layer], preprocessing });
      await ask("api/scan", {}, { method: "POST", headers: { "content-type": "application/json" }, body });
    } catch (error) {
      if (error.status !== 409) return failed(error.message);
    }
    followIt();
  }
  function followIt() {
    setScanning(true);
    button.disabled = true;
    bar.hidden = false;
    follow({ bar, words, failed, finished });
  }
  if (known().scanning) followIt();
  return make("div", {}, words, make("div.row", {}, button, bar));
}

function follow({ bar, words, failed, finished }) {
  const events = new EventSource("api/scan/events");
  events.onerror = () => {
    events.close();
    failed("the server tells no more of the scan; reload the page");
  };
  events.onmessage = ({ data }) => {
    const { done, total, finished: isFinished, error } = JSON.parse(data);
    if (error || isFinished) events.close();
    if (error) return failed(error.message);
    if (total) Object.assign(bar, { max: total, value: done });
    if (total) words.textContent = `scanned ${done} of ${total} inputs`;
    if (isFinished) reloadModel().then(finished, (problem) => failed(problem.message));
  };
}
