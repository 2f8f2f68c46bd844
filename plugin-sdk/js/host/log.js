export { log } from "blockyard:block/log@0.1.0";
