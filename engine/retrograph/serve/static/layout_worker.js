/** Where the nodes of a graph lie, worked out beside the page so that it stays fluid. */
import { layOut } from "./layout.js";

onmessage = ({ data: { key, nodes, edges } }) => postMessage({ key, ...layOut(nodes, edges) });
