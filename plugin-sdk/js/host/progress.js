export { report } from "blockyard:block/progress@0.1.0";
