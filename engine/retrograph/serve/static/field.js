/** Receptive fields: which window of the input a place of a layer sees. */
import { askOnce } from "./ask.js";

/** The windows of a layer, or null where its units see everything. */
export async function fieldOf(model, layer) {
  if (!layer) return null;
  const answer = await askOnce("api/field", { model, layer });
  if (!answer.size || answer.size.includes(null)) return null;
  const { size, stride, offset } = answer;
  return { size, stride, offset };
}

/** The window [x0, y0, x1, y1] of a place [row, column]; a place of one axis lies along x. */
export function windowAt({ size, stride, offset }, place) {
  const [columns, rows = [0, 1]] = place.slice(-2).reverse().map((p, axis) => {
    const start = offset[axis] + stride[axis] * p;
    return [start, start + size[axis]];
  });
  return [columns[0], rows[0], columns[1], rows[1]];
}

/** The place [row, column] whose window lies nearest around a pixel [x, y] of a layer with these sizes. */
export function placeAt({ size, stride, offset }, pixel, sizes) {
  const places = pixel.map((value, axis) => {
    const place = Math.round((value - offset[axis] - size[axis] / 2) / stride[axis]);
    return Math.min(Math.max(place, 0), (sizes[sizes.length - 1 - axis] ?? Infinity) - 1);
  });
  return places.reverse();
}
