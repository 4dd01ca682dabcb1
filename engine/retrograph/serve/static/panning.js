/** Pan and zoom of one element in a frame: by pointer, wheel and calls. */

const MOVED = 4;

/**
 * `apply({ x, y, scale })` puts the element there. Clicks that were no drags go to `clicked(event)`.
 *
 * Returns { set, get, zoom, drag-free }: `zoom(factor, x, y)` keeps a point of the frame in place.
 */
export function panning(frame, apply, { least = 0.05, most = 12, clicked, bounded } = {}) {
  let at = { x: 0, y: 0, scale: 1 };
  const set = (next) => {
    at = { ...at, ...next };
    at.scale = Math.min(most, Math.max(least, at.scale));
    if (bounded) at = bounded(at);
    apply(at);
  };
  const zoom = (factor, x = frame.clientWidth / 2, y = frame.clientHeight / 2) => {
    const scale = Math.min(most, Math.max(least, at.scale * factor));
    const ratio = scale / at.scale;
    set({ scale, x: x - (x - at.x) * ratio, y: y - (y - at.y) * ratio });
  };
  frame.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const edge = frame.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY * 0.0016), event.clientX - edge.left, event.clientY - edge.top);
    },
    { passive: false },
  );
  follow(frame, () => at, set, clicked);
  return { set, get: () => at, zoom };
}

function follow(frame, get, set, clicked) {
  let begun = null;
  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    begun = { x: event.clientX, y: event.clientY, at: get(), moved: false };
  });
  frame.addEventListener("pointermove", (event) => {
    if (!begun) return;
    const [dx, dy] = [event.clientX - begun.x, event.clientY - begun.y];
    if (!begun.moved && Math.hypot(dx, dy) < MOVED) return;
    if (!begun.moved) frame.setPointerCapture(event.pointerId);
    begun.moved = true;
    frame.classList.add("dragged");
    set({ x: begun.at.x + dx, y: begun.at.y + dy });
  });
  frame.addEventListener("pointerup", (event) => {
    if (begun && !begun.moved) clicked?.(event);
    begun = null;
    frame.classList.remove("dragged");
  });
  frame.addEventListener("pointercancel", () => {
    begun = null;
    frame.classList.remove("dragged");
  });
}
