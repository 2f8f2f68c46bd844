export { get } from "blockyard:block/secrets@0.1.0";
