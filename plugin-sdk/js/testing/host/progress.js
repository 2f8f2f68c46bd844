import { stage } from "../stage.js";

export function report(percent, message) {
  stage()?.progress.push({ percent, message });
}
