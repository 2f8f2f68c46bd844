import { stage } from "../stage.js";

export function log(level, message, fields) {
  stage()?.logs.push({ level, message, fields: fields === undefined ? {} : JSON.parse(fields) });
}
