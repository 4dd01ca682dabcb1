import { RetrographError, kindOf } from "./errors.js";

/** The field of a ModelProto that holds its metadata, a key and a value each. */
const METADATA_PROPS = 14;

/**
 * The bytes of a file.
 *
 * @param {any} model Uint8Array, ArrayBuffer or another view of bytes
 * @returns {Uint8Array}
 * @throws {RetrographError} it is something else, or empty
 */
export function bytesOf(model) {
  const kind = kindOf(model);
  if (!ArrayBuffer.isView(model) && !/^(Shared)?ArrayBuffer$/.test(kind)) {
    throw new RetrographError(
      "`load` takes the bytes of a built graph, a Uint8Array or an ArrayBuffer, not " +
        `${kind}; read the file first: readFileSync(path) in Node, fetch in a browser`,
    );
  }
  const bytes = ArrayBuffer.isView(model)
    ? new Uint8Array(model.buffer, model.byteOffset, model.byteLength)
    : new Uint8Array(model);
  if (!bytes.length) {
    throw new RetrographError("the file is empty; copy it anew, or build the graph again");
  }
  return bytes;
}

/**
 * The metadata of an ONNX file, which ONNX Runtime's sessions in JavaScript do not tell.
 *
 * @param {Uint8Array} bytes a whole file
 * @returns {Record<string, string>}
 * @throws {RetrographError} it is no ONNX file
 */
export function readMetadata(bytes) {
  const text = new TextDecoder();
  /** @type {Record<string, string>} */
  const properties = {};
  for (const [field, property] of lengthDelimited(bytes)) {
    if (field !== METADATA_PROPS) continue;
    const parts = ["", "", ""];
    for (const [number, part] of lengthDelimited(property)) parts[number] = text.decode(part);
    properties[parts[1]] = parts[2];
  }
  return properties;
}

/**
 * The fields of a protobuf message that have a length: texts, bytes and messages.
 *
 * @param {Uint8Array} bytes
 * @returns {Generator<[number, Uint8Array]>}
 */
function* lengthDelimited(bytes) {
  let at = 0;
  const number = () => {
    let value = 0;
    for (let scale = 1; at < bytes.length && scale < 2 ** 70; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw damaged();
  };
  while (at < bytes.length) {
    const tag = number();
    const kind = tag % 8;
    if (kind === 0) number();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const end = number() + at;
      if (end > bytes.length) throw damaged();
      yield [(tag - kind) / 8, bytes.subarray(at, (at = end))];
    } else throw damaged();
  }
  if (at > bytes.length) throw damaged();
}

function damaged() {
  return new RetrographError("the file is no whole ONNX model; copy it anew, or build it again");
}
