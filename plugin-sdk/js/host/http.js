export { send, sendAll } from "blockyard:block/http@0.1.0";
